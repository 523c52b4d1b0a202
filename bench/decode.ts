// `npm run bench:decode`: how long the function takes to learn from a session who is logged in, beside what npm
// packages and PHP itself take to decode that session. All are measured in one run, in turns, so that what else
// the machine does falls on all of them alike; only the ratios mean anything elsewhere.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { unserialize as locutusUnserialize } from "locutus/php/var/unserialize";
import { unserialize as phpSerializeUnserialize } from "php-serialize";
import { decoders } from "../inspector/php/decoders.ts";
import { wantedBy, whoIsLoggedIn } from "../inspector/who.ts";

// The types of one do not hold for an import, and the other has none.
const require = createRequire(import.meta.url);
const phpUnserialize: (text: string) => unknown = require("phpunserialize");
const phpSessionUnserialize: (text: string) => unknown = require("php-session-unserialize");

const rounds = 15;
/** What one contender does in one round takes about so long, in milliseconds. */
const turnMs = 5;
const warmUpMs = 60;

const expressions = { authenticated: "authenticated", user: "user.name" };
const wanted = wantedBy(expressions);
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
function inProcess<T>(name: string, decode: () => T, isRight: (result: T) => boolean): Contender {
  if (!isRight(decode())) throw new Error(`${name} does not find the user`);
  const run = (count: number) => {
    const start = performance.now();
    for (let done = 0; done < count; done++) decode();
    return (performance.now() - start) * 1000;
  };
  return { name, run, times: [], count: 1 };
}

function namesAlice(session: unknown): boolean {
  return (session as { user: { name: unknown } }).user.name === "alice";
}

function ours(handler: Handler, bytes: Buffer): Contender[] {
  const decode = decoders[handler];
  const nowSeconds = Date.now() / 1000;
  const login = () => whoIsLoggedIn(decode(bytes, wanted), expressions, nowSeconds, wanted);
  return [
    inProcess(`login ${handler}`, login, (who) => "userName" in who && who.userName === "alice"),
    inProcess(
      `decode ${handler}`,
      () => decode(bytes),
      ({ variables }) => variables.has("user"),
    ),
  ];
}

/** They take text: it is made for them beforehand. */
function others({ bytes, json }: Sample): Contender[] {
  const serialized = Buffer.from(bytes.php_serialize, "base64").toString();
  const session = Buffer.from(bytes.php, "base64").toString();
  const anyClass = { strict: false };
  return [
    inProcess("php-serialize", () => phpSerializeUnserialize(serialized, {}, anyClass), namesAlice),
    inProcess("phpunserialize", () => phpUnserialize(serialized), namesAlice),
    inProcess("php-session-unserialize", () => phpSessionUnserialize(session), namesAlice),
    inProcess("locutus", () => locutusUnserialize(serialized), namesAlice),
    inProcess("JSON.parse", () => JSON.parse(json), namesAlice),
  ];
}

/** PHP's session_decode(): the loop runs inside PHP, and only the time comes over. */
function openPhp() {
  const child: ChildProcessWithoutNullStreams = spawn("php", [script, "decode"]);
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const contender = (handler: Handler, bytes: string): Contender => {
    const run = async (count: number) => {
      child.stdin.write(`${handler} ${bytes} ${count}\n`);
      const nanoseconds = Number((await answers.next()).value);
      if (!(nanoseconds > 0)) throw new Error(`PHP does not read its own ${handler} session`);
      return nanoseconds / 1000;
    };
    return { name: `PHP ${handler}`, run, times: [], count: 1 };
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
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, count, times } of contenders) times.push((await run(count)) / count);
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;
}

/** How many times as long `slow` takes as `fast`: the median over the rounds, in each of which both had a turn. */
function ratio(slow: Contender, fast: Contender): string {
  return median(slow.times.map((time, round) => time / (fast.times[round] as number))).toFixed(2);
}

function micros({ times }: Contender): string {
  return median(times).toPrecision(3).replace(/e\+3$/, "e3");
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

const { stdout } = spawnSync("php", [script, "write"], { encoding: "utf8", maxBuffer: 2 ** 26 });
const samples: Sample[] = stdout
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const php = openPhp();
const ownRows: string[] = [];
const otherRows: string[] = [];
for (const sample of samples) {
  const own = new Map<Handler, Contender[]>();
  for (const handler of handlers) {
    const bytes = sample.bytes[handler];
    own.set(handler, [...ours(handler, Buffer.from(bytes, "base64")), php.contender(handler, bytes)]);
  }
  const rest = others(sample);
  await measure([...[...own.values()].flat(), ...rest]);
  const packages = rest.filter(({ name }) => name !== "JSON.parse");
  const fastest = packages.reduce((best, next) => (median(next.times) < median(best.times) ? next : best));
  for (const [handler, [login, decode, inPhp]] of own) {
    if (!login || !decode || !inPhp) continue;
    const bytes = Buffer.from(sample.bytes[handler], "base64").length;
    const times = [login, decode, inPhp].map(micros);
    ownRows.push(row([sample.size, handler, bytes, ...times, ratio(fastest, login), ratio(inPhp, login)]));
  }
  otherRows.push(row([sample.size, ...rest.map(micros), fastest.name]));
}
php.close();
const version = spawnSync("php", ["-r", "echo PHP_VERSION;"], { encoding: "utf8" }).stdout;
process.stdout.write(`Node.js ${process.versions.node}, PHP ${version}. Microseconds; medians of ${rounds} rounds.

| size | handler | bytes | who is logged in | decode only | PHP's session_decode | npm's fastest / who | PHP / who |
|---|---|---|---|---|---|---|---|
${ownRows.join("\n")}

| size | php-serialize | phpunserialize | php-session-unserialize | locutus | JSON.parse | npm's fastest |
|---|---|---|---|---|---|---|
${otherRows.join("\n")}
`);
