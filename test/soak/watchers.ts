// Who watches 10,000 logins: a real ejabberd with mod_inspectord, whose connections are stand-in processes; or, without
// ejabberd, a caller of the relay that asks as that module does.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { maxStillBytes } from "../../relay/still.ts";
import { prepareWatched, startWatchedChat } from "../end-to-end/watched-chat.ts";
import { NumberedCaller, stillCommand } from "../relay/numbered-caller.ts";

export type Login = readonly [user: string, password: string];

export interface Watcher {
  /** The process whose time counts as the watcher's, with its children; undefined for this process. */
  readonly pid: number | undefined;
  /** How many logins are watched, of those that have not been found to be ended. */
  watched(): Promise<number>;
  stop(): Promise<void>;
}

const host = "localhost";
const intervalMs = 10_000;

/** Starts ejabberd and ties each login to a process of its own, as the guard and the hook do for a connection. */
export async function startEjabberd(
  directory: string,
  socketPath: string,
  logins: readonly Login[],
): Promise<Watcher> {
  const certificate = prepareWatched(directory);
  const own = join(directory, "ejabberd");
  mkdirSync(own);
  const watch = { interval: `${intervalMs / 1000}s`, mode: "end", brake_least: 1000 };
  const chat = await startWatchedChat(own, directory, certificate, { socketPath, watch });
  const binary = (text: string) => `<<"${text}">>`;
  // A request of a moderate size at a time.
  for (let from = 0; from < logins.length; from += 100) {
    const some = logins.slice(from, from + 100).map(([user, id]) => `{${binary(user)},${binary(id)}}`);
    const answer = await chat.evaluate(
      `[spawn(fun() -> inspectord_logins:watch(${binary(host)}, U, inspectord_secret:hide(P)),
        receive _ -> ok end end) || {U, P} <- [${some.join(",")}]], done`,
    );
    if (!answer.includes("done")) throw new Error(`the logins cannot be watched: ${answer.slice(0, 200)}`);
  }
  const watched = async () => {
    const answer = await chat.evaluate(`element(1, inspectord_logins:size(${binary(host)}))`);
    return Number(/\d+/.exec(answer)?.[0]);
  };
  return { pid: chat.ejabberd.pid, watched, stop: () => chat.ejabberd.stop() };
}

/** Asks one slice each second, in frames of the greatest size, and once more of what seems to have ended. */
export async function startCaller(socketPath: string, logins: readonly Login[]): Promise<Watcher> {
  const caller = await NumberedCaller.open(socketPath);
  const left = new Set(logins);
  let isStopped = false;
  const endedOf = async (asked: readonly Login[]): Promise<Login[]> => {
    const found = framesOf(asked).map(async (frame) => {
      const answer = await caller.still(host, frame);
      return answer.length === frame.length ? frame.filter((_, at) => answer[at] === "0") : [];
    });
    return (await Promise.all(found)).flat();
  };
  const slices = intervalMs / 1000;
  const ask = async (slice: number) => {
    const suspects = await endedOf(logins.filter((login, at) => at % slices === slice && left.has(login)));
    if (suspects.length === 0) return;
    await sleep(2_000);
    for (const login of await endedOf(suspects)) left.delete(login);
  };
  const run = async () => {
    for (let second = 0; !isStopped; second++) {
      void ask(second % slices).catch(() => {});
      await sleep(1_000);
    }
  };
  const running = run();
  return {
    pid: undefined,
    watched: async () => left.size,
    stop: async () => {
      isStopped = true;
      await running;
      caller.socket.destroy();
    },
  };
}

function framesOf(logins: readonly Login[]): Login[][] {
  const frames: Login[][] = [];
  let bytes = maxStillBytes;
  for (const login of logins) {
    const own = stillCommand("", [login]).length;
    if (bytes + own > maxStillBytes) {
      frames.push([]);
      bytes = stillCommand(host, []).length;
    }
    frames.at(-1)?.push(login);
    bytes += own;
  }
  return frames;
}
