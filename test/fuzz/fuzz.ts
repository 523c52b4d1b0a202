// Damaged sessions by the million: whatever the bytes, a decoder gives a session or an UnreadableSessionError,
// soon and in little memory, and the same where not all of the session is wanted. Used by `npm run fuzz`
// (decoders.ts) and, with a smaller count, by `npm test`.

import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { valueAt } from "../../inspector/expressions/plain-path.ts";
import { Search } from "../../inspector/expressions/search.ts";
import { toDocument } from "../../inspector/session/document.ts";
import { decoders, type SerializeHandler } from "../../inspector/session/formats/formats.ts";
import type { LayerName } from "../../inspector/session/layers/layer-names.ts";
import { openLayers } from "../../inspector/session/layers/open-layers.ts";
import { maxSessionBytes } from "../../inspector/session/limits.ts";
import type { PhpSession } from "../../inspector/session/model.ts";
import { UnreadableSessionError } from "../../inspector/session/unreadable.ts";
import { type Wanted, wantedOf } from "../../inspector/session/wanted.ts";
import { wantedBy, whoIsLoggedIn } from "../../inspector/who.ts";
import { cpuMsOf } from "../cpu-time.ts";
import {
  type Handler,
  handlers,
  handMade,
  mutant,
  randomNumbers,
} from "../inspector/session/formats/mutants.ts";
import { hostileBinarySessions } from "./hostile-binary.ts";
import {
  type HostileText,
  hostileExpressions,
  hostileLayers,
  hostileTextSessions,
  textHandlers,
} from "./hostile-text.ts";

/** The processor's time for one input: what takes longer is a hang. */
const maxMs = 2_000;

/**
 * What a session and its document may hold, in bytes of memory for each byte of input: the worst is an empty
 * list of msgpack, one byte, of which a Map and an array are made: some 300 bytes. With `maxValues` that is 30 MB.
 */
export const memoryMultiple = 400;

export interface Findings {
  readonly inputs: number;
  readonly sessions: number;
  readonly slowestMs: number;
}

/** Throws for the first input that is not taken as it should be, with the input in the message. */
export function fuzz(seed: number, count: number): Findings {
  const random = randomNumbers(seed);
  let sessions = 0;
  let slowestMs = 0;
  for (let made = 0; made < count; made++) {
    const handler = handlers[made % handlers.length] ?? "php";
    const bytes = Buffer.from(damaged(mutant(handler, handMade[handler], random), random), "latin1");
    const tookMs = cpuMsOf(() => {
      if (isSession(handler, bytes)) sessions++;
      assertTakenAlike(handler, bytes, random);
    });
    assert.ok(tookMs < maxMs, `${handler} took ${tookMs} ms: ${bytes.toString("base64")}`);
    slowestMs = Math.max(slowestMs, tookMs);
  }
  return { inputs: count, sessions, slowestMs };
}

/** What a session of 512 KiB may take of the processor, until it is known whose it is. The aim is half of it. */
const maxHostileMs = 300;

/**
 * Judges each session that is made to cost much, in part and in full, and returns how many there are and what the
 * costliest took. Throws for one that takes too long.
 */
export function readHostile(): { readonly count: number; readonly costliestMs: number } {
  let count = 0;
  let costliestMs = 0;
  for (const { name, handler, layers, user, bytes } of hostileSessions()) {
    for (const expression of user === undefined ? ["user.name", "user.name | @"] : [user]) {
      const tookMs = cpuMsOf(() => judge(handler, layers ?? [], bytes, expression));
      assert.ok(tookMs <= maxHostileMs, `${handler}, ${layers}, ${expression}, ${name}: ${tookMs} ms`);
      costliestMs = Math.max(costliestMs, tookMs);
    }
    count++;
  }
  return { count, costliestMs };
}

function* hostileSessions(): Generator<
  Pick<HostileText, "name" | "bytes"> &
    Partial<Pick<HostileText, "layers" | "user">> & { readonly handler: SerializeHandler }
> {
  yield* hostileBinarySessions();
  for (const handler of textHandlers) yield* hostileTextSessions(handler);
  yield* hostileLayers();
  yield* hostileExpressions();
}

function judge(handler: SerializeHandler, layers: readonly LayerName[], bytes: Buffer, user: string): void {
  const expressions = { authenticated: "authenticated", user, search: Search };
  const wanted = wantedBy(expressions);
  try {
    whoIsLoggedIn(decoders[handler](openLayers(layers)(bytes), wanted), expressions, 0, wanted);
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, `${handler} threw ${error}`);
  }
}

/** Once in a while cut off, blown up, or nothing but noise. */
function damaged(text: string, random: () => number): string {
  const choice = random();
  const place = Math.floor(random() * text.length);
  if (choice < 0.05) return text.slice(0, place);
  if (choice < 0.07) return Array.from(text, () => String.fromCharCode(random() * 256)).join("");
  if (choice < 0.0705) {
    const piece = text.slice(place, place + 1 + Math.floor(random() * 8));
    return (
      text.slice(0, place) +
      piece.repeat(Math.floor((random() * maxSessionBytes) / piece.length)) +
      text.slice(place)
    );
  }
  return text;
}

function isSession(handler: SerializeHandler, bytes: Buffer, wanted?: Wanted): boolean {
  try {
    toDocument(decoders[handler](bytes, wanted), wanted);
    return true;
  } catch (error) {
    const isExpected =
      error instanceof UnreadableSessionError && error.offset >= 0 && error.offset <= bytes.length;
    assert.ok(isExpected, `${handler} threw ${error}: ${bytes.toString("base64")}`);
    return false;
  }
}

/**
 * Fails where whether it can be read, why not, or what stands at a wanted path depends on what is wanted. But only what is
 * wanted must be certain.
 */
function assertTakenAlike(handler: Handler, bytes: Buffer, random: () => number): void {
  const wanted = wantedOf(paths.filter(() => random() < 0.5));
  const all = outcome(handler, bytes);
  const some = outcome(handler, bytes, wanted);
  const where = `${handler} where not all is wanted: ${bytes.toString("base64")}`;
  if (typeof all === "string" && isDoubt.test(all) && (typeof some !== "string" || isDoubt.test(some)))
    return;
  if (typeof all === "string" || typeof some === "string") {
    assert.equal(some, all, where);
    return;
  }
  for (const { name, inside } of wanted) {
    for (const path of inside === undefined ? [[name]] : inside.map((inner) => [name, inner.name])) {
      assert.deepEqual(valueAt(some, path), valueAt(all, path), where);
    }
  }
}

const isDoubt = /: (?:uncertain|bad)-reference at/;

/** Names in the hand-made sessions, alone and within one another. */
const paths = [["a"], ["b", "x"], ["b", "a"], ["c", "m"]];

function outcome(handler: Handler, bytes: Buffer, wanted?: Wanted): PhpSession | string {
  try {
    return decoders[handler](bytes, wanted);
  } catch (error) {
    return String(error);
  }
}

/** Returns how many bytes of memory a readable session and its document hold for each byte of the input. */
export function memoryPerByte(handler: SerializeHandler, session: string): number {
  const bytes = Buffer.from(session, "latin1");
  const before = memoryInUse();
  const held = [decoders[handler](bytes)].map((decoded) => ({ decoded, document: toDocument(decoded) }));
  const after = memoryInUse();
  assert.equal(held.length, 1);
  return (after - before) / bytes.length;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function memoryInUse(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
