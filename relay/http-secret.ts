// The file of `--http-secret-file`: one line, NAME:PASSWORD.

import { readFileSync, statSync } from "node:fs";

/** Anybody who can connect could guess a short one. */
const leastPasswordBytes = 16;
const maxBytes = 1_024;

/** The file cannot be used. The message says what to change, and holds nothing of the secret. */
export class HttpSecretError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "HttpSecretError";
  }
}

/** Returns NAME:PASSWORD. @throws HttpSecretError */
export function readHttpSecret(path: string): string {
  let mode: number;
  let text: string;
  try {
    const found = statSync(path);
    mode = found.mode;
    if (!found.isFile()) throw new HttpSecretError("--http-secret-file is not a file");
    if (found.size > maxBytes)
      throw new HttpSecretError(`--http-secret-file has more than ${maxBytes} bytes`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof HttpSecretError) throw error;
    throw new HttpSecretError(`--http-secret-file cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if ((mode & 0o007) !== 0) {
    throw new HttpSecretError("--http-secret-file is open to every user: chmod o-rwx");
  }
  const secret = text.replace(/\r?\n$/, "");
  const password = /^[\x21-\x39\x3b-\x7e]+:([\x21-\x7e]+)$/.exec(secret)?.[1];
  if (password === undefined) {
    throw new HttpSecretError("--http-secret-file is not one line of NAME:PASSWORD in ASCII, without blanks");
  }
  if (password.length < leastPasswordBytes) {
    throw new HttpSecretError(
      `--http-secret-file has a password of fewer than ${leastPasswordBytes} characters`,
    );
  }
  return secret;
}
