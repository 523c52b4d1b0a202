// Command -> outcome: what is refused here, what is asked of the API and how it is answered for; each is counted and,
// where it is no yes, logged.

import type { LoginRequest } from "../protocol/login-request.ts";
import { ApiFault, type Verdict } from "./api.ts";
import { DeadlineFault } from "./attempts.ts";
import type { Breaker } from "./breaker.ts";
import type { Command } from "./command.ts";
import type { Log, NameUser } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Outcome, unavailable } from "./outcome.ts";

export interface DecideOptions {
  /** Asks the API, within the login's time. Throws ApiFault or DeadlineFault. */
  readonly ask: (body: Buffer) => Promise<Verdict>;
  readonly breaker: Breaker;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly nameUser: NameUser;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

/** `unavailable`: it is not known whether the answer is yes or no. */
export type Decision = Outcome["outcome"];

/** Returns what a command is answered with. An error that it throws is an answer to nothing. */
export type Decide = (command: Command) => Promise<Decision>;

export function createDecide(options: DecideOptions): Decide {
  const { breaker, metrics, log, nameUser, now } = options;
  /** Questions in flight, by their body: whoever asks the same meanwhile gets the same answer. */
  const inFlight = new Map<string, Promise<Outcome>>();

  const ask = async (body: string): Promise<Outcome> => {
    const admission = breaker.admit(now());
    if (admission === "no") return unavailable("breaker-open");
    try {
      const verdict = await options.ask(Buffer.from(body));
      breaker.answered();
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
    }
  };
  const askOnce = (login: LoginRequest): Promise<Outcome> => {
    const body = JSON.stringify({ ...login, explain: true });
    const same = inFlight.get(body);
    if (same !== undefined) return same;
    const asked = ask(body).finally(() => inFlight.delete(body));
    inFlight.set(body, asked);
    return asked;
  };

  return async (command) => {
    const startedMs = now();
    const outcome: Outcome =
      "refusal" in command ? { outcome: "refused", code: command.refusal } : await askOnce(command.request);
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
 * cache node's fault; or API Gateway lets a part of the logins in, or refuses our signature.
 */
function isAlive({ code }: ApiFault): boolean {
  return code === "unavailable" || code === "api-throttled" || code === "api-forbidden";
}

function isOfCredentials({ code }: ApiFault): boolean {
  return code.startsWith("credentials-");
}
