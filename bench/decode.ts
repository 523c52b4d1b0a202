// `npm run bench:decode`: how long the function takes to learn from a session who is logged in, beside what npm
// packages and PHP itself take to decode that session. All are measured in one run, in turns, so that what else
// the machine does falls on all of them alike; only the ratios mean anything elsewhere. Our own code is built as for
// the function, and has a process for each handler: a site has one.

import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { unserialize as locutusUnserialize } from "locutus/php/var/unserialize";
import { unserialize as phpSerializeUnserialize } from "php-serialize";
import { functionOptions } from "../infra/build.ts";
import { temporaryDirectory } from "../test/real/directory.ts";
import { requireParts } from "./require-parts.ts";
import { median, medianRatio, row } from "./table.ts";

requireParts(["php"]);

// The types of one do not hold for an import, and the other has none.
const require = createRequire(import.meta.url);
const phpUnserialize: (text: string) => unknown = require("phpunserialize");
const phpSessionUnserialize: (text: string) => unknown = require("php-session-unserialize");

const rounds = 51;
/**
 * What one contender does in one round takes about so long, in milliseconds: most turns pass before the system gives
 * the core to another program.
 */
const turnMs = 4;
const warmUpMs = 150;
/** Who takes more than a second for one run, in milliseconds, has so many rounds and no warm-up. */
const slowMs = 1000;
const slowRounds = 3;

const handlers = ["php", "php_binary", "php_serialize", "igbinary", "msgpack"] as const;
type Handler = (typeof handlers)[number];

/** A line of `sessions.php write`. */
interface Sample {
  readonly size: number;
  readonly json: string;
  readonly bytes: Readonly<Record<Handler, string>>;
}

interface Contender {
  readonly name: string;
  /** Gives the time that so many runs take, in microseconds. */
  readonly run: (count: number) => number | Promise<number>;
  /** For each round, the microseconds of one run. */
  readonly times: number[];
  count: number;
}

const script = fileURLToPath(new URL("sessions.php", import.meta.url));

/** A contender of this process. Its result is looked at once: whoever cannot read the session is not measured. */
function inProcess(name: string, decode: () => unknown): Contender {
  if ((decode() as { user: { name: unknown } }).user.name !== "alice")
    throw new Error(`${name} does not find the user`);
  const run = (count: number) => {
    const start = performance.now();
    for (let done = 0; done < count; done++) decode();
    return (performance.now() - start) * 1000;
  };
  return { name, run, times: [], count: 1 };
}

/** They take text: it is made for them beforehand. */
function others({ bytes, json }: Sample): Contender[] {
  const serialized = Buffer.from(bytes.php_serialize, "base64").toString();
  const session = Buffer.from(bytes.php, "base64").toString();
  const anyClass = { strict: false };
  return [
    inProcess("php-serialize", () => phpSerializeUnserialize(serialized, {}, anyClass)),
    inProcess("phpunserialize", () => phpUnserialize(serialized)),
    inProcess("php-session-unserialize", () => phpSessionUnserialize(session)),
    inProcess("locutus", () => locutusUnserialize(serialized)),
    inProcess("JSON.parse", () => JSON.parse(json)),
  ];
}

/** A process that runs loops within itself, so that only the time comes over: see decode-process.ts, sessions.php. */
function open(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const contender = (handler: Handler, bytes: string): Contender => {
    const name = [command, ...args, handler].join(" ");
    const run = async (count: number) => {
      child.stdin.write(`${handler} ${bytes} ${count}\n`);
      const nanoseconds = Number((await answers.next()).value);
      if (!(nanoseconds > 0)) throw new Error(`${name} does not find the user`);
      return nanoseconds / 1000;
    };
    return { name, run, times: [], count: 1 };
  };
  return { contender, close: () => child.stdin.end() };
}

async function measure(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) {
    let took = await contender.run(1);
    for (let count = 1; took < warmUpMs * 1000; count *= 2) {
      took = await contender.run(count);
      contender.count = Math.max(1, Math.round((turnMs * 1000 * count) / took));
    }
    if (took > slowMs * 1000) contender.times.push(took);
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, count, times } of contenders) {
      const isSlow = (times[0] ?? 0) > slowMs * 1000;
      if (!isSlow || times.length < slowRounds) times.push((await run(count)) / count);
    }
  }
}

function micros({ times }: Contender): string {
  const time = median(times);
  return time < 1000 ? time.toPrecision(3) : String(Math.round(time));
}

/** The built module that the processes run. */
async function bundle(): Promise<string> {
  const outdir = temporaryDirectory();
  await build({
    ...functionOptions,
    entryPoints: { process: fileURLToPath(new URL("decode-process.ts", import.meta.url)) },
    outdir,
  });
  return join(outdir, "process.mjs");
}

const { stdout } = spawnSync("php", [script, "write"], { encoding: "utf8", maxBuffer: 2 ** 26 });
const samples: Sample[] = stdout
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const program = await bundle();
const processes = handlers.map((handler) => ({
  handler,
  login: open(process.execPath, [program, "login"]),
  decode: open(process.execPath, [program, "decode"]),
  php: open("php", [script, "decode"]),
}));
const ownRows: string[] = [];
const otherRows: string[] = [];
for (const sample of samples) {
  const own = processes.map(({ handler, login, decode, php }) => {
    const bytes = sample.bytes[handler];
    return {
      handler,
      login: login.contender(handler, bytes),
      decode: decode.contender(handler, bytes),
      php: php.contender(handler, bytes),
    };
  });
  const rest = others(sample);
  await measure([...own.flatMap(({ login, decode, php }) => [login, decode, php]), ...rest]);
  const packages = rest.filter(({ name }) => name !== "JSON.parse");
  const fastest = packages.reduce((best, next) => (median(next.times) < median(best.times) ? next : best));
  for (const { handler, login, decode, php } of own) {
    const bytes = Buffer.from(sample.bytes[handler], "base64").length;
    const times = [login, decode, php].map(micros);
    const ratios = [fastest, php].map((slow) => medianRatio(slow.times, login.times));
    ownRows.push(row([sample.size, handler, bytes, ...times, ...ratios]));
  }
  otherRows.push(row([sample.size, ...rest.map(micros), fastest.name]));
}
for (const { login, decode, php } of processes) for (const { close } of [login, decode, php]) close();
const version = spawnSync("php", ["-r", "echo PHP_VERSION;"], { encoding: "utf8" }).stdout;
process.stdout.write(`Node.js ${process.versions.node}, PHP ${version}. Microseconds; medians of ${rounds} rounds.

| size | handler | bytes | who is logged in | decode only | PHP's session_decode | npm's fastest / who | PHP / who |
|---|---|---|---|---|---|---|---|
${ownRows.join("\n")}

| size | php-serialize | phpunserialize | php-session-unserialize | locutus | JSON.parse | npm's fastest |
|---|---|---|---|---|---|---|
${otherRows.join("\n")}
`);
