// API Gateway's aws_iam authorizer on this machine: it verifies AWS Signature Version 4 for the one key below, and
// serverless-offline asks it (custom.offline.customAuthenticationProvider; the build emits dist/infra/sigv4.cjs). It shares
// nothing with the relay's signer.
//
// Source: AWS General Reference, "Signature Version 4 signing process"; IAM User Guide, "Create a signed request".

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** By their lower-case names, as they came. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly headers: Headers;
  /** The time of the verification, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Unless given, the request's own word for it is taken, which `isBodyOf` checks. */
  readonly bodyHash?: string;
}

interface Parts {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Names and values, in the order in which they are signed. */
  readonly headers: readonly (readonly string[])[];
  readonly bodyHash: string;
  readonly date: string;
  /** Day, region and service. */
  readonly scope: readonly string[];
  readonly secret: string;
}

type Variable = "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" | "AWS_REGION";

/** The one key that is accepted. It is the local stack's own, and no secret. */
export const localKey: Readonly<Record<Variable, string>> = {
  AWS_ACCESS_KEY_ID: "AKIALOCALSTACKONLY00",
  AWS_SECRET_ACCESS_KEY: "not+a+secret/of+the+local+stack+0000000",
  AWS_SESSION_TOKEN: "token-of-the-local-stack",
  AWS_REGION: "eu-central-1",
};

const service = "execute-api";
const maxSkewMs = 5 * 60_000;
const authorization =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const mustBeSigned = ["host", "x-amz-date"];

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const field = (headers: Headers, name: string) => String(headers[name] ?? "");

/** Returns why a request is not let in, or undefined if it is. */
export function refusalOf(request: SignedRequest): string | undefined {
  const { method, path, query = "", headers, nowMs } = request;
  const { bodyHash = field(headers, "x-amz-content-sha256") } = request;
  const parts = authorization.exec(field(headers, "authorization"));
  if (parts === null) return "unsigned";
  const [, accessKey = "", day = "", region = "", scopeService = "", signedNames = "", signature = ""] =
    parts;
  const date = field(headers, "x-amz-date");
  const [, years, months, days, hours, minutes, seconds] = (
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  ).map(Number);
  const atMs = Date.UTC(years ?? Number.NaN, (months ?? 0) - 1, days, hours, minutes, seconds);
  if (!(Math.abs(atMs - nowMs) <= maxSkewMs) || !date.startsWith(day)) return "date";
  if (accessKey !== localKey.AWS_ACCESS_KEY_ID) return "key";
  if (headers["x-amz-security-token"] !== localKey.AWS_SESSION_TOKEN) return "token";
  if (region !== localKey.AWS_REGION || scopeService !== service) return "scope";
  const names = signedNames.split(";");
  const isSorted = names.every((name, i) => i === 0 || (names[i - 1] ?? "") < name);
  if (!isSorted || !mustBeSigned.every((name) => names.includes(name))) return "signed-headers";
  const right = signatureOf({
    method,
    path,
    query,
    headers: names.map((name) => [name, field(headers, name)]),
    bodyHash,
    date,
    scope: [day, region, service],
    secret: localKey.AWS_SECRET_ACCESS_KEY,
  });
  return timingSafeEqual(Buffer.from(signature, "hex"), right) ? undefined : "signature";
}

/** Returns the signature of a request with these header fields. */
export function signatureOf({ method, path, query, headers, bodyHash, date, scope, secret }: Parts): Buffer {
  const canonicalRequest = [
    method,
    // As it stands in the request, and escaped once more: only S3 has it otherwise.
    path.split("/").map(encodeURIComponent).join("/"),
    query,
    ...headers.map(([name, value = ""]) => `${name}:${value.trim().replace(/ +/g, " ")}`),
    "",
    headers.map(([name]) => name).join(";"),
    bodyHash,
  ].join("\n");
  const whole = [...scope, "aws4_request"];
  const text = ["AWS4-HMAC-SHA256", date, whole.join("/"), sha256(canonicalRequest)].join("\n");
  const key = whole.reduce<string | Buffer>((previous, part) => hmac(previous, part), `AWS4${secret}`);
  return hmac(key, text);
}

/** Whether this is the body that was signed. */
export function isBodyOf(headers: Headers, body: string | Uint8Array | null): boolean {
  return sha256(body ?? "") === headers["x-amz-content-sha256"];
}

/** The part of hapi's request and response toolkit that is used here. */
interface HapiRequest {
  readonly headers: Headers;
  readonly method: string;
  readonly payload: string | Uint8Array | null;
  readonly url: URL;
}
interface HapiResponse {
  readonly code: (status: number) => { readonly takeover: () => unknown };
}
interface HapiToolkit {
  readonly continue: unknown;
  readonly authenticated: (result: { readonly credentials: object }) => unknown;
  readonly response: (body: object) => HapiResponse;
}

/** The authentication of each route, as hapi has it. All of it waits for the body: not every signer sends its hash. */
export default function provider(_endpoint: unknown, functionKey: string) {
  return {
    name: `aws-iam-${functionKey}`,
    scheme: `aws-iam-${functionKey}`,
    getAuthenticateFunction: () => ({
      options: { payload: true },
      authenticate: (_request: HapiRequest, h: HapiToolkit) => h.authenticated({ credentials: {} }),
      payload: ({ headers, method, payload, url }: HapiRequest, h: HapiToolkit) => {
        const refusal = refusalOf({
          method: method.toUpperCase(),
          path: url.pathname,
          query: url.search.slice(1),
          headers,
          nowMs: Date.now(),
          bodyHash: sha256(payload ?? ""),
        });
        return refusal === undefined ? h.continue : h.response({ message: "Forbidden" }).code(403).takeover();
      },
    }),
  };
}
