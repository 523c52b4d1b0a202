// Changed tickets by the million: none opens, and nothing throws. Used by `npm run fuzz` (decoders.ts) and, with a smaller
// count, by `npm test`.

import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { ticketOpener } from "../../inspector/ticket.ts";
import { readTicketKeys } from "../../inspector/ticket-keys.ts";
import { randomNumbers } from "../inspector/session/formats/mutants.ts";

const nowSeconds = 1_800_000_000;
const host = "example.org";
/** Always the same, so that a seed makes the same tickets again. */
const secrets = { 1: Buffer.alloc(32, 1), 2: Buffer.alloc(32, 2) };
type KeyId = keyof typeof secrets;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** What may stand in a header, right or wrong, and characters that base64url lacks. */
const headWords = ["dir", "none", "A256GCM", "A128GCM", "inspectord", "1", "2", "3", "zip", "__proto__", "{"];
const strangers = [".", "=", "+", "/", " ", "\n", "\0", "é", "\ud800"];

/**
 * Changes good tickets so many times and tries to open each. Returns how often each answer came.
 *
 * @throws AssertionError for a changed ticket that opens, and for a good one that does not, with the ticket in the message
 */
export function fuzzTickets(seed: number, count: number): ReadonlyMap<string, number> {
  const random = randomNumbers(seed);
  const keys = readTicketKeys(
    Object.entries(secrets)
      .map(([id, bytes]) => `${id}:${bytes.toString("base64url")}`)
      .join(),
  );
  assert.ok(keys !== undefined);
  const open = ticketOpener(keys, 300);
  const good = ([1, 1, 2, 2] as const).map((id, place) => seal(id, Buffer.alloc(12, place)));
  const answers = new Map<string, number>();
  for (let made = 0; made < count; made++) {
    const ticket = changed(good, random);
    const opened = open(ticket, { host, nowSeconds });
    assert.equal("sessionId" in opened, good.includes(ticket), ticket);
    const answer = "problem" in opened ? opened.problem : "opened";
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  return answers;
}

function seal(kid: KeyId, iv: Buffer): string {
  const head = encode(JSON.stringify({ alg: "dir", enc: "A256GCM", typ: "inspectord", kid: String(kid) }));
  const cipher = createCipheriv("aes-256-gcm", secrets[kid], iv).setAAD(Buffer.from(head));
  const claims = { sid: `session${kid}`.padEnd(32, "0"), aud: host, exp: nowSeconds + 60, jti: "abcdefgh" };
  const text = Buffer.concat([cipher.update(JSON.stringify(claims)), cipher.final()]);
  return [head, "", encode(iv), encode(text), encode(cipher.getAuthTag())].join(".");
}

function encode(bytes: Buffer | string): string {
  return Buffer.from(bytes as string).toString("base64url");
}

/** One of the good tickets, changed once to three times, or rarely not at all. */
function changed(good: readonly string[], random: () => number): string {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  let ticket = pick(good);
  if (random() < 0.01) return ticket;
  for (let left = 1 + below(3); left > 0; left--) ticket = pick(changes)(ticket, { below, pick, good });
  return ticket;
}

interface Chance {
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
  readonly good: readonly string[];
}

type Change = (ticket: string, chance: Chance) => string;

/** Changes one part of a ticket, and leaves the others. */
const ofPart =
  (change: (part: string, chance: Chance, place: number) => string): Change =>
  (ticket, chance) => {
    const parts = ticket.split(".");
    const place = chance.below(parts.length);
    return parts.map((part, at) => (at === place ? change(part, chance, place) : part)).join(".");
  };

const changes: readonly Change[] = [
  // Characters: another one, one more, one less, and the end cut off.
  (ticket, { below, pick }) => spliced(ticket, below(ticket.length), 1, pick([...alphabet])),
  (ticket, { below, pick }) =>
    spliced(ticket, below(ticket.length + 1), 0, pick([...alphabet, ...strangers])),
  (ticket, { below }) => spliced(ticket, below(ticket.length), 1 + below(3), ""),
  (ticket, { below }) => ticket.slice(0, below(ticket.length)),
  // Bytes: one bit, a shorter or longer part, one that is written in another way.
  ofPart((part, { below }) => {
    const bytes = Buffer.from(part, "base64url");
    const at = below(bytes.length);
    if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
    return encode(bytes);
  }),
  ofPart((part, { below }) => encode(Buffer.from(part, "base64url").subarray(0, below(16)))),
  ofPart((part, { below }) =>
    encode(Buffer.concat([Buffer.from(part, "base64url"), Buffer.alloc(below(5), below(256))])),
  ),
  ofPart((part) => Buffer.from(part, "base64url").toString("base64")),
  // Parts: of another good ticket, doubled, swapped with another, none.
  ofPart((_, { pick, good }, place) => pick(good).split(".")[place] ?? ""),
  ofPart((part) => `${part}.${part}`),
  (ticket, { below }) => {
    const parts = ticket.split(".");
    const [part = ""] = parts.splice(below(parts.length), 1);
    parts.splice(below(parts.length + 1), 0, part);
    return parts.join(".");
  },
  ofPart(() => ""),
  // The header: other words, and a member more.
  ofHead((head, { pick }) => head.replaceAll(pick(headWords), pick(headWords))),
  ofHead((head, { pick }) => head.replace(/("kid":)"[^"]*"/, `$1"${pick(["1", "2", "3", "", "toString"])}"`)),
  ofHead((head, { pick }) => head.replace("}", `,"${pick(headWords)}":"${pick(headWords)}"}`)),
  ofHead((head, { pick }) => head.replace(":", pick([" :", ": ", "::", ""]))),
];

function ofHead(change: (head: string, chance: Chance) => string): Change {
  return (ticket, chance) => {
    const [head = "", ...rest] = ticket.split(".");
    return [encode(change(Buffer.from(head, "base64url").toString(), chance)), ...rest].join(".");
  };
}

function spliced(text: string, at: number, less: number, more: string): string {
  return text.slice(0, at) + more + text.slice(at + less);
}
