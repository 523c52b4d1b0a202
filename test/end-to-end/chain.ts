// The whole chain with real parts: PHP's site, memcached, the browser, ejabberd as infra/ejabberd/ejabberd.yml
// recommends it, the bundled relay, HTTPS, and serverless-offline in place of API Gateway and Lambda.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { type LocalApi, localKey, startApi } from "../../infra/local/api.ts";
import { type Ejabberd, startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { startBrowser } from "../real/browser.ts";
import { type Certificate, makeCertificate } from "../real/certificate.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { memcachedIni } from "../real/php.ts";
import { type Site, startSite } from "../real/site.ts";

const infra = fileURLToPath(new URL("../../infra/ejabberd", import.meta.url));

export const transports = ["BOSH", "WebSocket"] as const;
export type Transport = (typeof transports)[number];

export interface ChatServer {
  readonly ejabberd: Ejabberd;
  /** Where Strophe.js connects to. */
  readonly services: Readonly<Record<Transport, string>>;
  readonly tcpPort: number;
  /** Where BOSH and WebSocket are served without TLS. */
  readonly plainPort: number;
}

export interface Chain {
  memcached: Memcached;
  readonly site: Site;
  readonly api: LocalApi;
  readonly browser: Browser;
  readonly chat: ChatServer;
  /** Starts one more ejabberd of this chain, with other words on its programs' command line. */
  startChat(program: ChatProgram): Promise<ChatServer>;
  stop(): Promise<void>;
}

interface ChatProgram {
  /** What node runs as the external-auth program, with its arguments, or the whole line as it stands. */
  readonly program: readonly string[] | string;
  readonly poolSize?: number;
  /** The module that asks, in place of the recommended configuration's. */
  readonly authMethod?: "inspectord" | "extguard" | "external";
  /** More of ejabberd's modules than the recommended configuration has, as lines of YAML. */
  readonly modules?: readonly string[];
  /** Further changes to the recommended configuration, each of which must find its place. */
  readonly changes?: readonly Change[];
  /** More of ejabberd's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

type Change = readonly [from: RegExp, to: string];

/**
 * Starts it all below this directory, the function with these settings beside its own, and the site with its keys of tickets.
 * Ends what it had started when something does not come up.
 */
export async function startChain(
  directory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Chain> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  try {
    const certificate = prepareDirectory(directory);
    const current = { memcached: await startMemcached() };
    stops.push(() => current.memcached.stop());
    const node = `127.0.0.1:${current.memcached.port}`;
    const site = await startSite(memcachedIni(node), settings["TICKET_KEYS"]);
    stops.push(() => site.process.stop());
    const api = await startApi({
      port: await freePort(),
      certificateDirectory: directory,
      settings: {
        SESSION_STORE: `memcached://${node}`,
        AUTHENTICATED_EXPRESSION: "authenticated",
        USER_EXPRESSION: "user",
        SERVED_HOSTS: "localhost",
        ...settings,
      },
    });
    stops.push(() => api.process.stop());
    const browser = await startBrowser();
    stops.push(() => browser.close());

    let servers = 0;
    const startChat = async (program: ChatProgram) => {
      const ownDirectory = join(directory, `ejabberd${++servers}`);
      mkdirSync(ownDirectory);
      const chat = await startChatServer(ownDirectory, directory, certificate, program);
      stops.push(() => chat.ejabberd.stop());
      return chat;
    };
    const chat = await startChat({ program: [relayPath, api.url] });
    return Object.assign(current, { site, api, browser, chat, startChat, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Makes what every chat server needs: a certificate, and the Erlang application. */
export function prepareDirectory(directory: string): Certificate {
  execFileSync("sh", [join(infra, "inspectord", "build.sh"), directory]);
  return makeCertificate(directory);
}

/** Starts an ejabberd in a directory of its own, with the recommended configuration. */
export async function startChatServer(
  directory: string,
  libraries: string,
  certificate: Certificate,
  { program, poolSize = 4, authMethod = "extguard", modules = [], changes = [], env = {} }: ChatProgram,
): Promise<ChatServer> {
  const ports = { tcp: await freePort(), https: await freePort(), http: await freePort() };
  const line = typeof program === "string" ? program : [process.execPath, ...program].join(" ");
  const config = changed(readFileSync(join(infra, "ejabberd.yml"), "utf8"), [
    [/ {2}- example\.org\n/, "  - localhost\n"],
    [/auth_method: .*/, `auth_method: [${authMethod}]`],
    [/extauth_program: .*/, `extauth_program: "${line}"\nextauth_pool_size: ${poolSize}`],
    [/\/etc\/ejabberd\/certs\/\*\.pem/, certificate.bothPath],
    [/port: 5222\n/, `port: ${ports.tcp}\n    ip: "127.0.0.1"\n`],
    [/port: 5443\n/, `port: ${ports.https}\n    ip: "127.0.0.1"\n`],
    [/port: 5280\n/, `port: ${ports.http}\n`],
    [/ {2}mod_bosh: \{\}\n/, ["mod_bosh: {}", ...modules].map((line) => `  ${line}\n`).join("")],
    ...changes,
  ]);
  const isReady = () =>
    fetch(`http://127.0.0.1:${ports.http}/bosh`).then(
      (response) => response.status === 200,
      () => false,
    );
  const ejabberd = await startEjabberd({
    directory,
    config,
    isReady,
    // The relay trusts the API's certificate by node's own variable, which ejabberd hands on.
    env: { ...localKey, NODE_EXTRA_CA_CERTS: certificate.certPath, ...env },
    libraries: [libraries],
  });
  return {
    ejabberd,
    services: {
      BOSH: `https://localhost:${ports.https}/bosh`,
      WebSocket: `wss://localhost:${ports.https}/ws`,
    },
    tcpPort: ports.tcp,
    plainPort: ports.http,
  };
}

/** Returns the text with these changes, each of which must find its place: the file is the one that we recommend. */
function changed(text: string, changes: readonly Change[]): string {
  return changes.reduce((before, [from, to]) => {
    if (before.search(from) < 0) throw new Error(`ejabberd.yml has no ${from}`);
    return before.replace(from, () => to);
  }, text);
}
