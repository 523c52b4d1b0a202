// Which places credentials are looked for in: AWS's usual ones, in the order of AWS's SDKs.

import type { Environment } from "../config.ts";
import type { Log } from "../log.ts";
import { fromContainer } from "./container.ts";
import { fromEnvironment, refuseWebIdentity } from "./environment.ts";
import { fromInstance } from "./instance.ts";
import { fromProfile } from "./profile.ts";
import { CredentialSource, type Load } from "./source.ts";

export interface OpenCredentialsOptions {
  readonly environment: Environment;
  /** A profile of the shared files that was asked for by its name: nothing else is looked at then. */
  readonly profile?: string;
}

/** Gives the credentials of AWS's usual places, in the order of AWS's SDKs, and begins to load them. */
export function openCredentials(options: OpenCredentialsOptions, log: Log): CredentialSource {
  const { environment, profile } = options;
  const places: readonly Load[] =
    profile !== undefined
      ? [() => fromProfile(environment, profile)]
      : [
          async () => fromEnvironment(environment),
          () => fromProfile(environment, environment["AWS_PROFILE"] || undefined),
          async () => refuseWebIdentity(environment),
          () => fromContainer(environment),
          () => fromInstance(environment),
        ];
  const source = new CredentialSource({
    load: async () => {
      for (const place of places) {
        const credentials = await place();
        if (credentials !== undefined) return credentials;
      }
      return undefined;
    },
    nowMs: () => Date.now(),
    clockMs: () => performance.now(),
    random: Math.random,
    log,
  });
  source.current().catch(() => {});
  return source;
}
