// Where credentials come from: AWS's usual providers, in the order of AWS's SDKs.

import type { Environment } from "../config.ts";
import type { Log } from "../log.ts";
import { fromContainer } from "./container.ts";
import { checkCharacters } from "./credentials.ts";
import { fromEnvironment, refuseWebIdentity } from "./environment.ts";
import { fromInstance } from "./instance.ts";
import { fromProfile, type RunProgram } from "./profile.ts";
import { CredentialSource, type Load } from "./source.ts";

export interface OpenCredentialsOptions {
  readonly environment: Environment;
  /** A profile of the shared files: if it is given, no other provider is asked. */
  readonly profile?: string;
}

export interface CredentialPlace {
  readonly name: string;
  readonly load: Load;
}

/**
 * Returns the places in their order: the first that has credentials is the one that counts. `runProgram` runs a
 * credential_process.
 */
export function credentialPlaces(
  { environment, profile }: OpenCredentialsOptions,
  runProgram?: RunProgram,
): readonly CredentialPlace[] {
  const shared = (asked: string | undefined) => ({
    name: `the profile ${asked ?? "default"}`,
    load: () => fromProfile(environment, asked, runProgram),
  });
  if (profile !== undefined) return [checked(shared(profile))];
  const places: readonly CredentialPlace[] = [
    { name: "the environment", load: async () => fromEnvironment(environment) },
    shared(environment["AWS_PROFILE"] || undefined),
    { name: "a web identity", load: async () => refuseWebIdentity(environment) },
    { name: "the container's endpoint", load: () => fromContainer(environment) },
    { name: "the instance (IMDSv2)", load: () => fromInstance(environment) },
  ];
  return places.map(checked);
}

function checked({ name, load }: CredentialPlace): CredentialPlace {
  return {
    name,
    load: async () => {
      const credentials = await load();
      return credentials && checkCharacters(name, credentials);
    },
  };
}

/** Returns the credentials of AWS's usual providers, in the order of AWS's SDKs, and begins to load them. */
export function openCredentials(options: OpenCredentialsOptions, log: Log): CredentialSource {
  const places = credentialPlaces(options);
  const source = new CredentialSource({
    load: async () => {
      for (const place of places) {
        const credentials = await place.load();
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
