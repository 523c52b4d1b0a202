// A real ejabberd that watches its logins, behind the bundled relay, and an API that knows sessions by their ids.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { localKey } from "../../infra/local/api.ts";
import { ejabberdLibraries } from "../../infra/local/debian.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import type { Certificate } from "../real/certificate.ts";
import { type Reply, type StandIn, say, startStandIn, tell } from "../stand-in/api-gateway.ts";
import { type ChatServer, prepareDirectory, startChatServer } from "./chain.ts";

/** The token of the site's hints. */
export const hintToken = randomBytes(24).toString("hex");

/** Makes what every watched chat needs: a certificate, the Erlang application, and the tests' own eyes in ejabberd. */
export function prepareWatched(directory: string): Certificate {
  const certificate = prepareDirectory(directory);
  const ebin = join(directory, "ejabberd_eval", "ebin");
  mkdirSync(ebin, { recursive: true });
  const source = fileURLToPath(new URL("../real/ejabberd_eval.erl", import.meta.url));
  execFileSync("erlc", ["-o", ebin, source], {
    env: { ...process.env, ERL_LIBS: ejabberdLibraries() ?? "" },
  });
  return certificate;
}

/** An API whose sessions are opened and closed by a test. It stands in for API Gateway and all behind it. */
export class SessionsApi {
  /** The users by their session ids. */
  readonly users = new Map<string, string>();
  /** The ids of all sessions that there were. */
  readonly all = new Set<string>();
  /** How many times it was asked about connections. */
  looks = 0;
  /** Whether it answers 503. */
  isAway = false;
  /** Returns what an answer about connections, a character for each, waits for before it is told. */
  waitsFor: (live: string) => Promise<void> | undefined = () => undefined;
  #standIn: StandIn | undefined;

  async start(): Promise<void> {
    this.#standIn = await startStandIn((...request) => this.#reply(...request));
  }

  get url(): string {
    return this.#standIn?.url ?? "";
  }

  async stop(): Promise<void> {
    await this.#standIn?.stop();
  }

  open(user: string): string {
    const id = randomBytes(13).toString("hex");
    this.users.set(id, user);
    this.all.add(id);
    return id;
  }

  close(id: string): void {
    this.users.delete(id);
  }

  #reply: Reply = (body, response, request) => {
    const answer = () => {
      if (this.isAway) return say(503, '{"error":"unavailable"}');
      const asked = JSON.parse(body);
      if (request.url !== "/logins") return tell({ allow: this.users.get(asked.password) === asked.user });
      this.looks++;
      const live = (asked.logins as [string, string][])
        .map(([user, password]) => (this.users.get(password) === user ? "1" : "0"))
        .join("");
      return this.#later(tell({ live }), this.waitsFor(live));
    };
    answer()(body, response, request);
  };

  #later(reply: Reply, moment: Promise<void> | undefined): Reply {
    if (moment === undefined) return reply;
    return (...request) => void moment.then(() => reply(...request));
  }
}

/** Starts the bundled relay on this socket. */
export function startWatchRelay(url: string, socketPath: string): Promise<RunningProcess> {
  return startProcess({
    command: process.execPath,
    args: [relayPath, url, "--listen", socketPath, "--region", "eu-central-1"],
    env: { ...process.env, ...localKey },
    isReady: (output) => output.includes("code=listening"),
  });
}

export interface WatchedChat extends ChatServer {
  /** Calls one of ejabberd's commands. */
  command(name: string, args?: object): Promise<unknown>;
  readonly hintUrl: string;
  /** Sends a hint, and returns the status of its answer. */
  hint(users: readonly string[], token?: string): Promise<number>;
  /** Changes mod_inspectord's options by reload_config, or puts another module in its place. Returns what that answers. */
  reload(watch: WatchOptions, instead?: string): Promise<unknown>;
  /** Waits until this many connections of the user are watched. */
  isWatched(user: string, count: number): Promise<void>;
  /** Waits until the brake is in this state. */
  brakeIs(state: "open" | "held" | "releasing"): Promise<void>;
  /** Waits until the log has this. */
  logs(line: RegExp): Promise<void>;
  /** How many times a line stands in the log: ejabberd writes to its file and, in the tests, to its output. */
  readonly logCopies: number;
  /** Evaluates Erlang in the server, and returns what that returns. */
  evaluate(expressions: string): Promise<string>;
}

export type WatchOptions = Readonly<Record<string, string | number>>;

export interface WatchedChatOptions {
  readonly socketPath: string;
  /** Options of mod_inspectord, beside its socket and the token of hints. */
  readonly watch: WatchOptions;
  readonly authMethod?: "inspectord" | "extguard";
  /** More of ejabberd's modules, as lines of YAML. */
  readonly modules?: readonly string[];
  /** More of ejabberd's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts it in a directory of its own. */
export async function startWatchedChat(
  directory: string,
  libraries: string,
  certificate: Certificate,
  { socketPath, watch, authMethod = "inspectord", modules = [], env = {} }: WatchedChatOptions,
): Promise<WatchedChat> {
  const httpPort = await freePort();
  const line = (options: WatchOptions) =>
    `mod_inspectord: {${Object.entries({ socket: socketPath, hint_token: hintToken, ...options })
      .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
      .join(", ")}}`;
  const listener = `listen:
  - port: ${httpPort}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: {/api/v0: mod_http_api, /inspectord: inspectord_http, /eval: ejabberd_eval}
`;
  const permissions = 'api_permissions:\n  test:\n    who: {ip: "127.0.0.1"}\n    what: "*"\nmodules:\n';
  const chat = await startChatServer(directory, libraries, certificate, {
    authMethod,
    env,
    program: `sh -c 'exec socat - UNIX-CONNECT:${socketPath},retry=280,interval=0.1'`,
    modules: ["mod_admin_extra: {}", "mod_stream_mgmt: {resume_timeout: 60}", ...modules, line(watch)],
    changes: [
      [/listen:\n/, listener],
      [/modules:\n/, permissions],
      [/disable_sasl_mechanisms: .*/, "oauth_access: all"],
    ],
  });
  const configPath = join(directory, "ejabberd.yml");
  const command = async (name: string, args: object = {}) => {
    // The first version of each command's interface: all of ejabberd's have it.
    const url = `http://127.0.0.1:${httpPort}/api/v0/${name}`;
    return (await fetch(url, { method: "POST", body: JSON.stringify(args) })).json();
  };
  const evaluate = async (expressions: string) => {
    const response = await fetch(`http://127.0.0.1:${httpPort}/eval`, { method: "POST", body: expressions });
    return response.text();
  };
  const hintUrl = `http://127.0.0.1:${httpPort}/inspectord/look`;
  return {
    ...chat,
    command,
    evaluate,
    hintUrl,
    logCopies: 2,
    hint: async (users, token = hintToken) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await fetch(hintUrl, { method: "POST", headers, body: users.join("\n") })).status;
    },
    reload: async (options, instead = line(options)) => {
      const config = readFileSync(configPath, "utf8");
      writeFileSync(
        configPath,
        config.replace(/(mod_inspectord|mod_time): .*/, () => instead),
      );
      return command("reload_config");
    },
    isWatched: (user, count) =>
      eventually(`${count} connections of ${user}`, async () => {
        const rows = `[x || {{_, _, <<"${user}">>, _, _}, _, _} <- ets:tab2list(inspectord_logins)]`;
        return (await evaluate(`length(${rows})`)) === String(count);
      }),
    brakeIs: (state) =>
      eventually(`the brake is ${state}`, async () => {
        const rows = (await command("inspectord_watch", { host: "localhost" })) as {
          readonly counter: string;
          readonly seen: string;
        }[];
        return rows.some(({ counter, seen }) => counter === "brake" && seen === state);
      }),
    logs: (line) => eventually(String(line), () => Promise.resolve(line.test(chat.ejabberd.log()))),
  };
}

async function eventually(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 30_000;
  while (!(await isTrue())) {
    if (performance.now() > endsAt) throw new Error(`not within 30 s: ${what}`);
    await sleep(100);
  }
}
