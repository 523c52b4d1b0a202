// `npm run bench:tickets`: what the function takes to open a ticket, and to refuse one of another key; microseconds of the
// processor.

import { randomBytes } from "node:crypto";
import { CompactEncrypt } from "jose";
import { ticketOpener } from "../inspector/ticket.ts";
import { readTicketKeys } from "../inspector/ticket-keys.ts";

const host = "example.org";
const nowSeconds = Math.floor(Date.now() / 1000);
const key = randomBytes(32);
const keys = readTicketKeys(`1:${key.toString("base64url")}`);
if (keys === undefined) throw new Error("the key cannot be read");
const open = ticketOpener(keys, 300);

function seal(secret: Uint8Array): Promise<string> {
  const jti = randomBytes(12).toString("base64url");
  const claims = { sid: randomBytes(16).toString("hex"), aud: host, exp: nowSeconds + 60, jti };
  return new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: "inspectord", kid: "1" })
    .encrypt(secret);
}

const rounds = 21;
const opensARound = 10_000;

for (const [name, secret] of [
  ["opened", key],
  ["of another key", randomBytes(32)],
] as const) {
  const tickets = await Promise.all(Array.from({ length: 1000 }, () => seal(secret)));
  const tookUs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (let done = 0; done < opensARound; done++) {
      const opened = open(tickets[done % tickets.length] ?? "", { host, nowSeconds });
      if ("sessionId" in opened !== (secret === key)) throw new Error(`wrong: ${JSON.stringify(opened)}`);
    }
    const { user, system } = process.cpuUsage(before);
    tookUs.push((user + system) / opensARound);
  }
  const [least, median, most] = [0, (rounds - 1) / 2, rounds - 1].map(
    (at) => tookUs.sort((a, b) => a - b)[at],
  );
  console.log(`${name}: ${median?.toFixed(1)} µs (${least?.toFixed(1)} to ${most?.toFixed(1)})`);
}
