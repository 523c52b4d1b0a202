// What `npm start` serves: the operator's own sessions by the function's variables, or the samples where none of these is
// set. Read as the function reads it, before anything is started.

import { type Config, readConfig } from "../../handlers/configuration.ts";
import { readParameter } from "../../handlers/parameter-store.ts";
import { type ReadParameter, SecretError, withSecrets } from "../../handlers/secrets.ts";
import { functionVariables } from "../parameters.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export type OwnSettings =
  | { readonly samples: true }
  | {
      readonly samples: false;
      readonly config: Config;
      /** The function's variables, secrets among them; those that only name a secret are undefined. */
      readonly variables: Environment;
    }
  | { readonly problems: readonly string[] };

/** Returns what this environment says, or every problem with it. Throws nothing. */
export async function readOwnSettings(
  environment: Environment,
  read: ReadParameter = readParameter,
): Promise<OwnSettings> {
  const set = functionVariables.filter((name) => environment[name] !== undefined);
  if (set.length === 0) return { samples: true };
  try {
    const resolved = await withSecrets(environment, read);
    const config = await readConfig(resolved);
    if ("problems" in config) return config;
    const variables = set.map((name) => [name, name.endsWith("_PARAMETER") ? undefined : resolved[name]]);
    const secrets = set
      .filter((name) => name.endsWith("_PARAMETER"))
      .map((name) => name.slice(0, -"_PARAMETER".length))
      .map((name) => [name, resolved[name]]);
    return { samples: false, config, variables: Object.fromEntries([...variables, ...secrets]) };
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    return { problems: [error.message] };
  }
}
