// `npm start`: the whole product on this machine, except ejabberd. The API serves the operator's sessions, or sample sessions
// that PHP wrote; for these the bundled relay asks it, and a table shows what six logins get.

import { existsSync } from "node:fs";
import { Agent } from "node:http";
import { parseArgs } from "node:util";
import { buildAll } from "../build.ts";
import { type LocalApi, startApi } from "./api.ts";
import { forEjabberd, nodeFor } from "./for-ejabberd.ts";
import { FunctionLines } from "./function-lines.ts";
import { readOwnSettings } from "./own-settings.ts";
import { freePort, isFree } from "./ports.ts";
import { probeStore } from "./probe-store.ts";
import { RelayCaller, relayPath } from "./relay-caller.ts";
import { samplePassword, sampleSettings, trySampleLogins } from "./sample-logins.ts";
import { loginLine, showApi } from "./shown-api.ts";

/** The function's line comes through another pipe than its answer. */
const lineWithinMs = 1_000;

const aboutTheSamples = [
  `alice@localhost can then log in with the password ${samplePassword}.`,
  "",
  "With your site's sessions in memcached instead of the samples:",
  "",
  "  SESSION_STORE=memcached://127.0.0.1:11211 SERVED_HOSTS=localhost \\",
  "  AUTHENTICATED_EXPRESSION='user != `null`' USER_EXPRESSION=user npm start",
  "",
];

// What this process has started ends with it. While it starts, and at a second signal, there is nothing to finish.
const abandon = () => process.exit(1);
let stop: () => void = abandon;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop());
// The reader has gone, as in `npm start | head`.
process.stdout.on("error", () => stop());

process.exitCode = await main().catch((error: Error) => {
  // What this project throws says itself what is wrong.
  return complain(error.constructor === Error ? error.message : (error.stack ?? error.message));
});
process.exit();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === "string") return complain(`${options}\nnpm start -- --help says more.`, 2);
  const { port, once } = options;
  const settings = await readOwnSettings(process.env);
  if ("problems" in settings) {
    const unset = "Without any of these variables, npm start serves sample sessions.";
    return complain(
      `The configuration is wrong:\n${listed(settings.problems)}\n` +
        `npm start -- --help and docs/configuration.md say what each variable is. ${unset}`,
    );
  }
  if (once && !settings.samples) {
    return complain("--once shows the sample sessions: unset SESSION_STORE and its like for it.", 2);
  }
  if (!(await isFree(port))) {
    return complain(`Port ${port} is taken. Choose another one: npm start -- --port ${port + 1}`);
  }
  if (!settings.samples) {
    const probed = await probeStore(settings.config);
    const silent = probed.filter(({ problem }) => problem !== undefined);
    if (silent.length > 0) {
      return complain(
        `The session store cannot be asked:\n${listed(silent.map(({ name, problem }) => `${name}: ${problem}`))}\n` +
          "docs/troubleshooting.md says what each of these codes means.",
      );
    }
    for (const { name, tookMs } of probed)
      say(`The session store answers: ${name}, ${tookMs.toFixed(1)} ms.`);
  }
  await buildAll();
  return serve(options, settings.samples ? sampleSettings : settings.variables, settings.samples);
}

/** Serves until it is told to end. Returns the exit code. */
async function serve(
  { port, once }: Options,
  variables: Readonly<Record<string, string | undefined>>,
  usesSamples: boolean,
): Promise<number> {
  const apiPort = await freePort();
  const api = await startApi({ port: apiPort, settings: variables });
  const lines = new FunctionLines();
  api.process.child.stdout?.on("data", (text: string) => lines.add(text));
  let shows = false;
  const agent = new Agent({ keepAlive: true });
  const shown = await showApi({
    ...{ port, apiPort, agent },
    functionLine: (answered) => lines.take(answered, lineWithinMs),
    show: (login) => {
      if (shows) say(loginLine(login));
    },
    nowMs: () => performance.now(),
    timeMs: () => Date.now(),
  });
  try {
    const url = `http://127.0.0.1:${port}/auth`;
    const isAsExpected = !usesSamples || (await showSamples(url));
    if (once) return isAsExpected ? 0 : 1;
    say(howToGoOn(url, usesSamples));
    shows = true;
    return (await untilInterrupted(api)) && isAsExpected ? 0 : 1;
  } finally {
    shown.close();
    shown.closeAllConnections();
    agent.destroy();
    await api.process.stop();
  }
}

/** Shows the table of the sample logins. Returns whether all are as expected. */
async function showSamples(url: string): Promise<boolean> {
  const relay = new RelayCaller([url]);
  try {
    const { table, isAsExpected } = await trySampleLogins(relay);
    say(table);
    return isAsExpected;
  } finally {
    await relay.end();
  }
}

function howToGoOn(url: string, usesSamples: boolean): string {
  return [
    "",
    `The API serves ${url} to whoever signs with the key below.`,
    "",
    forEjabberd({ url, relay: relayPath, ...nodeFor(process.execPath, existsSync) }),
    "",
    ...(usesSamples ? aboutTheSamples : []),
    "Each login that comes is a line: time, user, verdict, reason, detail, milliseconds. What the relay refuses by",
    "itself does not come here. ^C ends it.",
  ].join("\n");
}

/** Waits for ^C, a signal, or the end of the API. Returns whether it was told to end. */
async function untilInterrupted({ process: api }: LocalApi): Promise<boolean> {
  const ended = new Promise<boolean>((resolve) => {
    stop = () => {
      stop = abandon;
      resolve(true);
    };
    api.child.once("exit", () => resolve(false));
  });
  const wasTold = await ended;
  if (!wasTold) complain(`The API has ended:\n${api.output().slice(-2000)}`);
  return wasTold;
}

interface Options {
  readonly port: number;
  readonly once: boolean;
}

/** Returns what is wrong with the command line as a text. */
function readOptions(): Options | string {
  try {
    const { values } = parseArgs({
      options: { port: { type: "string", default: "3000" }, once: { type: "boolean", default: false } },
    });
    const port = Number(values.port);
    if (Number.isInteger(port) && port >= 1 && port <= 65534) return { port, once: values.once };
    return "--port must be a port, 1 to 65534.";
  } catch (error) {
    return (error as Error).message;
  }
}

function listed(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function complain(text: string, exitCode = 1): number {
  process.stderr.write(`${text}\n`);
  return exitCode;
}
