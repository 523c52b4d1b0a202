// `npm start`: the whole product on this machine, but for ejabberd. The API serves PHP's own sample sessions,
// the bundled relay asks it, and a table shows what five telling logins get.

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildAll } from "../build.ts";
import { type LocalApi, readLoginLine, startApi } from "./api.ts";
import { isFree } from "./ports.ts";
import { RelayCaller, relayPath } from "./relay-caller.ts";
import { formatTable } from "./table.ts";

const usage =
  "usage: npm start -- [--port N] [--once]\n" +
  "  --port N   the API's port on 127.0.0.1, 3000 unless given\n" +
  "  --once     end after the table: with 0, or with 1 if a verdict is not as expected";

const sampleSettings = {
  SESSION_STORE: `files://${fileURLToPath(new URL("sessions", import.meta.url))}`,
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
};

interface SampleLogin {
  readonly user: string;
  readonly session: string;
  readonly password: string;
  readonly expected: string;
}

const alice = "alice0session0of0the0samples";
const sampleLogins: readonly SampleLogin[] = [
  { user: "alice", session: "her own", password: alice, expected: "allowed" },
  { user: "bob", session: "alice's", password: alice, expected: "refused other-user" },
  {
    user: "carol",
    session: "her own, logged out",
    password: "carol0session0of0the0samples",
    expected: "refused not-authenticated",
  },
  {
    user: "alice",
    session: "one that is unknown",
    password: "nobody0has0this0session000",
    expected: "refused no-session",
  },
  {
    user: "alice",
    session: "no session id at all",
    password: "../etc/passwd",
    expected: "refused malformed-session-id",
  },
];

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

let exitCode = 0;
if (usesSamples) exitCode = (await showSampleLogins(api, relay)) ? 0 : 1;
if (!options.once) {
  say(howToGoOn(api.url));
  await untilInterrupted(api);
}
await relay.end();
await api.process.stop();
process.exit(exitCode);

/** Gives whether every verdict was as expected. */
async function showSampleLogins(api: LocalApi, relay: RelayCaller): Promise<boolean> {
  // The first call of all pays for loading the function, which is not what the table is about.
  await relay.ask("isuser:nobody:localhost");
  const rows: string[][] = [];
  let asExpected = true;
  for (const { user, session, password, expected } of sampleLogins) {
    const before = api.logins().length;
    const startedMs = performance.now();
    const allowed = await relay.ask(`auth:${user}:localhost:${password}`);
    const tookMs = performance.now() - startedMs;
    // The relay gives a bit; why it is so stands in the function's log, as it does on AWS.
    const line = await nextLogin(api, before);
    const reason = line?.reason ?? line?.fault ?? "";
    const verdict = allowed ? "allowed" : "refused";
    const right = `${verdict} ${reason}`.trim() === expected;
    asExpected &&= right;
    rows.push([
      user,
      session,
      verdict,
      right ? reason : `${reason} (expected: ${expected})`,
      tookMs.toFixed(1),
    ]);
  }
  say(formatTable(["who", "with the session", "verdict", "reason", "ms"], rows));
  return asExpected;
}

async function nextLogin(api: LocalApi, before: number) {
  for (let tries = 0; tries < 100 && api.logins().length <= before; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return api.logins()[before];
}

function howToGoOn(url: string): string {
  return [
    "",
    `The API serves ${url}. In ejabberd.yml of an ejabberd on this machine:`,
    "",
    "  auth_method: [external]",
    `  extauth_program: "${process.execPath} ${relayPath} ${url}"`,
    "  auth_use_cache: false",
    "",
    "With your site's sessions in memcached instead of the samples:",
    "",
    "  SESSION_STORE=memcached://127.0.0.1:11211 SERVED_HOSTS=localhost \\",
    "  AUTHENTICATED_EXPRESSION='user != `null`' USER_EXPRESSION=user npm start",
    "",
    "Logins are shown as they come. ^C ends it.",
  ].join("\n");
}

/** Shows the logins that come, until ^C or SIGTERM, or until the API ends by itself. */
async function untilInterrupted({ process: api }: LocalApi): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
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
