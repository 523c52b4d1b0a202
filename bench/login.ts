// One login for the benchmarks and tests of the built function: its event, its settings, its session in memcached.

import { Client } from "memjs";

export const sessionId = "alice0session0of0the0bench0";
export const sessionKey = `memc.sess.key.${sessionId}`;
export const smallSession = Buffer.from('user|a:1:{s:4:"name";s:5:"alice";}authenticated|b:1;');

/** What most sites set beside SESSION_STORE. */
export const plainSettings = {
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user.name",
  SERVED_HOSTS: "localhost",
};

/** Puts Alice's session there as PHP's memcached save handler does. */
export async function putSession(
  { host, port }: { host: string; port: number },
  bytes: Buffer,
): Promise<void> {
  const client = Client.create(`${host}:${port}`);
  await client.set(sessionKey, bytes, { expires: 0 });
  client.close();
}

/** Alice's login as API Gateway's HTTP API hands it on: payload format 2.0, all its members. */
export function loginEvent(): Readonly<Record<string, unknown>> {
  const host = "id.execute-api.eu-central-1.amazonaws.com";
  const body = JSON.stringify({ op: "auth", user: "alice", server: "localhost", password: sessionId });
  return {
    version: "2.0",
    routeKey: "POST /auth",
    rawPath: "/auth",
    rawQueryString: "",
    headers: {
      "content-length": String(body.length),
      "content-type": "application/json",
      host,
      "x-amzn-trace-id": "Root=1-00000000-000000000000000000000000",
      "x-forwarded-for": "192.0.2.1",
      "x-forwarded-port": "443",
      "x-forwarded-proto": "https",
    },
    requestContext: {
      accountId: "123456789012",
      apiId: "id",
      domainName: host,
      domainPrefix: "id",
      http: {
        method: "POST",
        path: "/auth",
        protocol: "HTTP/1.1",
        sourceIp: "192.0.2.1",
        userAgent: "relay",
      },
      requestId: "JKJaXmPLvHcESHA=",
      routeKey: "POST /auth",
      stage: "$default",
      time: "01/Jan/2026:00:00:00 +0000",
      timeEpoch: 1_767_225_600_000,
    },
    body,
    isBase64Encoded: false,
  };
}
