// What becomes of a question, and what ejabberd hears of it. *Reason* belongs to a refusal and *fault* to
// "unavailable"; both are the `code` here.

import { ApiError } from "./api.ts";
import { DeadlineError } from "./attempts.ts";
import type { Command } from "./command.ts";
import { nameOfError } from "./log.ts";

export type Outcome =
  | { readonly outcome: "allowed" }
  | { readonly outcome: "refused"; readonly code: string }
  /** There is no verdict. `detail` says more, and holds nothing of the question. */
  | { readonly outcome: "unavailable"; readonly code: string; readonly detail: string };

/** `unavailable`: it is not known whether the answer is yes or no. */
export type Decision = Outcome["outcome"];

/**
 * Returns whether ejabberd is answered yes, where it takes yes or no only: the one place where three become two.
 * A login is a yes only if that is proven. Whether a user exists is a yes while it is not known: a no would bounce
 * messages to those who are not online, and let anybody in under their names by a host's second method.
 */
export function isYes(command: Command, decision: Decision): boolean {
  const asksForUser = "request" in command && command.request.op === "isuser";
  return decision === "allowed" || (asksForUser && decision === "unavailable");
}

export type UnavailableOutcome = Extract<Outcome, { readonly outcome: "unavailable" }>;

export function unavailable(code: string, detail = ""): UnavailableOutcome {
  return { outcome: "unavailable", code, detail };
}

/** Returns the outcome of a question to the API that ended in this error. */
export function unavailableBy(fault: unknown): UnavailableOutcome {
  if (fault instanceof ApiError || fault instanceof DeadlineError)
    return unavailable(fault.code, fault.detail);
  return unavailable("internal-error", nameOfError(fault));
}
