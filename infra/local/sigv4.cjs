// API Gateway's aws_iam authorizer on this machine: it verifies AWS Signature Version 4 for the one key below, and
// serverless-offline asks it (custom.offline.customAuthenticationProvider). It shares nothing with the relay's signer.
//
// Source: AWS General Reference, "Signature Version 4 signing process"; IAM User Guide, "Create a signed request".

const { createHash, createHmac, timingSafeEqual } = require("node:crypto");

/** Whoever signs with this may ask: a key of the local stack alone, and no secret. */
const localKey = {
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

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/**
 * Gives why a request is not let in, or nothing. `headers` by their lower-case names, as they came; `nowMs` since the
 * epoch. Without `bodyHash` it takes the request's word for it, which `isBodyOf` checks.
 */
function refusalOf({
  method,
  path,
  query = "",
  headers,
  nowMs,
  bodyHash = headers["x-amz-content-sha256"] ?? "",
}) {
  const parts = authorization.exec(headers["authorization"] ?? "");
  if (parts === null) return "unsigned";
  const [, accessKey, day, region, scopeService, signedNames, signature] = parts;
  const date = headers["x-amz-date"] ?? "";
  const [, years, months, days, hours, minutes, seconds] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const atMs = Date.UTC(years, months - 1, days, hours, minutes, seconds);
  if (!(Math.abs(atMs - nowMs) <= maxSkewMs) || !date.startsWith(day)) return "date";
  if (accessKey !== localKey.AWS_ACCESS_KEY_ID) return "key";
  if (headers["x-amz-security-token"] !== localKey.AWS_SESSION_TOKEN) return "token";
  if (region !== localKey.AWS_REGION || scopeService !== service) return "scope";
  const names = signedNames.split(";");
  const isSorted = names.every((name, i) => i === 0 || names[i - 1] < name);
  if (!isSorted || !mustBeSigned.every((name) => names.includes(name))) return "signed-headers";
  const right = signatureOf({
    method,
    path,
    query,
    headers: names.map((name) => [name, headers[name] ?? ""]),
    bodyHash,
    date,
    scope: [day, region, service],
    secret: localKey.AWS_SECRET_ACCESS_KEY,
  });
  return timingSafeEqual(Buffer.from(signature, "hex"), right) ? undefined : "signature";
}

/** The signature of a request with these header fields, in the order in which they are signed. */
function signatureOf({ method, path, query, headers, bodyHash, date, scope, secret }) {
  const canonicalRequest = [
    method,
    // As it stands in the request, and escaped once more: only S3 has it otherwise.
    path.split("/").map(encodeURIComponent).join("/"),
    query,
    ...headers.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, " ")}`),
    "",
    headers.map(([name]) => name).join(";"),
    bodyHash,
  ].join("\n");
  const whole = [...scope, "aws4_request"];
  const text = ["AWS4-HMAC-SHA256", date, whole.join("/"), sha256(canonicalRequest)].join("\n");
  return hmac(whole.reduce(hmac, `AWS4${secret}`), text);
}

/** Whether this is the body that was signed. */
function isBodyOf(headers, body) {
  return sha256(body ?? "") === headers["x-amz-content-sha256"];
}

/** The authentication of each route, as hapi has it. All of it waits for the body: not every signer sends its hash. */
function provider(_endpoint, functionKey) {
  return {
    name: `aws-iam-${functionKey}`,
    scheme: `aws-iam-${functionKey}`,
    getAuthenticateFunction: () => ({
      options: { payload: true },
      authenticate: (_request, h) => h.authenticated({ credentials: {} }),
      payload: ({ headers, method, payload, url }, h) => {
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

module.exports = Object.assign(provider, { localKey, refusalOf, isBodyOf, signatureOf });
