// The API, asked as the relay asks it: credentials, clock, latency, the hosts that it serves, and one login's verdict.

import { randomBytes } from "node:crypto";
import { localpartOfUserName } from "../inspector/localpart.ts";
import type { IsUserPolicy, Verdict } from "../protocol/login-answer.ts";
import type { LoginRequest } from "../protocol/login-request.ts";
import { kindOfPassword } from "../protocol/password.ts";
import { Api, ApiError, loginContract } from "../relay/api.ts";
import { type AttemptsOptions, askWithRetry, DeadlineError } from "../relay/attempts.ts";
import type { RelayConfig } from "../relay/config.ts";
import { endpointOf } from "../relay/connection.ts";
import { Connections, type Exchange, type ExchangeOptions } from "../relay/connections.ts";
import { type Credentials, CredentialsError } from "../relay/credentials/credentials.ts";
import { credentialPlaces } from "../relay/credentials/open.ts";
import { RequestSlots } from "../relay/request-slots.ts";
import { createSign } from "../relay/sign.ts";
import { type LoginsQuestion, loginsContract, watchUrlOf } from "../relay/watch.ts";
import { checkCertificate, checkName } from "./check-tls.ts";
import type { Finding, Place } from "./finding.ts";
import type { Host } from "./hosts.ts";
import { madeUpUser } from "./try-program.ts";

export interface ApiTarget {
  readonly config: RelayConfig;
  /** PEM text of the authorities to trust in place of Node's own. */
  readonly ca: string | undefined;
  /** Where the URL is written. */
  readonly at: Place | undefined;
  /** The hosts whose logins go there. */
  readonly hosts: readonly Host[];
  /** A login whose verdict is asked for. */
  readonly login: Login | undefined;
  /** Whether mod_inspectord asks about the connections of a host. */
  readonly isWatched: boolean;
  /** Whether a credential_process may be run: it may be one that another user wrote for a process of their own. */
  readonly runsPrograms: boolean;
}

interface Login {
  /** As the site spells it. */
  readonly userName: string;
  readonly server: string;
  readonly session: string;
}

/** What `checkApi` hands on beside its findings. */
export interface Measured {
  /** The mean time of an answer, if there was one. */
  readonly answerSeconds: number | undefined;
  /** What ejabberd hears when it asks whether a user exists, by host, as far as the relay or the API tells. */
  readonly policies: ReadonlyMap<string, IsUserPolicy>;
}

/** What is known without the API. */
export const nothingMeasured: Measured = { answerSeconds: undefined, policies: new Map() };

const calls = 20;
/** More would be a burst of requests. */
const maxHosts = 100;
/** API Gateway refuses a signature whose date is more than 5 minutes off. */
const failingSkewMs = 240_000;
const warningSkewMs = 30_000;

export async function* checkApi(target: ApiTarget): AsyncGenerator<Finding, Measured> {
  const { config, ca, at, hosts, login } = target;
  const fixed = config.isUserPolicy;
  const policies = new Map(fixed === undefined ? [] : hosts.map((host) => [host.name, fixed]));
  const nothing: Measured = { answerSeconds: undefined, policies };
  const endpoint = endpointOf(config.url, ca);
  const name = await checkName(endpoint, at);
  yield name;
  if (name.level === "fail") return nothing;
  const certificate = await checkCertificate(endpoint, at, { now: new Date(), timeoutMs: config.deadlineMs });
  yield certificate;
  if (certificate.level === "fail") return nothing;

  const found = await findCredentials(config, target.runsPrograms);
  yield found.finding;
  if (found.credentials === undefined) return nothing;
  const client = new Client(config, new DatedConnections(endpoint), found.credentials);
  try {
    const server = login?.server ?? hosts[0]?.name ?? "localhost";
    const { first, idBytes } = await askFirst(client, server);
    if (client.skewMs !== undefined) yield clockFinding(client.skewMs);
    yield firstFinding(first, config, at, hosts.length > 0 || login !== undefined);
    if ("fault" in first) return nothing;

    const latency = await measure(client, server, idBytes);
    yield latency.finding;
    for (const host of hosts.slice(0, maxHosts)) {
      const answer = await client.ask({ op: "isuser", user: madeUpUser, server: host.name });
      if (fixed === undefined && "isUserPolicy" in answer && answer.isUserPolicy !== undefined) {
        policies.set(host.name, answer.isUserPolicy);
      }
      yield hostFinding(host, answer);
    }
    if (hosts.length > maxHosts) {
      yield { level: "warn", check: "hosts", says: `only the first ${maxHosts} hosts were asked for` };
    }
    if (target.isWatched)
      yield watchFinding(await client.askOfConnection(madeUpLogin(server, idBytes)), config);
    if (login !== undefined) yield await loginFinding(client, login);
    return { answerSeconds: latency.answerSeconds, policies };
  } finally {
    client.close();
  }
}

type AuthRequest = Extract<LoginRequest, { readonly op: "auth" }>;

/** Returns a login with a made-up session id: it goes down to the session store and is refused. */
function madeUpLogin(server: string, idBytes: number): AuthRequest {
  return { op: "auth", user: madeUpUser, server, password: randomBytes(idBytes).toString("hex") };
}

/** 32 hexadecimal digits are a session id of nearly every site, and 40 of Laravel's, whose ids have no other length. */
const idBytesTried = [16, 20] as const;

/** Asks for a made-up session, whose id has the shape of the site's: others are not looked up. */
async function askFirst(client: Client, server: string) {
  const [idBytes, other] = idBytesTried;
  const first = await client.ask(madeUpLogin(server, idBytes));
  const isMalformed = "reason" in first && first.reason === "malformed-session-id";
  if (!isMalformed) return { first, idBytes };
  return { first: await client.ask(madeUpLogin(server, other)), idBytes: other };
}

class ProgramError extends Error {}

async function findCredentials(
  config: RelayConfig,
  runsPrograms: boolean,
): Promise<{ readonly credentials?: Credentials; readonly finding: Finding }> {
  const check = "credentials";
  const runProgram = async () => {
    throw new ProgramError();
  };
  try {
    for (const { name, load } of credentialPlaces(config, runsPrograms ? undefined : runProgram)) {
      const credentials = await load();
      if (credentials === undefined) continue;
      const end = credentials.expiration;
      const until = end === undefined ? "" : `, until ${end.toISOString()}`;
      if (end !== undefined && end.getTime() <= Date.now()) {
        return { finding: { level: "fail", check, says: `those from ${name} have expired${until}` } };
      }
      return { credentials, finding: { level: "ok", check, says: `from ${name}${until}` } };
    }
  } catch (fault) {
    if (fault instanceof ProgramError) {
      const says =
        "API check skipped: the relay's credentials come from a credential_process, which is not run for it";
      const change = "run the doctor as the relay's user, with the relay's URL and options";
      return { finding: { level: "warn", check, says, change } };
    }
    if (!(fault instanceof CredentialsError)) throw fault;
    return { finding: { level: "fail", check, says: fault.detail } };
  }
  return {
    finding: {
      level: "fail",
      check,
      says: "none in the environment, the shared files, a container or the instance",
    },
  };
}

/** Keeps the clock's difference by the last response, and counts requests. */
class DatedConnections extends Connections {
  requests = 0;
  skewMs: number | undefined;

  override exchange(request: Buffer, options: ExchangeOptions): Exchange {
    this.requests++;
    const exchange = super.exchange(request, options);
    exchange.response.then(
      ({ date = "" }) => {
        const dateMs = Date.parse(date);
        // The header has whole seconds: the middle of its second is nearest.
        if (!Number.isNaN(dateMs)) this.skewMs = Date.now() - dateMs - 500;
      },
      () => {},
    );
    return exchange;
  }
}

type Faulty = { readonly fault: ApiError | DeadlineError };
type Answer = Verdict | Faulty;

/** Asks as the relay does: signed, within the login's time, by at most two tries. */
class Client {
  readonly #api: Api;
  readonly #watchApi: Api<LoginsQuestion, string>;
  readonly #connections: DatedConnections;
  readonly #deadlineMs: number;

  constructor(config: RelayConfig, connections: DatedConnections, credentials: Credentials) {
    const { url, region, deadlineMs } = config;
    const now = () => new Date();
    this.#connections = connections;
    this.#deadlineMs = deadlineMs;
    const routeAt = (route: URL) => ({
      url: route,
      connections,
      sign: createSign({ url: route, region, credentials: { current: async () => credentials }, now }),
      renewCredentials: async () => false,
      now,
    });
    this.#api = new Api({ ...routeAt(url), contract: loginContract });
    this.#watchApi = new Api({ ...routeAt(watchUrlOf(url)), contract: loginsContract });
  }

  /** How much later this machine's clock is than the API's, in milliseconds. */
  get skewMs(): number | undefined {
    return this.#connections.skewMs;
  }

  get requests(): number {
    return this.#connections.requests;
  }

  ask(login: LoginRequest): Promise<Answer> {
    return this.#ask((isFresh) => this.#api.begin(login, isFresh));
  }

  /** Asks about a connection that was opened with this login: a character, as protocol/logins-answer.ts has it. */
  askOfConnection({ user, server, password }: AuthRequest): Promise<string | Faulty> {
    const question = { server, logins: JSON.stringify([user, password]), count: 1 };
    return this.#ask((isFresh) => this.#watchApi.begin(question, isFresh));
  }

  async #ask<T>(begin: AttemptsOptions<T>["begin"]): Promise<T | Faulty> {
    try {
      return await askWithRetry({
        begin,
        deadlineMs: this.#deadlineMs,
        slots: new RequestSlots(),
        now: () => performance.now(),
        random: Math.random,
      });
    } catch (fault) {
      if (fault instanceof ApiError || fault instanceof DeadlineError) return { fault };
      throw fault;
    }
  }

  close(): void {
    this.#connections.close();
  }
}

function clockFinding(skewMs: number): Finding {
  const check = "clock";
  const seconds = Math.abs(skewMs) / 1000;
  const says = `${seconds.toFixed(1)} s ${skewMs < 0 ? "behind" : "ahead of"} the API's`;
  if (seconds * 1000 > failingSkewMs) {
    return {
      level: "fail",
      check,
      says: `${says}: signatures are refused beyond 5 minutes`,
      change: "run NTP",
    };
  }
  if (seconds * 1000 > warningSkewMs) return { level: "warn", check, says, change: "run NTP" };
  return { level: "ok", check, says };
}

function firstFinding(
  answer: Answer,
  config: RelayConfig,
  at: Place | undefined,
  isHostKnown: boolean,
): Finding {
  const check = "api";
  if ("fault" in answer) return { level: "fail", check, at, ...explain(answer.fault, config) };
  if (answer.allow)
    return { level: "fail", check, at, says: "says yes to a session id that was made up just now" };
  if (answer.reason === undefined) {
    const says = "answers without reasons: is aws_iam the authorizer of its route?";
    return { level: "warn", check, at, says };
  }
  if (answer.reason === "host-not-served" && !isHostKnown) {
    const says = "answers, but no host is known to ask for: the session store was not reached";
    return { level: "warn", check, says, change: "give --ejabberd-yml, or --user NAME --host HOST" };
  }
  return {
    level: "ok",
    check,
    says: `takes our signature, and refuses a made-up session (${answer.reason})`,
  };
}

/** Returns what a fault means to an operator and what to change. */
function explain(
  fault: ApiError | DeadlineError,
  { url, region }: RelayConfig,
): Pick<Finding, "says" | "change"> {
  const { code, detail } = fault;
  switch (code) {
    case "api-forbidden": {
      if (detail !== "403") return { says: `403: ${detail}`, change: "run NTP" };
      const resource = `arn:aws:execute-api:${region}:ACCOUNT:API/*/POST${url.pathname}`;
      const says = "403: the key is wrong, of another account or region, or may not call this route";
      return { says, change: `allow execute-api:Invoke on ${resource}` };
    }
    case "api-status":
      return detail === "404"
        ? {
            says: "404: there is no such route",
            change: "the URL ends in /auth, behind the stage if there is one",
          }
        : { says: `answers ${detail} instead of a verdict`, change: "see the function's log" };
    case "api-answer":
      return { says: `the answer is no verdict (${detail}): something else listens at this URL` };
    case "api-throttled":
      return {
        says: `${detail}: calls are throttled`,
        change: "raise the route's limits or the function's concurrency",
      };
    case "function-outdated":
      return { says: "the function is older than this relay", change: "deploy the function of this release" };
    case "api-unreachable":
      return {
        says: `cannot be reached (${detail})`,
        change: "look at the URL, the network and its firewalls",
      };
    case "api-certificate":
      return { says: `its certificate is not trusted (${detail})` };
    case "unavailable":
      return {
        says: `the function has no verdict (${detail || "no reason"})`,
        change: "see the function's log",
      };
    case "credentials-missing":
    case "credentials-unreadable":
    case "credentials-expired":
      return { says: `no credentials (${detail})` };
    case "deadline":
      return { says: `no answer within ${detail}`, change: "see the function's log, or give --deadline-ms" };
  }
}

async function measure(
  client: Client,
  server: string,
  idBytes: number,
): Promise<{ readonly finding: Finding; readonly answerSeconds: number | undefined }> {
  const check = "latency";
  const tookMs: number[] = [];
  const requestsBefore = client.requests;
  let faults = 0;
  for (let call = 0; call < calls; call++) {
    const startedMs = performance.now();
    const answer = await client.ask(madeUpLogin(server, idBytes));
    if (!("fault" in answer)) tookMs.push(performance.now() - startedMs);
    // Do not wait twenty times for an API that is away.
    else if (++faults === 3) break;
  }
  tookMs.sort((a, b) => a - b);
  if (faults > 0) {
    const says = `${faults} of ${tookMs.length + faults} calls had no verdict`;
    return { finding: { level: "fail", check, says }, answerSeconds: meanSeconds(tookMs) };
  }
  const retried = client.requests - requestsBefore - calls;
  const percentile = (share: number) => (tookMs[Math.ceil(calls * share) - 1] as number).toFixed(1);
  const says = `${calls} calls: p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms`;
  const finding: Finding =
    retried === 0
      ? { level: "ok", check, says }
      : { level: "warn", check, says: `${says}; ${retried} second tries were needed` };
  return { finding, answerSeconds: meanSeconds(tookMs) };
}

function meanSeconds(tookMs: readonly number[]): number | undefined {
  return tookMs.length === 0 ? undefined : tookMs.reduce((sum, one) => sum + one, 0) / tookMs.length / 1000;
}

function hostFinding({ name, at }: Host, answer: Answer): Finding {
  const check = "hosts";
  if ("fault" in answer) {
    return { level: "fail", check, at, says: `${name}: no verdict (${answer.fault.code})` };
  }
  if (answer.allow || answer.reason === "isuser-policy")
    return { level: "ok", check, says: `${name} is served` };
  if (answer.reason === "host-not-served") {
    const says = `${name} is not served: every login to it is refused (host-not-served)`;
    return { level: "fail", check, at, says, change: "add it to the function's SERVED_HOSTS" };
  }
  return {
    level: "warn",
    check,
    at,
    says: `${name}: refused, and it is not known whether it is served (${answer.reason ?? "no reason"})`,
  };
}

/** What the API says of a connection by a made-up session, for mod_inspectord asks it of every one. */
function watchFinding(answer: string | Faulty, config: RelayConfig): Finding {
  const check = "logout";
  if (typeof answer !== "string") {
    const { code, detail } = answer.fault;
    const url = watchUrlOf(config.url);
    if (code === "api-status" && detail === "404") {
      const says = `the API has no POST ${url.pathname}: no logout ends a chat`;
      return { level: "fail", check, says, change: "deploy the functions of this release" };
    }
    if (code === "api-forbidden" && detail === "403") {
      const says = `this host may not call POST ${url.pathname}: no logout ends a chat`;
      const change = "attach the policy LoginPolicyArn of this release, or allow execute-api:Invoke on it";
      return { level: "fail", check, says, change };
    }
    return { level: "fail", check, ...explain(answer.fault, { ...config, url }) };
  }
  if (answer === "0") return { level: "ok", check, says: "the API tells that a made-up session has ended" };
  if (answer === "1") {
    const says = "the API says that a session which was made up just now is live";
    return { level: "fail", check, says };
  }
  const says = "the API cannot tell of a made-up session whether it has ended";
  return { level: "warn", check, says, change: "see the function's log: its line has a code" };
}

async function loginFinding(client: Client, { userName, server, session }: Login): Promise<Finding> {
  const check = "login";
  const prepared = localpartOfUserName(userName);
  if ("problem" in prepared) {
    const says = `nobody can log in by this name: it makes no JID that is surely theirs (${prepared.problem})`;
    return { level: "fail", check, says, change: 'see "doubtful-user-name" in docs/troubleshooting.md' };
  }
  const user = prepared.localpart;
  const by = kindOfPassword(session) === "ticket" ? " by a ticket" : "";
  const who = `logs in as ${user}@${server}${by}`;
  const answer = await client.ask({ op: "auth", user, server, password: session });
  if ("fault" in answer) return { level: "fail", check, says: `${who}: no verdict (${answer.fault.code})` };
  if (answer.allow) return { level: "ok", check, says: `${who}: allowed` };
  const change = "see docs/troubleshooting.md";
  return { level: "fail", check, says: `${who}: refused (${answer.reason ?? "no reason told"})`, change };
}
