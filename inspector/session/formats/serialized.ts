// One value that serialize() wrote, and nothing else: what frameworks and memcached clients serialize by themselves.

import type { Budget } from "../budget.ts";
import type { PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { beginText } from "./text.ts";
import { beginBuild, buildPlanned, planValue } from "./text-build.ts";

/**
 * The value that serialize() wrote as these bytes.
 * @throws UnreadableSessionError unless every byte belongs to it
 */
export function readSerialized(bytes: Uint8Array, budget?: Budget): PhpValue {
  const values = new Map<"", PhpValue>();
  beginText(bytes);
  beginBuild(bytes.length, undefined, budget);
  const end = planValue(0, undefined, 0, values, "");
  if (end < bytes.length) throw new UnreadableSessionError("malformed", end);
  buildPlanned((position) => position);
  return values.get("") ?? null;
}

/**
 * The bytes of the string that serialize() wrote as these bytes: what was serialized twice, once.
 * @throws UnreadableSessionError for any other value
 */
export function unwrapString(bytes: Uint8Array): Uint8Array {
  const value = readSerialized(bytes);
  if (typeof value !== "string") throw new UnreadableSessionError("malformed", 0);
  return Buffer.from(value, "latin1");
}
