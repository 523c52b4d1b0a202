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
