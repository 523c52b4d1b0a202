// Puts a value into a real store as it is, in place of all others.

import assert from "node:assert/strict";
import { connect } from "node:net";

const crlf = Buffer.from("\r\n");

export async function putIntoMemcached(
  port: number,
  key: string,
  bytes: Uint8Array,
  flags = 0,
): Promise<void> {
  const head = Buffer.from(`set ${key} ${flags} 0 ${bytes.length}\r\n`);
  assert.match(await tell(port, Buffer.concat([head, bytes, crlf])), /^STORED/);
}

/** `value` is a text's bytes, or a hash by its fields. */
export async function putIntoRedis(
  port: number,
  key: string,
  value: Uint8Array | Readonly<Record<string, string | Uint8Array>>,
  database = 0,
): Promise<void> {
  const set =
    value instanceof Uint8Array ? ["SET", key, value] : ["HSET", key, ...Object.entries(value).flat()];
  const said = await tell(port, respOf([["FLUSHALL"], ["SELECT", String(database)], set]));
  assert.match(said, /^\+OK\r\n\+OK\r\n(?:\+OK|:[1-9])/);
}

/** Returns the commands as Redis' protocol has them, their bytes untouched. */
function respOf(commands: readonly (readonly (string | Uint8Array)[])[]): Buffer {
  return Buffer.concat(
    commands.flatMap((words) => [
      Buffer.from(`*${words.length}\r\n`),
      ...words.flatMap((word) => [Buffer.from(`$${Buffer.byteLength(word)}\r\n`), Buffer.from(word), crlf]),
    ]),
  );
}

/** Returns what a server says to these bytes until it closes. */
function tell(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("data", (chunk) => {
      said += chunk.toString("latin1");
    });
    socket.once("error", reject).once("close", () => resolve(said));
  });
}
