// What credentials are, and that there are none.

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Where it is missing, they do not end by themselves. */
  readonly expiration?: Date;
}

/** There are no credentials. `detail` says where and what, and holds nothing of them. */
export class CredentialsFault extends Error {
  readonly detail: string;

  constructor(detail: string) {
    super(`no credentials: ${detail}`);
    this.name = "CredentialsFault";
    this.detail = detail;
  }
}

/** In milliseconds: a place that is slow to answer is given up after so long. */
export const longestLoadMs = 5_000;
