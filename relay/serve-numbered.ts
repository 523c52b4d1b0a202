// A connection with numbered frames: each question gets one answer, in any order. The answers of one turn of the event
// loop go out in one write.

import type { Socket } from "node:net";
import { parseCommand } from "./command.ts";
import type { Decide } from "./decide.ts";
import { FrameReader } from "./frames.ts";
import { type Log, logInternalError } from "./log.ts";
import { AnswerBatch, hello, numberBytes, numberOf } from "./numbered-frames.ts";
import type { Decision } from "./outcome.ts";
import { isStill, parseStill, stillBytes } from "./still.ts";
import type { Still } from "./watch.ts";

export interface NumberedOptions {
  /** Opened with `allowHalfOpen`: a caller that has no more questions still gets its answers. */
  readonly caller: Socket;
  /** May throw: that question is answered with unavailable. */
  readonly decide: Decide;
  readonly still: Still;
  readonly log: Log;
  /** Once aborted, no further question is read. What is in flight is answered, what waits for its turn is not. */
  readonly stop: AbortSignal;
}

/** With more unanswered questions of one caller than this, the rest waits in the socket. */
export const maxUnanswered = 16_384;
/** The same for the bytes of these questions. */
export const maxUnansweredBytes = 8 * 1024 * 1024;
/** Then other callers have their turn: a chunk may hold thousands of questions that are refused without a request. */
const questionsATurn = 64;
/** The same for the bytes of these questions: one about open connections holds hundreds of logins. */
const bytesATurn = 65_536;

/** Resolves to whether the caller begins with hello, which it answers. Anything else stays unread. */
export function greets(caller: Socket, stop: AbortSignal): Promise<boolean> {
  let received = Buffer.alloc(0);
  return new Promise((resolve) => {
    const settle = (isHello: boolean) => {
      caller.off("readable", read).off("end", onOver).off("close", onOver).off("error", onOver);
      stop.removeEventListener("abort", onOver);
      resolve(isHello);
    };
    // Less than hello is less than a whole frame: it has no answer.
    const onOver = () => settle(false);
    const read = () => {
      for (let chunk = caller.read() as Buffer | null; chunk !== null; chunk = caller.read()) {
        received = Buffer.concat([received, chunk]);
        const compared = received.subarray(0, hello.length);
        const isHello = compared.equals(hello);
        if (!isHello && compared.equals(hello.subarray(0, compared.length))) continue;
        const unread = isHello ? received.subarray(hello.length) : received;
        if (unread.length > 0) caller.unshift(unread);
        if (isHello) caller.write(hello);
        return settle(isHello);
      }
    };
    caller.on("readable", read).on("end", onOver).on("close", onOver).on("error", onOver);
    stop.addEventListener("abort", onOver);
    if (stop.aborted) onOver();
  });
}

/** Resolves once the caller has gone, or has ended and got all its answers, or the relay has stopped as above. */
export function serveNumbered({ caller, decide, still, log, stop }: NumberedOptions): Promise<void> {
  const reader = new FrameReader();
  const answers = new AnswerBatch();
  const unanswered = new Map<number, { isAmbiguous: boolean }>();
  let unansweredBytes = 0;
  let isInputOver = false;
  let isBlocked = false;
  /** Questions of the last chunk are not taken yet. */
  let isTaking = false;
  const gone = new AbortController();
  const asker = { gone: gone.signal, line: gone.signal };

  return new Promise((resolve) => {
    const settleIfDone = () => {
      if (isInputOver && !isTaking && unanswered.size === 0 && answers.isEmpty) resolve();
    };
    const flush = () => {
      const bytes = answers.take();
      if (caller.destroyed) return;
      // A caller that asks and never reads fills its socket, not this process's memory.
      isBlocked = !caller.write(bytes);
      readOrWait();
      settleIfDone();
    };
    const answer = (number: number, outcome: Decision | Uint8Array) => {
      if (answers.isEmpty) setImmediate(flush);
      answers.add(number, outcome);
    };
    const readOrWait = () => {
      const isFull = unanswered.size >= maxUnanswered || unansweredBytes >= maxUnansweredBytes;
      if (isFull || isBlocked || isInputOver || isTaking) caller.pause();
      else if (caller.isPaused()) caller.resume();
    };
    const outcomeOf = async (command: Buffer): Promise<Decision | Uint8Array> => {
      if (!isStill(command)) return decide(parseCommand(command), asker);
      const question = parseStill(command);
      if (question === undefined) log("warn", "still-malformed");
      const live = question && (await still(question, gone.signal));
      return live === undefined ? "unavailable" : stillBytes(live);
    };
    const ask = async (number: number, payload: Buffer) => {
      const question = { isAmbiguous: false };
      const { length } = payload;
      unanswered.set(number, question);
      unansweredBytes += length;
      let outcome: Decision | Uint8Array;
      try {
        outcome = await outcomeOf(payload.subarray(numberBytes));
      } catch (error) {
        logInternalError(log, error);
        outcome = "unavailable";
      }
      unanswered.delete(number);
      unansweredBytes -= length;
      // The caller asks again after a stop, and the next relay may know more.
      if (!stop.aborted || outcome !== "unavailable") {
        answer(number, question.isAmbiguous ? "unavailable" : outcome);
      }
      readOrWait();
      settleIfDone();
    };
    const take = (payload: Buffer) => {
      const number = numberOf(payload);
      if (number === undefined) {
        log("error", "frame-without-number");
        caller.destroy();
        return;
      }
      const same = unanswered.get(number);
      if (same === undefined) return void ask(number, payload);
      // A yes to one question could be taken for the answer to the other.
      same.isAmbiguous = true;
      answer(number, "unavailable");
    };
    const endInput = () => {
      isInputOver = true;
      caller.pause();
      settleIfDone();
    };
    const onGone = () => {
      gone.abort();
      resolve();
    };
    const onStop = () => {
      gone.abort();
      endInput();
    };
    const takeSome = () => {
      let bytes = 0;
      for (let taken = 0; taken < questionsATurn && bytes < bytesATurn; taken++) {
        const payload = caller.destroyed || stop.aborted ? undefined : reader.next();
        if (payload === undefined) {
          isTaking = false;
          readOrWait();
          return settleIfDone();
        }
        bytes += payload.length;
        take(payload);
      }
      // The other callers' turn.
      setImmediate(takeSome);
    };
    caller.on("data", (chunk: Buffer) => {
      reader.push(chunk);
      if (isTaking) return;
      isTaking = true;
      caller.pause();
      takeSome();
    });
    caller.on("drain", () => {
      isBlocked = false;
      readOrWait();
    });
    caller.once("end", endInput);
    caller.once("close", onGone);
    stop.addEventListener("abort", onStop, { once: true });
    if (stop.aborted) onStop();
  });
}
