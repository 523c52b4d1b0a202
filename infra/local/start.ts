// `npm start`: the whole product on this machine, except ejabberd. The API serves sample sessions that PHP wrote, the
// bundled relay asks it, and a table shows what six logins get.

import { parseArgs } from "node:util";
import { buildAll } from "../build.ts";
import { type LocalApi, localKey, readLoginLine, startApi } from "./api.ts";
import { isFree } from "./ports.ts";
import { RelayCaller, relayPath } from "./relay-caller.ts";
import { samplePassword, sampleSettings, trySampleLogins } from "./sample-logins.ts";

const usage =
  "usage: npm start -- [--port N] [--once]\n" +
  "  --port N   the API's port on 127.0.0.1, 3000 unless given\n" +
  "  --once     end after the table: with 0, or with 1 if a verdict is not as expected";

const options = readOptions();
const usesSamples = process.env["SESSION_STORE"] === undefined;
if (options.once && !usesSamples) {
  fail(2, "--once shows the sample sessions: unset SESSION_STORE for it.");
}
if (!(await isFree(options.port))) {
  fail(1, `Port ${options.port} is taken. Choose another one: npm start -- --port ${options.port + 1}`);
}

await buildAll();
const api = await startApi({
  port: options.port,
  settings: usesSamples ? sampleSettings : {},
});
const relay = new RelayCaller([api.url]);

const aboutTheSamples = [
  `alice@localhost can then log in with the password ${samplePassword}.`,
  "",
  "With your site's sessions in memcached instead of the samples:",
  "",
  "  SESSION_STORE=memcached://127.0.0.1:11211 SERVED_HOSTS=localhost \\",
  "  AUTHENTICATED_EXPRESSION='user != `null`' USER_EXPRESSION=user npm start",
  "",
];

let exitCode = 0;
if (usesSamples) {
  const { table, isAsExpected } = await trySampleLogins(relay);
  say(table);
  if (!isAsExpected) exitCode = 1;
}
if (!options.once) {
  say(howToGoOn(api.url));
  await untilInterrupted(api);
}
await relay.end();
await api.process.stop();
process.exit(exitCode);

function howToGoOn(url: string): string {
  return [
    "",
    `The API serves ${url} to whoever signs. For an ejabberd on this machine, in its environment:`,
    "",
    ...Object.entries(localKey).map(([name, value]) => `  export ${name}=${value}`),
    "",
    "and in its ejabberd.yml:",
    "",
    "  auth_method: [external]",
    `  extauth_program: "${process.execPath} ${relayPath} ${url}"`,
    "  auth_use_cache: false",
    "",
    ...(usesSamples ? aboutTheSamples : []),
    "Logins are shown as they come. ^C ends it.",
  ].join("\n");
}

/** Shows the logins that come, until ^C or SIGTERM, or until the API ends by itself. */
async function untilInterrupted({ process: api }: LocalApi): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
    // The reader has gone, as in `npm start | head`.
    process.stdout.once("error", resolve);
    api.child.once("exit", () => {
      say(`The API has ended:\n${api.output().slice(-2000)}`);
      exitCode = 1;
      resolve();
    });
    api.child.stdout?.on("data", (text: string) => {
      for (const line of text.split("\n").flatMap(readLoginLine)) {
        const { outcome, reason, fault, detail } = line;
        say([new Date().toISOString(), outcome, reason ?? fault, detail].filter(Boolean).join(" "));
      }
    });
  });
}

function readOptions(): { port: number; once: boolean } {
  try {
    const { values } = parseArgs({
      options: { port: { type: "string", default: "3000" }, once: { type: "boolean", default: false } },
    });
    const port = Number(values.port);
    if (Number.isInteger(port) && port >= 1 && port <= 65534) return { port, once: values.once };
    return fail(2, `--port is not a port.\n${usage}`);
  } catch (error) {
    return fail(2, `${(error as Error).message}\n${usage}`);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}
