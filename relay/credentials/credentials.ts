// What credentials are, and why there are none.

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Where it is missing, they do not end by themselves. */
  readonly expiration?: Date;
}

/**
 * `missing`: no place has any. `unreadable`: a place that is configured gives none. `expired`: those at hand have
 * ended, and there are no others.
 */
export type CredentialsFaultCode = "credentials-missing" | "credentials-unreadable" | "credentials-expired";

/** There are no credentials. `detail` says where and what, and holds nothing of them. */
export class CredentialsError extends Error {
  readonly code: CredentialsFaultCode;
  readonly detail: string;

  constructor(code: CredentialsFaultCode, detail: string) {
    super(`${code}: ${detail}`);
    this.name = "CredentialsError";
    this.code = code;
    this.detail = detail;
  }
}

/** The secret key is never sent: only what a line of a file left in it is looked for. */
const rules = [
  ["accessKeyId", "access key id", /^[!-~]*$/],
  ["secretAccessKey", "secret key", /^\P{Cc}*$/u],
  ["sessionToken", "session token", /^[!-~]*$/],
] as const;

/**
 * Returns the credentials. Two of them are sent in fields of HTTP, which a line break would end.
 * @throws CredentialsError if one of these two holds anything but visible ASCII, or the secret key a control character
 */
export function checkCharacters(place: string, credentials: Credentials): Credentials {
  for (const [name, inWords, allowed] of rules) {
    if (allowed.test(credentials[name] ?? "")) continue;
    throw new CredentialsError(
      "credentials-unreadable",
      `${place}: the ${inWords} holds a line break, a space or another character that none has`,
    );
  }
  return credentials;
}
