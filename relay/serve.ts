// The relay's loop: each frame of the input gets one answer on the output, in order, in time or not at all.

import { answerBytes, FrameReader } from "./frames.ts";
import type { Log } from "./log.ts";

export interface ServeOptions {
  readonly input: AsyncIterable<Uint8Array>;
  readonly write: (bytes: Buffer) => void;
  /** Gives true for a proven yes. May throw: that is a no. */
  readonly decide: (payload: Uint8Array) => Promise<boolean>;
  /** How long a caller may be kept waiting for one answer, in milliseconds; ejabberd gives up after 30000. */
  readonly patienceMs: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

/** Ends with "end-of-input", or with "too-late" when an answer could no longer be given safely. */
export async function serve(options: ServeOptions): Promise<"end-of-input" | "too-late"> {
  const { input, write, decide, patienceMs, now, log } = options;
  const reader = new FrameReader();
  for await (const chunk of input) {
    for (const payload of reader.push(chunk)) {
      const askedAt = now();
      let allowed: boolean;
      try {
        allowed = await decide(payload);
      } catch (error) {
        log("internal-error", error instanceof Error ? error.name : "unknown");
        allowed = false;
      }
      // Whoever waited too long takes the next answer for the next question: a late yes would let the next
      // user in with a wrong password. This happens when the process was stopped for a while.
      if (now() - askedAt > patienceMs) {
        log("too-late");
        return "too-late";
      }
      // The one line where everything becomes a bit: only a proven yes is a yes.
      write(answerBytes(allowed === true));
    }
  }
  return "end-of-input";
}
