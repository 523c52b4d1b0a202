// The token that RDS takes in place of a password: a signed URL, for one user of one database, good for 15 minutes.
//
// Source: "Connecting to your DB instance using IAM authentication", Amazon RDS User Guide; @aws-sdk/rds-signer.

import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

export interface AwsIdentity {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** How long it lets a new connection in, in seconds: an open one stays. */
const lifetimeSeconds = 900;

class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Returns the token. */
export async function rdsToken(
  { host, port, user }: { readonly host: string; readonly port: number; readonly user: string },
  { region, ...credentials }: AwsIdentity,
  now: Date,
): Promise<string> {
  const signer = new SignatureV4({ service: "rds-db", region, credentials, sha256: Sha256 });
  const query = { Action: "connect", DBUser: user };
  const request = { method: "GET", protocol: "https:", hostname: host, port, path: "/", query };
  const signed = await signer.presign(
    { ...request, headers: { host: `${host}:${port}` } },
    { expiresIn: lifetimeSeconds, signingDate: now },
  );
  const parameters = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `${host}:${port}/?${parameters.toSorted().join("&")}`;
}
