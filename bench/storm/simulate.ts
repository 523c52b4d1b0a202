// A storm as discrete events. One scenario and one seed have one result.
//
// Each user is in one state. A login's events carry its number, so that those of a login that is over are passed over.

import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { ApiError, faultOfStatus } from "../../relay/api.ts";
import { DeadlineError } from "../../relay/attempts.ts";
import type { ProbeRun } from "../../relay/breaker-state.ts";
import { suspiciousMs } from "../../relay/decide.ts";
import { type Health, healthOf } from "../../relay/health.ts";
import { secondAfterMs, silenceMs } from "../../relay/second-attempt.ts";
import { firstAttemptMs, waitAfterRefusalMs } from "./clients.ts";
import { Events } from "./events.ts";
import { ExtauthPool } from "./extauth-pool.ts";
import { Lambda } from "./lambda.ts";
import { Processor } from "./processor.ts";
import { RelayHost } from "./relay-host.ts";
import type { Scenario } from "./scenario.ts";
import { count, emptySeries, peak, type Series } from "./series.ts";
import { TokenBucket } from "./token-bucket.ts";

export interface Result {
  readonly users: number;
  readonly in: number;
  /** Gave up: a person must log in again. */
  readonly gaveUp: number;
  /** Neither in nor given up at the end of the model. */
  readonly out: number;
  /** Users who were refused at least once. */
  readonly refusedOnce: number;
  readonly lastInMs: number;
  /** From a user's first attempt to being in, for half of those who are in and for 99 of 100. */
  readonly waitP50Ms: number;
  readonly waitP99Ms: number;
  readonly attempts: number;
  /** To API Gateway, those that it refuses included, and the relays' probes. */
  readonly requests: number;
  /** Of these, refused by API Gateway's limits, and by Lambda's. */
  readonly throttledByGateway: number;
  readonly throttledByLambda: number;
  readonly breakerOpened: number;
  readonly mostRequestsASecond: number;
  readonly mostEnvironments: number;
  readonly series: Series;
}

/** extauth's limit on one login. The module's, 25 s, is longer than a login at the relay can take. */
const extauthMs = 30_000;
/** Until a program whose pipe ejabberd closed is there again: `sleep 2` in its command line, and its start. */
const memberBackMs = 2_200;
/** A client whose connection is not served for so long takes it as failed. */
const patienceMs = 60_000;

/** Where a user's login is. */
const stage = {
  away: 0,
  atEjabberd: 1,
  inPool: 2,
  queued: 3,
  asking: 4,
  in: 5,
  gaveUp: 6,
} as const;

const event = {
  connect: 0,
  connectFailed: 1,
  atExtauth: 2,
  queueExpired: 3,
  atGateway: 4,
  functionDone: 5,
  back: 6,
  second: 7,
  deadline: 8,
  suspect: 9,
  extauthExpired: 10,
  memberBack: 11,
  probe: 12,
  probeAtGateway: 13,
  probeFunctionDone: 14,
  probeBack: 15,
  probePatience: 16,
  probeWhileOpen: 17,
} as const;

/** What comes back for a request. */
const status = { ok: 0, throttledByGateway: 1, throttledByLambda: 2, noVerdict: 3 } as const;
/** The relay's own view of each, and of a login's time that is over. */
const faults = [
  undefined,
  faultOfStatus(429),
  faultOfStatus(503),
  new ApiError("unavailable", "store-timeout", 0),
];
const healths: readonly Health[] = faults.map((fault) => (fault === undefined ? "alive" : healthOf(fault)));
const healthOfDeadline = healthOf(new DeadlineError(0));

// A login that waits in a queue is one number: the user, and which of the user's logins it is.
const userBits = 22;
const maxUsers = 2 ** userBits;
/** One byte holds the number and wraps around: no event is as old as 256 logins of one user. */
const loginNumbers = 256;
/** A member of a host's pool is one number, too. */
const memberBits = 16;

/** Returns what becomes of this storm. Calls `onSecond` after each second of it. */
export function simulate(scenario: Scenario, onSecond?: (second: number, inCount: number) => void): Result {
  if (scenario.users > maxUsers) throw new RangeError(`at most ${maxUsers} users`);
  return new Storm(scenario).run(onSecond);
}

class Storm {
  readonly #scenario: Scenario;
  readonly #events = new Events();
  readonly #random: () => number;
  readonly #series: Series;
  readonly #relays: RelayHost[];
  readonly #beams: Processor[];
  readonly #pools: ExtauthPool[] | undefined;
  readonly #route: TokenBucket;
  readonly #account: TokenBucket;
  readonly #lambda: Lambda;
  readonly #probes: { readonly host: number; readonly run: ProbeRun }[] = [];
  /** Counts how often each host's breaker has closed: what was due while it was open is over then. */
  readonly #closings: number[];

  // Of each user.
  readonly #arrivedMs: Float64Array;
  readonly #stage: Uint8Array;
  readonly #login: Uint8Array;
  readonly #failures: Uint16Array;
  readonly #inMs: Float64Array;
  // Of each user's login.
  readonly #deadlineAtMs: Float64Array;
  readonly #begunMs: Float64Array;
  readonly #begun: Uint8Array;
  readonly #inFlight: Uint8Array;
  /** Whether the second attempt has a slot of its own. */
  readonly #hasSecondSlot: Uint8Array;
  /** The first fault's status, 0 for none. */
  readonly #fault: Uint8Array;
  readonly #member: Int16Array;

  /** What the function needs for the request that was taken last. */
  #tookMs = 0;
  #waiting = 0;
  #inCount = 0;
  #gaveUp = 0;
  #refusedOnce = 0;
  #lastInMs = 0;
  #attempts = 0;
  #requests = 0;
  #throttledByGateway = 0;
  #throttledByLambda = 0;
  #breakerOpened = 0;

  constructor(scenario: Scenario) {
    const { users, hosts, relay, ejabberd, gateway, lambda, seed, horizonMs } = scenario;
    this.#scenario = scenario;
    const generator = xoroshiro128plus(seed);
    this.#random = () => (generator.next() >>> 0) / 2 ** 32;
    this.#series = emptySeries(horizonMs);
    const each = <T>(make: () => T) => Array.from({ length: hosts }, make);
    this.#relays = each(() => new RelayHost(relay));
    this.#beams = each(() => new Processor(ejabberd.cores));
    const { asks } = ejabberd;
    this.#pools = asks === "module" ? undefined : each(() => new ExtauthPool(asks.pool));
    this.#closings = each(() => 0);
    this.#route = new TokenBucket(gateway.route);
    this.#account = new TokenBucket(gateway.account);
    this.#lambda = new Lambda(lambda);
    this.#arrivedMs = new Float64Array(users);
    this.#stage = new Uint8Array(users);
    this.#login = new Uint8Array(users);
    this.#failures = new Uint16Array(users);
    this.#inMs = new Float64Array(users);
    this.#deadlineAtMs = new Float64Array(users);
    this.#begunMs = new Float64Array(users);
    this.#begun = new Uint8Array(users);
    this.#inFlight = new Uint8Array(users);
    this.#hasSecondSlot = new Uint8Array(users);
    this.#fault = new Uint8Array(users);
    this.#member = new Int16Array(users);
    for (let user = 0; user < users; user++) {
      this.#arrivedMs[user] = firstAttemptMs(scenario.arrivals, this.#random);
    }
    // In the order of their arrival, so that they need not all be in the queue of events at once.
    this.#arrivedMs.sort();
  }

  run(onSecond?: (second: number, inCount: number) => void): Result {
    const { users, horizonMs } = this.#scenario;
    let arrived = 0;
    let second = 0;
    for (;;) {
      const arrivalMs = this.#arrivedMs[arrived] ?? Number.POSITIVE_INFINITY;
      const dueMs = this.#events.nextMs;
      const nowMs = Math.min(arrivalMs, dueMs);
      while (second * 1000 + 1000 <= Math.min(nowMs, horizonMs)) {
        this.#series.queue[second] = this.#waiting;
        this.#series.environments[second] = this.#lambda.environments;
        second++;
        onSecond?.(second, this.#inCount);
      }
      if (nowMs > horizonMs || nowMs === Number.POSITIVE_INFINITY) break;
      if (arrivalMs <= dueMs) {
        count(this.#series.arrivals, nowMs);
        this.#connect(arrived++, nowMs);
      } else {
        this.#events.take();
        this.#happens(nowMs);
      }
      // Nobody is left to come: the rest are probes.
      if (this.#inCount + this.#gaveUp === users) break;
    }
    this.#series.environments[second] = this.#lambda.environments;
    const waits = this.#waitsMs();
    return {
      users,
      in: this.#inCount,
      gaveUp: this.#gaveUp,
      out: users - this.#inCount - this.#gaveUp,
      refusedOnce: this.#refusedOnce,
      lastInMs: this.#lastInMs,
      waitP50Ms: waits[Math.floor(waits.length / 2)] ?? Number.NaN,
      waitP99Ms: waits[Math.floor(waits.length * 0.99)] ?? Number.NaN,
      attempts: this.#attempts,
      requests: this.#requests,
      throttledByGateway: this.#throttledByGateway,
      throttledByLambda: this.#throttledByLambda,
      breakerOpened: this.#breakerOpened,
      mostRequestsASecond: peak(this.#series.requests),
      mostEnvironments: this.#lambda.environments,
      series: this.#series,
    };
  }

  #waitsMs(): Float64Array {
    const waits = new Float64Array(this.#inCount);
    let at = 0;
    for (let user = 0; user < this.#scenario.users; user++) {
      if (this.#stage[user] === stage.in) {
        waits[at++] = (this.#inMs[user] as number) - (this.#arrivedMs[user] as number);
      }
    }
    return waits.sort();
  }

  /** What happens to a user's present login. */
  #at(atMs: number, kind: number, user: number, more = 0): void {
    this.#events.push(atMs, kind, user, this.#login[user] as number, more);
  }

  /** What happens to a host, a member of its pool, or a probe. */
  #atHost(atMs: number, kind: number, about: number, more = 0): void {
    this.#events.push(atMs, kind, about, 0, more);
  }

  #loginOf(user: number): number {
    return ((this.#login[user] as number) << userBits) | user;
  }

  #userOf(login: number): number {
    return login & (maxUsers - 1);
  }

  #isCurrent(login: number): boolean {
    return this.#login[this.#userOf(login)] === login >>> userBits;
  }

  #happens(nowMs: number): void {
    const { kind, about, login, more } = this.#events;
    switch (kind) {
      // The environment is busy whether or not somebody still waits for it.
      case event.functionDone:
        this.#lambda.end();
        this.#events.push(nowMs + this.#scenario.wayMs, event.back, about, login, more);
        return;
      case event.memberBack:
        this.#nextOfPool(about >>> memberBits, about & (2 ** memberBits - 1), nowMs);
        return;
      case event.probe:
        this.#probe(about, nowMs);
        return;
      case event.probeAtGateway:
        this.#probeAtGateway(about, nowMs);
        return;
      case event.probeFunctionDone:
        this.#lambda.end();
        this.#atHost(nowMs + this.#scenario.wayMs, event.probeBack, about, more);
        return;
      case event.probeBack:
        this.#probeBack(about, more, nowMs);
        return;
      case event.probePatience:
        this.#probeFailed(about, nowMs);
        return;
      case event.probeWhileOpen:
        this.#probeWhileOpen(about, more, nowMs);
        return;
    }
    const user = about;
    if (login !== this.#login[user]) return;
    switch (kind) {
      case event.connect:
        this.#connect(user, nowMs);
        return;
      case event.connectFailed:
        this.#refused(user, nowMs);
        return;
      case event.atExtauth:
        this.#atExtauth(user, nowMs);
        return;
      case event.queueExpired:
        if (this.#stage[user] === stage.queued) this.#answered(user, false, nowMs);
        return;
      case event.atGateway:
        this.#atGateway(user, more, nowMs);
        return;
      case event.back:
        this.#back(user, more >> 2, more & 3, nowMs);
        return;
      case event.second:
        this.#second(user, nowMs);
        return;
      case event.deadline:
        this.#deadline(user, nowMs);
        return;
      case event.suspect:
        this.#suspect(this.#hostOf(user), nowMs);
        return;
      case event.extauthExpired:
        this.#extauthExpired(user, nowMs);
        return;
    }
  }

  #hostOf(user: number): number {
    return user % this.#scenario.hosts;
  }

  #relayOf(user: number): RelayHost {
    return this.#relays[this.#hostOf(user)] as RelayHost;
  }

  // The client and ejabberd

  #connect(user: number, nowMs: number): void {
    this.#attempts++;
    this.#stage[user] = stage.atEjabberd;
    this.#waiting++;
    const beam = this.#beams[this.#hostOf(user)] as Processor;
    if (beam.backlogMs(nowMs) > patienceMs) {
      this.#at(nowMs + patienceMs, event.connectFailed, user);
      return;
    }
    const doneMs = beam.take(nowMs, this.#scenario.ejabberd.loginCpuMs);
    this.#at(doneMs, event.atExtauth, user);
  }

  #refused(user: number, nowMs: number): void {
    if ((this.#stage[user] as number) < stage.asking) this.#waiting--;
    count(this.#series.refused, nowMs);
    const failures = (this.#failures[user] as number) + 1;
    this.#failures[user] = failures;
    if (failures === 1) this.#refusedOnce++;
    this.#login[user] = ((this.#login[user] as number) + 1) % loginNumbers;
    const waitMs = waitAfterRefusalMs(this.#scenario.client, failures, this.#random);
    if (waitMs === undefined) {
      this.#stage[user] = stage.gaveUp;
      this.#gaveUp++;
    } else {
      this.#stage[user] = stage.away;
      this.#at(nowMs + waitMs, event.connect, user);
    }
  }

  #letIn(user: number, nowMs: number): void {
    this.#login[user] = ((this.#login[user] as number) + 1) % loginNumbers;
    this.#stage[user] = stage.in;
    this.#inMs[user] = nowMs;
    this.#inCount++;
    this.#lastInMs = nowMs;
    count(this.#series.in, nowMs);
  }

  #atExtauth(user: number, nowMs: number): void {
    const pool = this.#pools?.[this.#hostOf(user)];
    if (pool === undefined) {
      this.#atRelay(user, nowMs);
      return;
    }
    const member = pool.choose(this.#random());
    this.#member[user] = member;
    this.#stage[user] = stage.inPool;
    if (pool.ask(member, this.#loginOf(user))) {
      this.#atRelay(user, nowMs);
      return;
    }
    this.#at(nowMs + extauthMs, event.extauthExpired, user);
  }

  #nextOfPool(host: number, member: number, nowMs: number): void {
    const login = this.#pools?.[host]?.next(member, (login) => this.#isCurrent(login));
    if (login !== undefined) this.#atRelay(this.#userOf(login), nowMs);
  }

  #extauthExpired(user: number, nowMs: number): void {
    const was = this.#stage[user] as number;
    if (was === stage.asking) this.#endAsking(user, nowMs);
    const host = this.#hostOf(user);
    // ejabberd closes the pipe of a program that has not answered: the program ends, and ejabberd starts another.
    if (this.#pools !== undefined && was > stage.inPool) {
      const member = (host << memberBits) | (this.#member[user] as number);
      this.#atHost(nowMs + memberBackMs, event.memberBack, member);
    }
    this.#refused(user, nowMs);
  }

  /** ejabberd has the relay's answer. */
  #answered(user: number, isYes: boolean, nowMs: number): void {
    if (isYes) this.#letIn(user, nowMs);
    else this.#refused(user, nowMs);
    if (this.#pools !== undefined) {
      this.#nextOfPool(this.#hostOf(user), this.#member[user] as number, nowMs);
    }
  }

  // The relay

  #atRelay(user: number, nowMs: number): void {
    const { deadlineMs } = this.#scenario.relay;
    const relay = this.#relayOf(user);
    if (relay.breaker.isOpen) {
      this.#answered(user, false, nowMs);
      return;
    }
    this.#deadlineAtMs[user] = nowMs + deadlineMs;
    if (relay.tryTake()) {
      this.#beginAsking(user, nowMs);
      return;
    }
    this.#stage[user] = stage.queued;
    this.#at(nowMs + relay.wait(this.#loginOf(user), deadlineMs), event.queueExpired, user);
  }

  /** Sends a request, once the relay's processor has the time for it. */
  #send(user: number, attempt: number, nowMs: number): void {
    const { relay, wayMs } = this.#scenario;
    const sentMs = this.#relayOf(user).processor.take(nowMs, relay.requestCpuMs);
    this.#at(sentMs + wayMs, event.atGateway, user, attempt);
  }

  #beginAsking(user: number, nowMs: number): void {
    this.#stage[user] = stage.asking;
    this.#waiting--;
    this.#begunMs[user] = nowMs;
    this.#begun[user] = 1;
    this.#inFlight[user] = 1;
    this.#hasSecondSlot[user] = 0;
    this.#fault[user] = status.ok;
    this.#send(user, 0, nowMs);
  }

  #second(user: number, nowMs: number): void {
    if (this.#stage[user] !== stage.asking || this.#begun[user] !== 1) return;
    if ((this.#inFlight[user] as number) > 0) {
      if (!this.#relayOf(user).tryTake()) return;
      this.#hasSecondSlot[user] = 1;
    }
    this.#begun[user] = 2;
    this.#inFlight[user] = (this.#inFlight[user] as number) + 1;
    this.#send(user, 1, nowMs);
  }

  #back(user: number, attempt: number, came: number, nowMs: number): void {
    this.#inFlight[user] = (this.#inFlight[user] as number) - 1;
    if (attempt === 1) this.#releaseSecondSlot(user, nowMs);
    const leftMs = (this.#deadlineAtMs[user] as number) - nowMs;
    if (came === status.ok) {
      this.#endLogin(user, leftMs > 0, "alive", nowMs);
      return;
    }
    this.#fault[user] = (this.#fault[user] as number) || came;
    const waitMs =
      this.#begun[user] === 1 ? secondAfterMs(faults[came]?.retryAfterMs, leftMs, this.#random) : undefined;
    if (waitMs !== undefined) {
      this.#suspectIfLater(user, nowMs + waitMs, nowMs);
      this.#at(nowMs + waitMs, event.second, user);
    } else if (this.#inFlight[user] === 0) {
      this.#endLogin(user, false, healths[this.#fault[user] as number] as Health, nowMs);
    }
  }

  #deadline(user: number, nowMs: number): void {
    const fault = this.#fault[user] as number;
    this.#endLogin(user, false, fault === 0 ? healthOfDeadline : (healths[fault] as Health), nowMs);
  }

  #endLogin(user: number, isYes: boolean, health: Health, nowMs: number): void {
    const { breaker } = this.#relayOf(user);
    if (health === "alive") breaker.answered(nowMs);
    if (health === "dead") this.#suspect(this.#hostOf(user), nowMs);
    this.#endAsking(user, nowMs);
    this.#answered(user, isYes, nowMs);
  }

  /** Ends the attempts in flight: their slots go to the next. */
  #endAsking(user: number, nowMs: number): void {
    this.#releaseSecondSlot(user, nowMs);
    this.#release(this.#hostOf(user), nowMs - (this.#begunMs[user] as number), nowMs);
  }

  #releaseSecondSlot(user: number, nowMs: number): void {
    if (this.#hasSecondSlot[user] === 0) return;
    this.#hasSecondSlot[user] = 0;
    this.#release(this.#hostOf(user), undefined, nowMs);
  }

  #release(host: number, tookMs: number | undefined, nowMs: number): void {
    const relay = this.#relays[host] as RelayHost;
    const stillWaits = (login: number) =>
      this.#isCurrent(login) && this.#stage[this.#userOf(login)] === stage.queued;
    let took = tookMs;
    for (;;) {
      const login = relay.release(took, stillWaits);
      if (login === undefined) return;
      const user = this.#userOf(login);
      if (!relay.breaker.isOpen) {
        this.#beginAsking(user, nowMs);
        return;
      }
      this.#answered(user, false, nowMs);
      took = 0;
    }
  }

  // API Gateway, Lambda and the store

  /** A request at API Gateway. Returns its status; of one that reaches the function, #tookMs is set. */
  #request(looksUp: boolean, nowMs: number): number {
    this.#requests++;
    count(this.#series.requests, nowMs);
    if (!this.#account.take(nowMs) || !this.#route.take(nowMs)) {
      this.#throttledByGateway++;
      return status.throttledByGateway;
    }
    const waitMs = this.#lambda.begin(nowMs);
    if (waitMs === undefined) {
      this.#throttledByLambda++;
      return status.throttledByLambda;
    }
    const { handlerMs } = this.#scenario.lambda;
    this.#tookMs = waitMs + handlerMs;
    if (!looksUp) return status.ok;
    const lookUpMs = this.#lookUpMs(nowMs + waitMs);
    this.#tookMs += lookUpMs ?? this.#scenario.store.timeoutMs;
    return lookUpMs === undefined ? status.noVerdict : status.ok;
  }

  /** Returns how long a look-up takes, or undefined for none within its time: each of two attempts has half of it. */
  #lookUpMs(nowMs: number): number | undefined {
    const halfMs = this.#scenario.store.timeoutMs / 2;
    const firstMs = this.#getMs(nowMs);
    if (firstMs < halfMs) return firstMs;
    const secondMs = this.#getMs(nowMs + halfMs);
    return secondMs < halfMs ? halfMs + secondMs : undefined;
  }

  #getMs(nowMs: number): number {
    const { medianMs, sigma, slow } = this.#scenario.store;
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    const slowMs = slow !== undefined && nowMs >= slow.fromMs && nowMs < slow.toMs ? slow.byMs : 0;
    return medianMs * Math.exp(sigma * normal) + slowMs;
  }

  #atGateway(user: number, attempt: number, nowMs: number): void {
    const { wayMs } = this.#scenario;
    const came = this.#request(true, nowMs);
    const more = attempt * 4 + came;
    if (came === status.throttledByGateway || came === status.throttledByLambda) {
      this.#at(nowMs + wayMs, event.back, user, more);
      return;
    }
    const doneMs = nowMs + this.#tookMs;
    this.#at(doneMs, event.functionDone, user, more);
    // A timer is set only where it goes off: when the answer comes is known here.
    const backMs = doneMs + wayMs;
    const begunMs = this.#begunMs[user] as number;
    const deadlineAtMs = this.#deadlineAtMs[user] as number;
    this.#suspectIfLater(user, backMs, nowMs);
    const secondMs = begunMs + silenceMs(deadlineAtMs - begunMs);
    if (attempt === 0 && backMs > secondMs) this.#at(Math.max(secondMs, nowMs), event.second, user);
    if (backMs > deadlineAtMs) this.#at(Math.max(deadlineAtMs, nowMs), event.deadline, user);
  }

  // The relay's breaker

  /** A login that has no answer until then makes the relay suspect the API. */
  #suspectIfLater(user: number, untilMs: number, nowMs: number): void {
    const suspectMs = (this.#begunMs[user] as number) + suspiciousMs;
    if (nowMs <= suspectMs && suspectMs < untilMs) this.#at(suspectMs, event.suspect, user);
  }

  #breakerOf(host: number) {
    return (this.#relays[host] as RelayHost).breaker;
  }

  #suspect(host: number, nowMs: number): void {
    const afterMs = this.#breakerOf(host).suspect(nowMs);
    if (afterMs !== undefined) this.#atHost(nowMs + afterMs, event.probe, host);
  }

  #probe(host: number, nowMs: number): void {
    const breaker = this.#breakerOf(host);
    const probe = this.#probes.push({ host, run: breaker.begin(nowMs) }) - 1;
    this.#atHost(nowMs + this.#scenario.wayMs, event.probeAtGateway, probe);
    this.#atHost(nowMs + breaker.patienceMs, event.probePatience, probe);
  }

  #probeAtGateway(probe: number, nowMs: number): void {
    const came = this.#request(false, nowMs);
    const isThrottled = came === status.throttledByGateway || came === status.throttledByLambda;
    if (isThrottled) this.#atHost(nowMs + this.#scenario.wayMs, event.probeBack, probe, came);
    else this.#atHost(nowMs + this.#tookMs, event.probeFunctionDone, probe, came);
  }

  #probeBack(probe: number, came: number, nowMs: number): void {
    const { host, run } = this.#probes[probe] as { readonly host: number; readonly run: ProbeRun };
    if (healths[came] !== "alive" || nowMs - run.askedAtMs > this.#scenario.relay.deadlineMs) {
      this.#probeFailed(probe, nowMs);
      return;
    }
    if (this.#breakerOf(host).succeeded(run, nowMs)) {
      this.#closings[host] = (this.#closings[host] as number) + 1;
    }
    // Its patience must not count any more.
    run.mayFail = false;
  }

  #probeFailed(probe: number, nowMs: number): void {
    const { host, run } = this.#probes[probe] as { readonly host: number; readonly run: ProbeRun };
    const next = this.#breakerOf(host).failed(run, nowMs);
    if (next === "nothing") return;
    if (next !== "opened") {
      this.#atHost(nowMs + next.probeAfterMs, event.probe, host);
      return;
    }
    this.#breakerOpened++;
    this.#scheduleWhileOpen(host, nowMs);
  }

  #scheduleWhileOpen(host: number, nowMs: number): void {
    const waitMs = this.#breakerOf(host).nextWaitMs(this.#random());
    this.#atHost(nowMs + waitMs, event.probeWhileOpen, host, (this.#closings[host] as number) % 256);
  }

  #probeWhileOpen(host: number, closings: number, nowMs: number): void {
    if ((this.#closings[host] as number) % 256 !== closings) return;
    this.#scheduleWhileOpen(host, nowMs);
    this.#probe(host, nowMs);
  }
}
