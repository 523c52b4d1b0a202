// A member's loop: each frame of its input gets one answer on its output, in order, in time or not at all.

import type { Readable } from "node:stream";
import { parseCommand } from "./command.ts";
import type { Decide } from "./decide.ts";
import { answerBytes, FrameReader } from "./frames.ts";
import type { Log } from "./log.ts";
import { type Decision, isYes } from "./outcome.ts";

export interface ServeOptions {
  readonly input: Readable;
  readonly write: (bytes: Buffer) => void;
  /** May throw: that is "unavailable". */
  readonly decide: Decide;
  /** How long a caller may be kept waiting for one answer, in milliseconds; ejabberd gives up after 30000. */
  readonly patienceMs: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Once it is aborted no further frame is begun: the loop ends with the answer to the one under way. */
  readonly stop: AbortSignal;
}

export type ServeEnd = "end-of-input" | "too-late" | "stopped";

/** Ends with "too-late" when an answer could no longer be given safely. */
export function serve(options: ServeOptions): Promise<ServeEnd> {
  const { input, write, decide, patienceMs, now, log, stop } = options;
  const reader = new FrameReader();
  const caller = new AbortController().signal;
  const waiting: Buffer[] = [];
  let isAnswering = false;
  let hasEnded = false;

  return new Promise((resolve) => {
    const end = (how: ServeEnd) => {
      stop.removeEventListener("abort", onStop);
      waiting.length = 0;
      input.pause();
      resolve(how);
    };
    const answer = async (payload: Buffer): Promise<boolean> => {
      const askedAt = now();
      const command = parseCommand(payload);
      let decision: Decision;
      try {
        decision = await decide(command, caller);
      } catch (error) {
        log("error", "internal-error", () => ({ kind: error instanceof Error ? error.name : "unknown" }));
        decision = "unavailable";
      }
      // Whoever waited too long takes the next answer for the next question: a late yes would let the next
      // user in with a wrong password. This happens when the process was stopped for a while.
      if (now() - askedAt > patienceMs) return false;
      write(answerBytes(isYes(command, decision)));
      return true;
    };
    const answerAll = async () => {
      isAnswering = true;
      for (let payload = waiting.shift(); payload !== undefined; payload = waiting.shift()) {
        if (!(await answer(payload))) {
          log("error", "too-late");
          return end("too-late");
        }
        if (stop.aborted) return end("stopped");
      }
      isAnswering = false;
      if (hasEnded) return end("end-of-input");
      input.resume();
    };
    const onStop = () => {
      if (!isAnswering) end("stopped");
    };
    const onEnd = () => {
      hasEnded = true;
      if (!isAnswering) end("end-of-input");
    };
    input.on("data", (chunk: Buffer) => {
      waiting.push(...reader.push(chunk));
      if (isAnswering || waiting.length === 0) return;
      // ejabberd waits for each answer. Whoever does not, waits in the pipe and not in this process's memory.
      input.pause();
      void answerAll();
    });
    input.once("end", onEnd);
    input.once("close", onEnd);
    input.once("error", onEnd);
    stop.addEventListener("abort", onStop);
    if (stop.aborted) onStop();
  });
}
