// `npm run bench:handler`: what a login takes in a warm function, beside a bare memjs get of the same key in the same
// process: the look into the cache is what a login cannot do without. Beside it a get and a line of log, written likewise.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../infra/build.ts";
import { startMemcached } from "../test/real/memcached.ts";
import { nodePath } from "../test/real/parts.ts";
import { loginEvent, plainSettings, putSession, sessionKey } from "./login.ts";
import { requireParts } from "./require-parts.ts";
import { median, medianRatio, row } from "./table.ts";

requireParts(["memcached", "php", "nodes"]);

const rounds = 31;
const loginsATurn = 300;
const sizes = [300, 1_000, 10_000];

const program = fileURLToPath(new URL("handler-process.mjs", import.meta.url));
const script = fileURLToPath(new URL("sessions.php", import.meta.url));
const dist = fileURLToPath(new URL("../dist/auth", import.meta.url));

/** For one login or get, a turn's mean. */
interface Turn {
  readonly micros: number;
  readonly userMicros: number;
}

type Turns = Readonly<Record<"handler" | "get" | "getAndLine", readonly Turn[]>>;

async function measure(node: string, address: string): Promise<Turns> {
  const child = spawn(
    node,
    [
      program,
      join(dist, "handler.mjs"),
      JSON.stringify(loginEvent()),
      address,
      sessionKey,
      String(rounds),
      String(loginsATurn),
    ],
    {
      env: { PATH: process.env["PATH"], ...plainSettings, SESSION_STORE: `memcached://${address}` },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    },
  );
  child.stdout?.resume();
  child.once("exit", (code) => {
    if (code !== 0) throw new Error(`the measured process ended with ${code}`);
  });
  const [turns] = await once(child, "message");
  return turns;
}

await buildAll();
const { stdout } = spawnSync("php", [script, "write"], {
  encoding: "utf8",
  maxBuffer: 2 ** 26,
});
const samples: { size: number; bytes: { php: string } }[] = stdout
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const memcached = await startMemcached();
const rows: string[] = [];
for (const version of ["20", "24"] as const) {
  for (const { bytes } of samples.filter(({ size }) => sizes.includes(size))) {
    const session = Buffer.from(bytes.php, "base64");
    await putSession(memcached, session);
    const { handler, get, getAndLine } = await measure(
      nodePath(version),
      `${memcached.host}:${memcached.port}`,
    );
    const micros = (turns: readonly Turn[]) => turns.map((turn) => turn.micros);
    const floor = medianRatio(micros(getAndLine), micros(get));
    const cells = (["micros", "userMicros"] as const).flatMap((time) => {
      const ofHandler = handler.map((turn) => turn[time]);
      const ofGet = get.map((turn) => turn[time]);
      return [median(ofHandler).toFixed(0), median(ofGet).toFixed(0), medianRatio(ofHandler, ofGet)];
    });
    rows.push(row([version, session.length, ...cells, floor]));
  }
}
await memcached.stop();
process.stdout.write(`Microseconds for one; medians of ${rounds} turns of ${loginsATurn} each.

| Node | session, bytes | handler | get | x | handler, user CPU | get, user CPU | x | get and a line / get |
|---|---|---|---|---|---|---|---|---|
${rows.join("\n")}
`);
