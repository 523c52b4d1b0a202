// The demo's parts, each a process of its own, and the address that a browser asks.
//
//   browser -> front (this process) -> PHP's site -> memcached
//                 |                                     ^
//                 +- /ws -> ejabberd -> relay -> API -> function
//
// All listen on the loopback only, and keep their files in one directory.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { Agent } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { localKey, startApi } from "../local/api.ts";
import { startEjabberd } from "../local/ejabberd.ts";
import { FunctionLines } from "../local/function-lines.ts";
import { canConnect, freePort } from "../local/ports.ts";
import { type RunningProcess, startProcess } from "../local/process.ts";
import { relayPath } from "../local/relay-caller.ts";
import { showApi } from "../local/shown-api.ts";
import { DemoEvents } from "./demo-events.ts";
import { startFront } from "./front.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The function's line comes through another pipe than its answer. */
const lineWithinMs = 1_000;
const host = "localhost";

export interface DemoOptions {
  /** The front's, on 127.0.0.1. */
  readonly port: number;
  /** Empty, and the demo's own. A socket's path must fit into it. */
  readonly directory: string;
  /** Runs a step of the start, and may say so. */
  readonly doing: <T>(what: string, work: () => Promise<T>) => Promise<T>;
}

export interface Demo {
  readonly url: string;
  /** Resolves when one of the processes ends by itself, with the last of what it wrote. */
  readonly ended: Promise<{ readonly name: string; readonly output: string }>;
  stop(): Promise<void>;
}

/** Starts it all. dist/ must be built. Ends what it had started when something does not come up. */
export async function startDemo({ port, directory, doing }: DemoOptions): Promise<Demo> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  let tellEnd: (end: { name: string; output: string }) => void = () => {};
  const ended = new Promise<{ name: string; output: string }>((resolve) => {
    tellEnd = resolve;
  });
  const starting = async (what: string, name: string, start: () => Promise<RunningProcess>) => {
    const started = await doing(what, start);
    stops.push(() => started.stop());
    started.child.once("exit", () => tellEnd({ name, output: started.output().slice(-2000) }));
    return started;
  };
  try {
    const ticketKeys = `1:${randomBytes(32).toString("base64url")}`;
    const hintToken = randomBytes(24).toString("hex");
    const chatPort = await freePort();

    const memcachedPort = await freePort();
    await starting("Starting memcached", "memcached", () =>
      startProcess({
        command: "memcached",
        args: ["-l", "127.0.0.1", "-p", String(memcachedPort), "-U", "0", "-m", "64", "-u", "nobody"],
        isReady: () => canConnect(memcachedPort),
      }),
    );

    const sitePort = await freePort();
    await starting("Starting PHP with the site", "PHP", () =>
      startProcess({
        command: "php",
        args: [
          ...["-d", "session.save_handler=memcached", "-d", `session.save_path=127.0.0.1:${memcachedPort}`],
          ...["-S", `127.0.0.1:${sitePort}`, join(root, "infra/demo/site.php")],
        ],
        env: {
          ...process.env,
          TICKET_KEYS: ticketKeys,
          CHAT_HOST: host,
          HINT_URL: `http://127.0.0.1:${chatPort}/inspectord/look`,
          HINT_TOKEN: hintToken,
        },
        isReady: () => canConnect(sitePort),
      }),
    );

    const apiPort = await freePort();
    const api = await doing("Starting the API and the function under serverless-offline", () =>
      startApi({
        port: apiPort,
        settings: {
          SESSION_STORE: `memcached://127.0.0.1:${memcachedPort}`,
          SESSION_PRESET: "plain",
          SERVED_HOSTS: host,
          TICKETS: "required",
          TICKET_KEYS: ticketKeys,
        },
      }),
    );
    stops.push(() => api.process.stop());
    api.process.child.once("exit", () =>
      tellEnd({ name: "the API", output: api.process.output().slice(-2000) }),
    );
    const lines = new FunctionLines();
    api.process.child.stdout?.on("data", (text: string) => lines.add(text));
    const events = new DemoEvents();
    const agent = new Agent({ keepAlive: true });
    const shownPort = await freePort();
    const shown = await showApi({
      ...{ port: shownPort, apiPort, agent },
      functionLine: (answered) => lines.take(answered, lineWithinMs),
      show: (login) => events.login(login),
      nowMs: () => performance.now(),
      timeMs: () => Date.now(),
    });
    stops.push(async () => {
      shown.close();
      shown.closeAllConnections();
      agent.destroy();
    });

    const socketPath = join(directory, "relay.sock");
    await starting("Starting the relay", "the relay", () =>
      startProcess({
        command: process.execPath,
        args: [relayPath, `http://127.0.0.1:${shownPort}/auth`, "--listen", socketPath],
        env: { ...process.env, ...localKey },
        isReady: (output) => output.includes("code=listening"),
      }),
    );

    const chatDirectory = join(directory, "ejabberd");
    mkdirSync(chatDirectory);
    const chat = await doing("Starting ejabberd with the module", async () => {
      execFileSync("sh", [join(root, "infra/ejabberd/inspectord/build.sh"), directory], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      return startEjabberd({
        directory: chatDirectory,
        config: ejabberdConfig({ chatPort, socketPath, hintToken }),
        isReady: () => canConnect(chatPort),
        libraries: [directory],
      });
    });
    stops.push(() => chat.stop());

    const front = await startFront({ port, sitePort, chatPort, events });
    stops.push(() => front.stop());
    return { url: `http://127.0.0.1:${port}/`, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Returns ejabberd.yml: that of infra/ejabberd/, but for the front, which speaks to it without TLS on this machine. */
function ejabberdConfig(options: {
  readonly chatPort: number;
  readonly socketPath: string;
  readonly hintToken: string;
}): string {
  const { chatPort, socketPath, hintToken } = options;
  return `hosts: [${host}]
auth_method: [inspectord]
extauth_program: ${JSON.stringify(socketPath)}
auth_use_cache: false
disable_sasl_mechanisms: [X-OAUTH2]
listen:
  - port: ${chatPort}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /ws: ejabberd_http_ws
      /inspectord: inspectord_http
modules:
  mod_inspectord:
    socket: ${JSON.stringify(socketPath)}
    mode: end
    interval: 5s
    confirm_after: 1s
    hint_token: ${hintToken}
`;
}
