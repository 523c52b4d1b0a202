// How the operators' programs are given a session id: typed without an echo, or from a file. Never as an argument: every
// user of the machine sees those, and shells and npm write them down.

import { closeSync, openSync, readSync } from "node:fs";

/** What an id as an argument is answered with. Repeats nothing of it. */
export const noIdAsArgument =
  "a session id is not given as an argument, which other users and log files see: leave it out and type it when asked, or give --session-file PATH (- is stdin)";

/** More than any session id or ticket has. */
export const maxInputBytes = 4096;

export type SessionIdInput = { readonly sessionId: string } | { readonly problem: string };

/** What is asked of the terminal: `process.stdin` and a place for the prompt. */
export interface Terminal {
  readonly input: Pick<
    NodeJS.ReadStream,
    "isTTY" | "setRawMode" | "setEncoding" | "on" | "off" | "resume" | "pause"
  >;
  readonly prompt: (text: string) => void;
}

/**
 * Returns the session id from this file, "-" for stdin, or typed at the terminal if no file is named. A line end behind
 * it does not count. Repeats nothing of the input or of the path in a problem.
 */
export async function readSessionId(file: string | undefined, terminal: Terminal): Promise<SessionIdInput> {
  const read = file === undefined ? await ask(terminal) : readInput(file);
  if ("problem" in read) return read;
  const sessionId = read.sessionId.replace(/\r?\n$/, "");
  if (sessionId === "") return { problem: "no session id was given" };
  if (/[\p{Cc}\p{Cs}\uFFFD]/u.test(sessionId)) return { problem: "the session id holds a control character" };
  return { sessionId };
}

function readInput(file: string): SessionIdInput {
  try {
    // A pipe is fine here: the operator's own shell makes one for <(command).
    const descriptor = file === "-" ? 0 : openSync(file, "r");
    const bytes = Buffer.alloc(maxInputBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSome(descriptor, bytes, length);
    }
    if (descriptor !== 0) closeSync(descriptor);
    if (length > maxInputBytes) return { problem: `--session-file has more than ${maxInputBytes} bytes` };
    return { sessionId: bytes.toString("utf8", 0, length) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const advice = code === "ENOENT" ? ": it takes the path of a file, not the session id" : "";
    return { problem: `--session-file cannot be read (${code})${advice}` };
  }
}

/** Returns the number of bytes read, 0 at the end. */
function readSome(descriptor: number, bytes: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(descriptor, bytes, offset, bytes.length - offset, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EOF") return 0;
      // A stdin that does not block, and has nothing yet.
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

const enter = new Set(["\r", "\n"]);
const endOfInput = "\u0004";
const interrupt = "\u0003";
const erase = new Set(["\b", "\u007f"]);
const eraseLine = "\u0015";

/** Reads a line in raw mode: the terminal itself then shows nothing of it. */
function ask({ input, prompt }: Terminal): Promise<SessionIdInput> {
  if (input.isTTY !== true) {
    const problem = "there is no terminal to ask for the session id: give --session-file PATH (- is stdin)";
    return Promise.resolve({ problem });
  }
  return new Promise((resolve) => {
    let typed: string[] = [];
    const end = (result: SessionIdInput) => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      prompt("\n");
      resolve(result);
    };
    const take = (text: string) => {
      for (const character of text) {
        if (enter.has(character) || character === endOfInput) return end({ sessionId: typed.join("") });
        if (character === interrupt) return end({ problem: "interrupted" });
        if (erase.has(character)) typed.pop();
        else if (character === eraseLine) typed = [];
        else typed.push(character);
        if (typed.length > maxInputBytes) {
          return end({ problem: `a session id has at most ${maxInputBytes} bytes` });
        }
      }
    };
    // Before the prompt: what is typed in answer to it is never shown.
    input.setRawMode(true);
    input.setEncoding("utf8");
    input.on("data", take);
    input.on("end", () => end({ problem: "no session id was given" }));
    prompt("Session id (it is not shown): ");
    input.resume();
  });
}
