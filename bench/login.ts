// One login for the benchmarks and tests of the built function: its event, its settings, its session in memcached.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { Client } from "memjs";
import { loginEvent as loginEventOf } from "../test/infra/login-event.ts";

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

/** Alice's login as API Gateway hands it on. */
export function loginEvent(): APIGatewayProxyEventV2 {
  return loginEventOf("alice", sessionId);
}
