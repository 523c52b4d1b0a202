// The relay's own question to the API: is it there? It asks whether a made-up user exists, which costs the function no
// look-up of a session, so no session of anybody can make it fail.

import type { Api } from "./api.ts";
import { DeadlineError } from "./attempts.ts";
import { type Health, healthOf } from "./health.ts";
import type { IsUserPolicies } from "./is-user-policies.ts";
import type { Metrics } from "./metrics.ts";
import { unavailableBy } from "./outcome.ts";

/** `detail` says why the API is not alive, and holds nothing of any login. */
export interface Probed {
  readonly health: Health;
  readonly detail: string;
}

/** Calls `onAsked` when the request is about to be sent, which waits for credentials. Never rejects. */
export type Probe = (onAsked: () => void) => Promise<Probed>;

export interface ProbeOptions {
  readonly api: Pick<Api, "begin">;
  /** Resolves once there are credentials. Throws what `Api` would throw without them. */
  readonly credentials: () => Promise<unknown>;
  readonly policies: IsUserPolicies;
  readonly metrics: Metrics;
  /** In milliseconds. */
  readonly deadlineMs: number;
}

const madeUpUser = "inspectord-probe";
/** For as long as no host is known that the function serves: "host-not-served" is an answer, too (RFC 2606). */
const madeUpHost = "inspectord.invalid";

export function createProbe({ api, credentials, policies, metrics, deadlineMs }: ProbeOptions): Probe {
  return async (onAsked) => {
    try {
      await credentials();
    } catch {
      return { health: "unknown", detail: "no credentials" };
    }
    onAsked();
    metrics.probed();
    const server = policies.servedHost ?? madeUpHost;
    // On a connection of its own: an old one may lead nowhere while the API is well.
    const attempt = api.begin({ op: "isuser", user: madeUpUser, server }, true, false);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DeadlineError(deadlineMs)), deadlineMs);
    });
    try {
      const { isUserPolicy } = await Promise.race([attempt.answer, deadline]);
      policies.learn(server, isUserPolicy);
      return { health: "alive", detail: "" };
    } catch (fault) {
      const { code, detail } = unavailableBy(fault);
      return { health: healthOf(fault), detail: `${code} ${detail}` };
    } finally {
      clearTimeout(timer);
      attempt.abandon();
    }
  };
}
