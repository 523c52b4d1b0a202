// A pool of external-auth programs as ejabberd keeps one: each over a pipe of its own, one question at a time.

import { type ChildProcess, spawn } from "node:child_process";
import { endWithParent, stopProcess } from "../../infra/local/process.ts";
import { frame } from "../../infra/local/relay-caller.ts";

export interface Pool {
  readonly pids: readonly number[];
  /** Asks `count` questions in all, each member one after another. Returns the milliseconds of each yes. */
  ask(count: number): Promise<number[]>;
  stop(): Promise<void>;
}

interface Member {
  readonly process: ChildProcess;
  /** Its question, which no other member asks: those who ask the same at the same time would share an answer. */
  readonly bytes: Buffer;
}

/** Starts this many members, and asks each a question to see that it is up. Throws if a member ends. */
export async function startPool(
  size: number,
  command: readonly string[],
  questionOf: (member: number) => string,
): Promise<Pool> {
  const [program = "", ...args] = command;
  const members: Member[] = [];
  for (let at = 0; at < size; at++) {
    const started = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    endWithParent(started);
    const member = { process: started, bytes: frame(questionOf(at)) };
    members.push(member);
    // Not all at once: two cores would start hundreds of programs slower than one after another.
    if (at % 8 === 7) await askOnce(member);
  }
  await Promise.all(members.map(askOnce));
  return {
    pids: members.map(({ process }) => process.pid ?? 0),
    ask: async (count) => {
      const tookMs: number[] = [];
      let left = count;
      await Promise.all(
        members.map(async (member) => {
          while (left-- > 0) {
            const took = await askOnce(member);
            if (took !== undefined) tookMs.push(took);
          }
        }),
      );
      return tookMs;
    },
    stop: async () => {
      await Promise.all(members.map(({ process }) => stopProcess(process)));
    },
  };
}

/** Returns undefined for a no: a program that is asked more than two cores can do says no at its deadline. */
function askOnce({ process: member, bytes }: Member): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    let answer = Buffer.alloc(0);
    const onEnd = () => reject(new Error("a member ended"));
    const onData = (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 4) return;
      member.stdout?.off("data", onData);
      member.off("exit", onEnd);
      resolve(answer.toString("hex") === "00020001" ? performance.now() - startedMs : undefined);
    };
    member.stdout?.on("data", onData);
    member.once("exit", onEnd);
    member.stdin?.write(bytes);
  });
}
