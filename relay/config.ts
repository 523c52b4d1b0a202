// The relay's configuration: its command line and AWS's variables, checked. A wrong one is said in words that name
// what to change.

import { isIP } from "node:net";
import { parseArgs } from "node:util";
import type { IsUserPolicy } from "../protocol/login-answer.ts";
import type { LogFormat } from "./log.ts";
import { version } from "./version.ts";

export interface RelayConfig {
  /** The route's full URL. */
  readonly url: URL;
  /** The region that requests are signed for. */
  readonly region: string;
  /** How long one login may take in all, in milliseconds. ejabberd itself waits 30000. */
  readonly deadlineMs: number;
  /** The path of the unix socket to serve in place of stdin and stdout. */
  readonly listen?: string;
  /** Where XMPP servers may ask over HTTP, on the loopback. */
  readonly http?: HttpAddress;
  /** The profile of AWS's shared files. */
  readonly profile?: string;
  /** A PEM file of the authorities to trust in place of Node's own. */
  readonly caFile?: string;
  /** An option that does nothing any more is given: an upgrade must not take logins down for it. */
  readonly isHedgeGiven: boolean;
  /** What `isuser` is answered with on every host, in place of what the function tells. */
  readonly isUserPolicy?: IsUserPolicy;
  readonly logFile?: string;
  readonly logFormat: LogFormat;
  /** Whether the log tells names in place of their keyed hashes. */
  readonly logUsers: boolean;
  /** Where Prometheus may ask, on the loopback. */
  readonly metricsPort?: number;
  /** How many requests to the API may be in flight. */
  readonly maxInFlight?: number;
  /** The variables that AWS's own tools take credentials from. */
  readonly environment: Environment;
}

export interface HttpAddress {
  readonly host: string;
  readonly port: number;
  /** The path of the file with NAME:PASSWORD, which callers authenticate with (HTTP Basic). */
  readonly secretFile: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the environment of this process. */
export function ownEnvironment(): Environment {
  return process.env;
}

export type ReadConfig =
  | { readonly config: RelayConfig }
  | { readonly help: string }
  | { readonly problem: string };

const usage = `usage: relay.mjs URL [options]
       relay.mjs doctor ...      says what is wrong on this host (relay.mjs doctor --help)

Answers ejabberd's external authentication: forwards each login, signed (AWS SigV4), to the InspectorD function at
URL, and says yes only if the function did. Serves frames on stdin and stdout, as ejabberd's extauth_program, or
with --listen any number of pool members on a unix socket.

  URL                 the route's full URL, https://ID.execute-api.REGION.amazonaws.com/auth;
                      plain http only to this machine itself (127.0.0.1, [::1], localhost)

  --listen PATH       serve a unix socket (mode 0660) in place of stdin and stdout
  --http ADDRESS      answer other servers' HTTP questions (MongooseIM, Prosody) on a loopback address, such as
                      127.0.0.1:5290, beside --listen or alone
  --http-secret-file PATH
                      the file with the NAME:PASSWORD that they give (HTTP Basic), for nobody else to read
  --deadline-ms N     answer no when a login takes longer; 100 to 20000 milliseconds, 10000 unless given.
                      ejabberd waits 30 seconds in all, Prosody 5: give it 4000 there
  --hedge             does nothing any more: remove it
  --isuser POLICY     what ejabberd hears when it asks whether a user exists: all (yes) or none (no), in place
                      of the function's ISUSER_POLICY. Without it the answer is yes until the first login's
                      verdict tells that policy
  --region NAME       the region to sign for, where the URL does not name it; AWS_REGION unless given
  --profile NAME      the profile of AWS's shared files; AWS_PROFILE unless given
  --ca-file PATH      trust these authorities (PEM) in place of Node's own

  --log-file PATH     log to this file in place of stderr; reopened at SIGHUP
  --log-format NAME   logfmt, unless given, or json
  --log-users         log user names in place of their keyed hashes
  --max-in-flight N   requests to the API in flight at most, 1 to 1024; 256 unless given. The function's concurrency
                      is shared by the relays of all hosts
  --metrics-port N    serve Prometheus' metrics on http://127.0.0.1:N/metrics, and a page of them on
                      http://127.0.0.1:N/; at SIGUSR1 they go to the log

  --version, --help

Examples:

  relay.mjs https://ID.execute-api.eu-central-1.amazonaws.com/auth --listen /run/inspectord/relay.sock
  relay.mjs https://ID.execute-api.eu-central-1.amazonaws.com/auth --profile chat --metrics-port 9290
  relay.mjs https://ID.execute-api.eu-central-1.amazonaws.com/auth --http 127.0.0.1:5290 \\
    --http-secret-file /etc/inspectord/http-secret --deadline-ms 4000
  relay.mjs http://127.0.0.1:3000/auth --region eu-central-1 --log-users

Credentials come from where AWS's own tools take them: the environment, the shared files (also credential_process),
a container's endpoint, or the instance (IMDSv2). Without any, the relay refuses and says so.

SIGTERM answers what is in flight and ends. Exit codes: 0 after that or at the end of input, 1 for a fault,
2 for options that cannot be used with --listen or --http; without these the relay stays and refuses, for
ejabberd would only start it again.`;

const defaultDeadlineMs = 10_000;

/** The command line's options, as node:util's parseArgs has them. */
export const options = {
  listen: { type: "string" },
  http: { type: "string" },
  "http-secret-file": { type: "string" },
  "deadline-ms": { type: "string" },
  hedge: { type: "boolean" },
  isuser: { type: "string" },
  region: { type: "string" },
  profile: { type: "string" },
  "ca-file": { type: "string" },
  "log-file": { type: "string" },
  "log-format": { type: "string" },
  "log-users": { type: "boolean" },
  "max-in-flight": { type: "string" },
  "metrics-port": { type: "string" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Returns the configuration that these arguments make, frozen, or the problem with them. Throws nothing. */
export function readConfig(args: readonly string[], environment: Environment = ownEnvironment()): ReadConfig {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return { problem: (error as Error).message };
  }
  const { values, positionals } = parsed;
  if (values.help === true) return { help: usage };
  if (values.version === true) return { help: `inspectord-relay ${version}` };
  const [address, ...more] = positionals;
  if (address === undefined) return { problem: "the URL of the route is missing" };
  if (more.length > 0) return { problem: "more than one URL is given" };
  const url = readUrl(address);
  if ("problem" in url) return url;
  const deadlineMs = readNumber(values["deadline-ms"], 100, 20_000);
  if (Number.isNaN(deadlineMs)) {
    return { problem: "--deadline-ms is not a whole number from 100 to 20000" };
  }
  const metricsPort = readNumber(values["metrics-port"], 1, 65_535);
  if (Number.isNaN(metricsPort)) return { problem: "--metrics-port is not a port" };
  const maxInFlight = readNumber(values["max-in-flight"], 1, 1024);
  if (Number.isNaN(maxInFlight)) return { problem: "--max-in-flight is not a whole number from 1 to 1024" };
  const http = readHttp(values.http, values["http-secret-file"]);
  if (http !== undefined && "problem" in http) return http;
  const logFormat = values["log-format"] ?? "logfmt";
  if (logFormat !== "logfmt" && logFormat !== "json") {
    return { problem: "--log-format is neither logfmt nor json" };
  }
  const isUserPolicy = values.isuser;
  if (isUserPolicy !== undefined && isUserPolicy !== "all" && isUserPolicy !== "none") {
    return { problem: "--isuser is neither all nor none" };
  }
  const region =
    values.region ?? regionOf(url.hostname) ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"];
  if (region === undefined || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) {
    return {
      problem:
        "the region is not known: the URL does not name it, so give --region or AWS_REGION, such as eu-central-1",
    };
  }
  const { listen, profile } = values;
  const caFile = values["ca-file"];
  const logFile = values["log-file"];
  return {
    config: Object.freeze({
      url,
      region,
      deadlineMs: deadlineMs ?? defaultDeadlineMs,
      ...(listen !== undefined && { listen }),
      ...(http !== undefined && { http }),
      ...(profile !== undefined && { profile }),
      ...(caFile !== undefined && { caFile }),
      isHedgeGiven: values.hedge === true,
      ...(isUserPolicy !== undefined && { isUserPolicy }),
      ...(logFile !== undefined && { logFile }),
      logFormat,
      logUsers: values["log-users"] === true,
      ...(metricsPort !== undefined && { metricsPort }),
      ...(maxInFlight !== undefined && { maxInFlight }),
      environment,
    }),
  };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
}

/** Returns the whole number in these bounds, NaN for another text, and undefined for none. */
function readNumber(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return number >= least && number <= most ? number : Number.NaN;
}

function readHttp(
  address: string | undefined,
  secretFile: string | undefined,
): HttpAddress | { readonly problem: string } | undefined {
  if (address === undefined) {
    return secretFile === undefined
      ? undefined
      : { problem: "--http-secret-file is for --http, which is missing" };
  }
  const [, name = "", port] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  const host = name.replace(/^\[(.*)\]$/, "$1");
  const number = readNumber(port, 1, 65_535);
  if (number === undefined || Number.isNaN(number) || isIP(host) === 0 || !isLoopback(name)) {
    return { problem: "--http is not an address of the loopback with a port, such as 127.0.0.1:5290" };
  }
  if (secretFile === undefined) {
    return { problem: "--http-secret-file is missing: every local user can reach the loopback" };
  }
  return { host, port: number, secretFile };
}

function readUrl(address: string): URL | { readonly problem: string } {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return { problem: "the URL cannot be read; it is written https://HOST/auth" };
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { problem: "the URL begins neither with https:// nor with http://" };
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return { problem: "the URL is plain http to another machine: session ids would travel unencrypted" };
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return { problem: "the URL holds a user name, a password, a query or a fragment; it takes none" };
  }
  if (url.pathname === "/") return { problem: "the URL names no route; it ends in /auth" };
  return url;
}

/** The region in the name of API Gateway's endpoints, https://ID.execute-api.REGION.amazonaws.com. */
function regionOf(hostname: string): string | undefined {
  return /\.execute-api(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/.exec(hostname)?.[1];
}

function isLoopback(hostname: string): boolean {
  if (hostname === "localhost" || hostname === "[::1]") return true;
  return isIP(hostname) === 4 && hostname.startsWith("127.");
}
