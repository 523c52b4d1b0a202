// Command -> outcome: what is refused here, what is asked of the API and how it is answered for; each is counted and,
// where it is no yes, logged.

import type { Verdict } from "../protocol/login-answer.ts";
import type { LoginRequest } from "../protocol/login-request.ts";
import { ApiFault } from "./api.ts";
import { DeadlineFault } from "./attempts.ts";
import type { Breaker } from "./breaker.ts";
import type { Command } from "./command.ts";
import type { IsUserPolicies } from "./is-user-policies.ts";
import type { Log, NameUser } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Decision, type Outcome, unavailable } from "./outcome.ts";
import type { RequestSlots } from "./request-slots.ts";

export interface DecideOptions {
  /** Asks the API, within this many milliseconds. Throws ApiFault or DeadlineFault. */
  readonly ask: (login: LoginRequest, leftMs: number) => Promise<Verdict>;
  readonly slots: RequestSlots;
  /** How long one login may take in all, in milliseconds. */
  readonly deadlineMs: number;
  readonly policies: IsUserPolicies;
  readonly breaker: Breaker;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly nameUser: NameUser;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

const callerGone = unavailable("caller-gone");

/**
 * Returns what a command is answered with. An error that it throws is an answer to nothing. `caller` is the signal that
 * is aborted when nobody waits for the caller's answers any more.
 */
export type Decide = (command: Command, caller: AbortSignal) => Promise<Decision>;

export function createDecide(options: DecideOptions): Decide {
  const { slots, deadlineMs, policies, breaker, metrics, log, nameUser, now } = options;
  /** Questions in flight, as JSON: whoever asks the same meanwhile gets the same answer. */
  const inFlight = new Map<string, Promise<Outcome>>();

  const ask = async (login: LoginRequest, caller: AbortSignal): Promise<Outcome> => {
    const admission = breaker.admit(now());
    if (admission === "no") return unavailable("breaker-open");
    const askedMs = now();
    const turn = slots.tryTake() ? "granted" : await slots.wait(caller, deadlineMs);
    if (turn !== "granted") {
      if (admission === "look") breaker.failed(now(), admission);
      return turn === "gone" ? callerGone : unavailable("queue-deadline", `${deadlineMs}ms`);
    }
    const begunMs = now();
    try {
      if (admission === "ask" && breaker.isOpen) return unavailable("breaker-open");
      const verdict = await options.ask(login, deadlineMs - (begunMs - askedMs));
      breaker.answered();
      policies.learn(login.server, verdict.isUserPolicy);
      return verdict.allow
        ? { outcome: "allowed" }
        : { outcome: "refused", code: verdict.reason ?? "refused" };
    } catch (fault) {
      if (fault instanceof ApiFault && isAlive(fault)) breaker.answered();
      // Without credentials nothing was asked, which says nothing of the API; but a look must come to its end.
      else if (admission === "ask" && fault instanceof ApiFault && isOfCredentials(fault)) {
        return unavailable(fault.code, fault.detail);
      } else if (breaker.failed(now(), admission)) log("error", "breaker-opened");
      if (fault instanceof ApiFault || fault instanceof DeadlineFault) {
        return unavailable(fault.code, fault.detail);
      }
      return unavailable("internal-error", fault instanceof Error ? fault.name : "unknown");
    } finally {
      slots.release(now() - begunMs);
    }
  };
  const askOnce = async (login: LoginRequest, caller: AbortSignal): Promise<Outcome> => {
    const question = JSON.stringify(login);
    let asked = inFlight.get(question);
    if (asked === undefined) {
      asked = ask(login, caller).finally(() => inFlight.delete(question));
      inFlight.set(question, asked);
    }
    const outcome = await asked;
    // Another caller asked first, and went while the question waited for its turn.
    return outcome === callerGone && !caller.aborted ? askOnce(login, caller) : outcome;
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
      "refusal" in command
        ? { outcome: "refused", code: command.refusal }
        : await askOnce(command.request, caller);
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

/**
 * Whether the API is alive, although this login got no verdict: the function said that it has none, which can be one
 * cache node's fault, or is older than this relay; or API Gateway lets a part of the logins in, or refuses our signature.
 */
function isAlive({ code }: ApiFault): boolean {
  return (
    code === "unavailable" ||
    code === "function-outdated" ||
    code === "api-throttled" ||
    code === "api-forbidden"
  );
}

function isOfCredentials({ code }: ApiFault): boolean {
  return code.startsWith("credentials-");
}
