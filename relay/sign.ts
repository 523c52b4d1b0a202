// A request's signature: AWS Signature Version 4, for API Gateway's aws_iam authorizer.

import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { ApiFault, type Sign } from "./api.ts";
import { type Credentials, CredentialsFault } from "./credentials/credentials.ts";

export interface SignOptions {
  readonly url: URL;
  readonly region: string;
  readonly credentials: { current(): Promise<Credentials> };
  readonly now: () => Date;
}

/** Node's SHA-256 and HMAC, as the signer takes them. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash("sha256") : createHmac("sha256", key as Buffer | string);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error("one hash is for one text");
  }
}

/**
 * Gives what signs a POST of a JSON body to this URL: the host, the type, the date and the body are signed. Of the
 * fields it gives those that the request has not by itself: a second Host breaks it (RFC 9112, 3.2).
 */
export function createSign({ url, region, credentials, now }: SignOptions): Sign {
  const signer = new SignatureV4({
    service: "execute-api",
    region,
    sha256: Sha256,
    credentials: async () => currentOf(credentials),
  });
  const headers = { host: url.host, "content-type": "application/json" };
  return async (body) => {
    const signed = await signer.sign(
      { method: "POST", protocol: url.protocol, hostname: url.hostname, path: url.pathname, headers, body },
      { signingDate: now() },
    );
    const { host: _host, "content-type": _type, ...added } = signed.headers;
    return added;
  };
}

async function currentOf(credentials: SignOptions["credentials"]): Promise<Credentials> {
  try {
    return await credentials.current();
  } catch (fault) {
    if (!(fault instanceof CredentialsFault)) throw fault;
    throw new ApiFault(fault.code, fault.detail);
  }
}
