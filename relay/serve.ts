// A member's loop: each frame of its input gets one answer on its output, in order, in time or not at all.

import type { Readable, Writable } from "node:stream";
import { parseCommand } from "./command.ts";
import type { Decide } from "./decide.ts";
import { answerBytes, FrameReader } from "./frames.ts";
import { type Log, logInternalError } from "./log.ts";
import { type Decision, isYes } from "./outcome.ts";

export interface ServeOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** May throw: that is "unavailable". */
  readonly decide: Decide;
  /** How long a caller may be kept waiting for one answer, in milliseconds; ejabberd gives up after 30000. */
  readonly patienceMs: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Once it is aborted no further frame is begun: the loop ends with the answer to the one in flight. */
  readonly stop: AbortSignal;
  /** With more empty frames in a row than this the loop ends. ejabberd sends none. */
  readonly maxEmptyFrames: number;
}

export type ServeEnd = "end-of-input" | "too-late" | "stopped" | "empty-frames";

/** Resolves to "too-late" when an answer could no longer be given safely. */
export function serve(options: ServeOptions): Promise<ServeEnd> {
  const { input, output, decide, patienceMs, now, log, stop, maxEmptyFrames } = options;
  const reader = new FrameReader();
  const { signal } = new AbortController();
  const caller = { gone: signal, line: signal };
  let emptyFrames = 0;
  let isAnswering = false;
  let isInputOver = false;

  return new Promise((resolve) => {
    const end = (how: ServeEnd) => {
      stop.removeEventListener("abort", onStop);
      input.off("data", onData);
      input.pause();
      if (how === "too-late" || how === "empty-frames") log("error", how);
      resolve(how);
    };
    const answer = async (payload: Buffer): Promise<boolean> => {
      const askedAtMs = now();
      const command = parseCommand(payload);
      let decision: Decision;
      try {
        decision = await decide(command, caller);
      } catch (error) {
        logInternalError(log, error);
        decision = "unavailable";
      }
      // A caller that has waited too long takes the next answer for the next question: a late yes would let the next
      // user in with a wrong password. This happens when the process was stopped for a while.
      if (now() - askedAtMs > patienceMs) return false;
      // A caller that asks and never reads waits in its socket, and not in this process's memory.
      if (!output.write(answerBytes(isYes(command, decision)))) await drained(output, stop);
      return true;
    };
    const answerAll = async () => {
      isAnswering = true;
      // ejabberd waits for each answer. A caller that does not wait is held back in its pipe or socket.
      input.pause();
      for (let payload = reader.next(); payload !== undefined; payload = reader.next()) {
        emptyFrames = payload.length === 0 ? emptyFrames + 1 : 0;
        if (emptyFrames > maxEmptyFrames) return end("empty-frames");
        if (!(await answer(payload))) return end("too-late");
        if (stop.aborted) return end("stopped");
        if (output.destroyed) return end("end-of-input");
        // The other members' turn. What is refused without a request would else go on to the end of the chunk.
        await nextTurn();
      }
      isAnswering = false;
      if (isInputOver) return end("end-of-input");
      input.resume();
    };
    const onStop = () => {
      if (!isAnswering) end("stopped");
    };
    const onEnd = () => {
      isInputOver = true;
      if (!isAnswering) end("end-of-input");
    };
    const onData = (chunk: Buffer) => {
      reader.push(chunk);
      if (!isAnswering) void answerAll();
    };
    input.on("data", onData);
    input.once("end", onEnd);
    input.once("close", onEnd);
    input.once("error", onEnd);
    stop.addEventListener("abort", onStop);
    if (stop.aborted) onStop();
    // It says so once, and may have done that already: nobody would let go of such a connection.
    else if (input.readableEnded || input.destroyed) onEnd();
  });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves once the output takes more, or never will, or nobody is to wait for that any more. */
function drained(output: Writable, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off("drain", done).off("close", done).off("error", done);
      stop.removeEventListener("abort", done);
      resolve();
    };
    output.on("drain", done).on("close", done).on("error", done);
    stop.addEventListener("abort", done);
    if (output.destroyed || stop.aborted) done();
  });
}
