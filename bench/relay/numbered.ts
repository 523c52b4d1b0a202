// Many questions in flight over one connection with numbered frames, as the auth module in ejabberd asks.

import { NumberedCaller } from "../../test/relay/numbered-caller.ts";
import type { Pool } from "./pool.ts";

/** Connects, and asks so many questions at a time, each its own: it is used as a pool of that size. */
export async function startNumbered(
  size: number,
  socketPath: string,
  questionOf: (asker: number) => string,
): Promise<Pool> {
  const caller = await NumberedCaller.open(socketPath);
  return {
    pids: [],
    ask: async (count) => {
      const tookMs: number[] = [];
      let left = count;
      const work = async (asker: number) => {
        const question = questionOf(asker);
        while (left-- > 0) {
          const startedMs = performance.now();
          if ((await caller.ask(question)) === "yes") tookMs.push(performance.now() - startedMs);
        }
      };
      await Promise.all(Array.from({ length: size }, (_, asker) => work(asker)));
      return tookMs;
    },
    stop: async () => {
      caller.socket.destroy();
    },
  };
}
