// A request's signature, AWS Signature Version 4, for API Gateway's aws_iam authorizer. It signs the one kind of request
// that a relay makes, a POST of JSON to one URL without a query. So the canonical request is a string around the body's
// hash, and the signing key is derived once a day.
//
// Source: IAM User Guide, "Create a signed AWS API request".

import { createHash, createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { ApiError, type Sign } from "./api.ts";
import { type Credentials, CredentialsError } from "./credentials/credentials.ts";

export interface SignOptions {
  readonly url: URL;
  readonly region: string;
  readonly credentials: { current(): Promise<Credentials> };
  readonly now: () => Date;
}

const algorithm = "AWS4-HMAC-SHA256";
const service = "execute-api";

/** Everything that is the same for all requests of one day with the same credentials. */
interface Day {
  readonly credentials: Credentials;
  /** YYYYMMDD, in UTC. */
  readonly date: string;
  readonly scope: string;
  readonly key: KeyObject;
  /** The authorization field as far as the signature. */
  readonly authorization: string;
  /** What stands in the canonical request between the time and the body's hash. */
  readonly afterTime: string;
}

/**
 * Returns what signs a POST of a JSON body to this URL: host, type, time and body are signed. It returns only the fields
 * that the request does not already carry: a second Host is an error (RFC 9112, 3.2).
 */
export function createSign({ url, region, credentials, now }: SignOptions): Sign {
  const beforeHash = `POST\n${canonicalPath(url.pathname)}\n\ncontent-type:application/json\nhost:${url.host}\nx-amz-content-sha256:`;
  let day: Day | undefined;
  return async (body) => {
    const current = await currentOf(credentials);
    const time = now()
      .toISOString()
      .replace(/[-:]|\.\d+/g, "");
    if (day === undefined || !isOf(day, current, time)) day = dayOf(current, time.slice(0, 8), region);
    const bodyHash = sha256(body);
    const request = `${beforeHash}${bodyHash}\nx-amz-date:${time}\n${day.afterTime}${bodyHash}`;
    const toSign = `${algorithm}\n${time}\n${day.scope}\n${sha256(request)}`;
    return {
      "x-amz-date": time,
      ...(current.sessionToken && { "x-amz-security-token": current.sessionToken }),
      "x-amz-content-sha256": bodyHash,
      authorization: `${day.authorization}${signature(day.key, toSign)}`,
    };
  };
}

function isOf({ credentials, date }: Day, current: Credentials, time: string): boolean {
  return (
    time.startsWith(date) &&
    credentials.accessKeyId === current.accessKeyId &&
    credentials.secretAccessKey === current.secretAccessKey &&
    credentials.sessionToken === current.sessionToken
  );
}

function dayOf(credentials: Credentials, date: string, region: string): Day {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const scope = `${date}/${region}/${service}/aws4_request`;
  const names = ["content-type", "host", "x-amz-content-sha256", "x-amz-date"];
  if (sessionToken) names.push("x-amz-security-token");
  const signedNames = names.join(";");
  const tokenLine = sessionToken ? `x-amz-security-token:${canonicalValue(sessionToken)}\n` : "";
  return {
    credentials,
    date,
    scope,
    key: signingKey(secretAccessKey, scope),
    authorization: `${algorithm} Credential=${accessKeyId}/${scope}, SignedHeaders=${signedNames}, Signature=`,
    afterTime: `${tokenLine}\n${signedNames}\n`,
  };
}

/** Returns the key for the requests of one scope, DATE/REGION/SERVICE/aws4_request. */
export function signingKey(secretAccessKey: string, scope: string): KeyObject {
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  return createSecretKey(key);
}

/** Returns the signature of a string to sign, in hexadecimal. */
export function signature(key: KeyObject, toSign: string): string {
  return createHmac("sha256", key).update(toSign).digest("hex");
}

/** Returns the path as it stands in the URL, escaped once more and without empty segments: only S3 has it otherwise. */
function canonicalPath(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  const end = segments.length > 0 && path.endsWith("/") ? "/" : "";
  return `/${segments.map(escaped).join("/")}${end}`;
}

/** Escapes everything but RFC 3986's unreserved characters. */
function escaped(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function canonicalValue(value: string): string {
  return value.trim().replace(/\s+/g, " ");
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

async function currentOf(credentials: SignOptions["credentials"]): Promise<Credentials> {
  try {
    return await credentials.current();
  } catch (fault) {
    if (!(fault instanceof CredentialsError)) throw fault;
    throw new ApiError(fault.code, fault.detail);
  }
}
