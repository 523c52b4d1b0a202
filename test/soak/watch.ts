// `npm run soak:watch`: 10,000 watched logins for ten minutes, with real memcached, the built function and the bundled
// relay, and a real ejabberd. Prints each minute what processor time and memory each part took, and fails where the
// logouts meanwhile are not exactly those that ended, where memory grows, or where ejabberd and relay take more than
// the aim of 3 % of a core. That share depends on the machine: it is a measurement, and no part of `npm test`.
//
//   npm run soak:watch -- [--minutes 10] [--logins 10000] [--caller]   ; --caller: without ejabberd

import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { cpuMs } from "../../bench/relay/processes.ts";
import { localKey } from "../../infra/local/api.ts";
import { startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { startMemcached } from "../real/memcached.ts";
import { type Login, startCaller, startEjabberd } from "./watchers.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    logins: { type: "string", default: "10000" },
    caller: { type: "boolean", default: false },
  },
});
const minutes = Number(values.minutes);
const count = Number(values.logins);
const logoutsAMinute = 10;
/** An interval, the confirmation, and a slow machine. */
const noticedMs = 30_000;
const sessionBytes = 1_000;
/** In the second half. V8 takes more at first: a relay had after six million logins what it had after one million. */
const mostGrowth = 1.25;

const root = fileURLToPath(new URL("../..", import.meta.url));
const directory = temporaryDirectory();
const socketPath = join(directory, "relay.sock");
const memcached = await startMemcached();
const stops: (() => Promise<void>)[] = [() => memcached.stop()];

/** The stored session of this user, filled up to the usual size. */
function sessionOf(user: string): string {
  const told = `user|s:${user.length}:"${user}";authenticated|b:1;`;
  const rest = sessionBytes - told.length - 20;
  return `${told}cart|s:${rest}:"${"x".repeat(rest)}";`;
}

/** Sends commands to memcached, and waits until each has its line. */
async function tell(commands: readonly string[]): Promise<void> {
  const socket = connect(memcached.port, memcached.host);
  let lines = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      lines += chunk.toString("latin1").split("\r\n").length - 1;
      if (lines >= commands.length) resolve();
    });
  });
  socket.write(commands.join(""));
  await done;
  socket.destroy();
}

/** The processes of a part: it and all below it. */
function withChildren(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(withChildren)];
}

/** The memory that these processes share with nobody, in MB: what others on the machine do changes nothing of it. */
function ownMb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kb = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return sum + Number(kb) / 1000;
  }, 0);
}

const problems: string[] = [];
try {
  const logins = Array.from(
    { length: count },
    (_, at): Login => [`user${at}`, randomBytes(13).toString("hex")],
  );
  const keyOf = (id: string) => `memc.sess.key.${id}`;
  await tell(
    logins.map(([user, id]) => {
      const session = sessionOf(user);
      return `set ${keyOf(id)} 0 0 ${session.length}\r\n${session}\r\n`;
    }),
  );
  const handlers = ["auth", "logins"].map((name) => `${root}dist/${name}/handler.mjs`);
  const functions = await startProcess({
    command: process.execPath,
    args: ["--import", "tsx", fileURLToPath(new URL("./function-server.ts", import.meta.url)), ...handlers],
    cwd: root,
    env: {
      ...process.env,
      SESSION_STORE: `memcached://${memcached.host}:${memcached.port}`,
      ...{ AUTHENTICATED_EXPRESSION: "authenticated", USER_EXPRESSION: "user", SERVED_HOSTS: "localhost" },
    },
    isReady: (output) => output.includes("port "),
  });
  stops.push(() => functions.stop());
  const port = /port (\d+)/.exec(functions.output())?.[1];
  const relay = await startProcess({
    command: process.execPath,
    args: [relayPath, `http://127.0.0.1:${port}/auth`, "--listen", socketPath, "--region", "eu-central-1"],
    env: { ...process.env, ...localKey },
    isReady: (output) => output.includes("code=listening"),
  });
  stops.push(() => relay.stop());
  const watcher = values.caller
    ? await startCaller(socketPath, logins)
    : await startEjabberd(directory, socketPath, logins);
  stops.push(() => watcher.stop());
  if ((await watcher.watched()) !== count)
    problems.push(`only ${await watcher.watched()} of ${count} are watched`);

  const parts = {
    [values.caller ? "caller" : "ejabberd"]: watcher.pid ?? process.pid,
    relay: relay.pid,
    function: functions.pid,
  };
  const pidsOf = (pid: number) => (pid === process.pid ? [pid] : withChildren(pid));
  const memory = new Map<string, number[]>();
  const shares = new Map<string, number[]>();
  let ended = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    const before = Object.values(parts).map((pid) => cpuMs(pidsOf(pid)));
    const gone = logins.slice(ended, ended + logoutsAMinute);
    ended += gone.length;
    await tell(gone.map(([, id]) => `delete ${keyOf(id)}\r\n`));
    await sleep(noticedMs);
    const left = await watcher.watched();
    if (left !== count - ended) problems.push(`minute ${minute}: ${count - left} ended in place of ${ended}`);
    await sleep(60_000 - noticedMs);
    const row = Object.entries(parts).map(([name, pid], at) => {
      const percent = (cpuMs(pidsOf(pid)) - (before[at] ?? 0)) / 600;
      const mb = ownMb(pidsOf(pid));
      shares.set(name, [...(shares.get(name) ?? []), percent]);
      memory.set(name, [...(memory.get(name) ?? []), mb]);
      return `${name} ${percent.toFixed(1)} % of a core, ${mb.toFixed(0)} MB`;
    });
    console.log(`minute ${minute}: ${row.join("; ")}; ${left} watched`);
  }
  const meanOf = (name: string) => {
    const all = (shares.get(name) ?? []).slice(1);
    return all.reduce((sum, one) => sum + one, 0) / Math.max(1, all.length);
  };
  const onHost = Object.keys(parts).filter((name) => name !== "function");
  const total = onHost.reduce((sum, name) => sum + meanOf(name), 0);
  console.log(
    `mean: ${Object.keys(parts)
      .map((name) => `${name} ${meanOf(name).toFixed(2)} %`)
      .join("; ")}; ` + `on the chat host ${total.toFixed(2)} % of a core (aim: 3 %)`,
  );
  if (total > 3 && !values.caller) problems.push(`${total.toFixed(1)} % of a core on the chat host`);
  for (const [name, all] of memory) {
    const growth = (all.at(-1) ?? 0) / (all[Math.floor(all.length / 2)] ?? 1);
    if (growth > mostGrowth)
      problems.push(`${name} grew to ${Math.round(100 * growth)} % of what it had at half time`);
  }
  if (/watch-unknown|internal-error|crash/.test(relay.output())) problems.push(relay.output().slice(-2_000));
} finally {
  for (const stop of stops.reverse()) await stop();
}
for (const problem of problems) console.log(`wrong: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
