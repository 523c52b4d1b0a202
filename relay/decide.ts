// Command -> outcome: what is refused here, what is asked of the API and how it is answered for; each is counted and,
// where it is no yes, logged.

import type { Verdict } from "../protocol/login-answer.ts";
import type { LoginRequest } from "../protocol/login-request.ts";
import type { Breaker } from "./breaker.ts";
import type { Command } from "./command.ts";
import { healthOf } from "./health.ts";
import type { IsUserPolicies } from "./is-user-policies.ts";
import type { Log, NameUser } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Decision, type Outcome, unavailable, unavailableBy } from "./outcome.ts";
import type { Caller, RequestSlots } from "./request-slots.ts";

export interface DecideOptions {
  /** Asks the API, within this many milliseconds. Throws ApiError or DeadlineError. */
  readonly ask: (login: LoginRequest, leftMs: number) => Promise<Verdict>;
  readonly slots: RequestSlots;
  /** How long one login may take in all, in milliseconds. */
  readonly deadlineMs: number;
  readonly policies: IsUserPolicies;
  readonly breaker: Pick<Breaker, "isOpen" | "answered" | "suspect">;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly nameUser: NameUser;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

/** A login without an answer for this many milliseconds makes the relay ask for itself whether the API is there. */
export const suspiciousMs = 500;

const callerGone = unavailable("caller-gone");
const breakerOpen = unavailable("breaker-open");

/** Returns what a command is answered with. An error that it throws is an answer to nothing. */
export type Decide = (command: Command, caller: Caller) => Promise<Decision>;

/** In milliseconds: with less time left, a question whose first asker ran out of time is not asked again. */
const leastMs = 100;

export function createDecide(options: DecideOptions): Decide {
  const { slots, deadlineMs, policies, breaker, metrics, log, nameUser, now } = options;
  /** Questions in flight, as JSON: everybody who asks the same meanwhile gets the same answer. */
  const inFlight = new Map<string, Promise<Outcome>>();

  const ask = async (login: LoginRequest, caller: Caller, untilMs: number): Promise<Outcome> => {
    if (breaker.isOpen) return breakerOpen;
    const turn = slots.tryTake() ? "granted" : await slots.wait(caller, untilMs - now());
    if (turn === "gone") return callerGone;
    if (turn === "expired") return unavailable("queue-deadline", `${deadlineMs}ms`);
    const begunMs = now();
    const suspicion = setTimeout(() => breaker.suspect(), suspiciousMs);
    try {
      if (breaker.isOpen) return breakerOpen;
      const verdict = await options.ask(login, untilMs - begunMs);
      breaker.answered();
      policies.learn(login.server, verdict.isUserPolicy);
      return verdict.allow
        ? { outcome: "allowed" }
        : { outcome: "refused", code: verdict.reason ?? "refused" };
    } catch (fault) {
      const health = healthOf(fault);
      if (health === "alive") breaker.answered();
      if (health === "dead") breaker.suspect();
      return unavailableBy(fault);
    } finally {
      clearTimeout(suspicion);
      slots.release(now() - begunMs);
    }
  };
  const askOnce = async (login: LoginRequest, caller: Caller, untilMs: number): Promise<Outcome> => {
    const question = JSON.stringify(login);
    let asked = inFlight.get(question);
    const isFirst = asked === undefined;
    if (asked === undefined) {
      asked = ask(login, caller, untilMs).finally(() => inFlight.delete(question));
      inFlight.set(question, asked);
    }
    const outcome = await asked;
    if (isFirst || caller.gone.aborted) return outcome;
    // Another caller asked first, and went while the question waited for its turn, or had less time left than this one.
    const isOverForFirst = outcome === callerGone || isDeadline(outcome);
    return isOverForFirst && untilMs - now() > leastMs ? askOnce(login, caller, untilMs) : outcome;
  };

  /** Asks nobody: ejabberd puts this question for every message to somebody who is not online. */
  const decideIsUser = ({ user, server }: LoginRequest): Decision => {
    const policy = policies.of(server);
    metrics.isUser(policy ?? "unknown");
    if (policy !== undefined) return policy === "all" ? "allowed" : "refused";
    log("warn", "isuser-unknown", () => ({ op: "isuser", user: nameUser(user, server) }));
    return "unavailable";
  };

  return async (command, caller) => {
    if ("request" in command && command.request.op === "isuser") return decideIsUser(command.request);
    const startedMs = now();
    const outcome: Outcome =
      "problem" in command
        ? { outcome: "refused", code: command.problem }
        : await askOnce(command.request, caller, startedMs + deadlineMs);
    if (outcome === callerGone) return outcome.outcome;
    const tookMs = now() - startedMs;
    metrics.login(outcome, tookMs);
    if (outcome.outcome !== "allowed") {
      log(outcome.outcome === "refused" ? "info" : "error", outcome.code, () => ({
        outcome: outcome.outcome,
        ...("detail" in outcome && { detail: outcome.detail }),
        ...("request" in command && {
          op: command.request.op,
          user: nameUser(command.request.user, command.request.server),
        }),
        durationMs: Math.round(tookMs),
      }));
    }
    return outcome.outcome;
  };
}

function isDeadline(outcome: Outcome): boolean {
  return "code" in outcome && (outcome.code === "deadline" || outcome.code === "queue-deadline");
}
