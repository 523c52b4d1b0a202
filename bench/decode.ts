// `npm run bench:decode`: how long the function takes to learn from a session who is logged in, beside what npm
// packages and PHP itself take to decode that session. All are measured in one run, in turns, so that what else
// the machine does falls on all of them alike; only the ratios mean anything elsewhere. Our own code is built as for
// the function, and has a process for each handler: a site has one.

import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { unserialize as locutusUnserialize } from "locutus/php/var/unserialize";
import { unserialize as phpSerializeUnserialize } from "php-serialize";
import { bundle, type Contender, measure, micros, openProcess, rounds } from "./contenders.ts";
import { requireParts } from "./require-parts.ts";
import { median, medianRatio, row } from "./table.ts";

requireParts(["php"]);

// The types of one do not hold for an import, and the other has none.
const require = createRequire(import.meta.url);
const phpUnserialize: (text: string) => unknown = require("phpunserialize");
const phpSessionUnserialize: (text: string) => unknown = require("php-session-unserialize");

const handlers = ["php", "php_binary", "php_serialize", "igbinary", "msgpack"] as const;
type Handler = (typeof handlers)[number];

/** A line of `sessions.php write`. */
interface Sample {
  readonly size: number;
  readonly json: string;
  readonly bytes: Readonly<Record<Handler, string>>;
}

const script = fileURLToPath(new URL("sessions.php", import.meta.url));

/** A contender of this process. Its result is checked once: a contender that cannot read the session is not measured. */
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

const { stdout } = spawnSync("php", [script, "write"], { encoding: "utf8", maxBuffer: 2 ** 26 });
const samples: Sample[] = stdout
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const program = await bundle(fileURLToPath(new URL("decode-process.ts", import.meta.url)));
const processes = handlers.map((handler) => ({
  handler,
  login: openProcess(process.execPath, [program, "login"]),
  decode: openProcess(process.execPath, [program, "decode"]),
  php: openProcess("php", [script, "decode"]),
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
