// What the question whether a user exists is answered with: the function tells each host's policy with every verdict,
// so the question itself costs no request.

import type { IsUserPolicy } from "../protocol/login-answer.ts";

/** A function serves a handful of hosts. Beyond this the one heard of longest ago is forgotten. */
export const maxHosts = 1_000;

export class IsUserPolicies {
  readonly #fixed: IsUserPolicy | undefined;
  readonly #policies = new Map<string, IsUserPolicy>();

  /** `fixed`: the policy of every host, whatever the function tells. */
  constructor(fixed: IsUserPolicy | undefined) {
    this.#fixed = fixed;
  }

  /** Returns the host's policy, or undefined while it is not known. */
  of(host: string): IsUserPolicy | undefined {
    return this.#fixed ?? this.#policies.get(host);
  }

  /** Returns the served host that was heard of last, or undefined if none was. */
  get servedHost(): string | undefined {
    return [...this.#policies.keys()].at(-1);
  }

  /** Remembers what a verdict said of this host: its policy, or nothing, for the function does not serve it. */
  learn(host: string, policy: IsUserPolicy | undefined): void {
    // A host that is served no longer has no policy: its last one says nothing any more.
    this.#policies.delete(host);
    if (policy === undefined) return;
    if (this.#policies.size >= maxHosts) {
      const [oldest] = this.#policies.keys();
      this.#policies.delete(oldest as string);
    }
    this.#policies.set(host, policy);
  }
}
