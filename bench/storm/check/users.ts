// The users of a small storm, and their sessions in memcached.

import { Client } from "memjs";

export function sessionIdOf(user: number): string {
  return `storm0session0of0user0${String(user).padStart(8, "0")}`;
}

/** Stores a session of each, as PHP's memcached save handler does. */
export async function storeSessions(port: number, users: number): Promise<void> {
  const client = Client.create(`127.0.0.1:${port}`);
  for (let user = 0; user < users; user++) {
    const name = `u${user}`;
    const session = `user|a:1:{s:4:"name";s:${name.length}:"${name}";}authenticated|b:1;`;
    await client.set(`memc.sess.key.${sessionIdOf(user)}`, session, { expires: 0 });
  }
  client.close();
}
