// Secrets among the function's variables. Where it is deployed, none of them stands in its environment: NAME_PARAMETER
// names the parameter of SSM that holds what NAME would, and it is asked for once a cold start.

import { secretVariables } from "./variables.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Gives the value of a parameter of SSM, decrypted. */
export type ReadParameter = (name: string) => Promise<string>;

/** SSM's own rule for a parameter's name or path. */
const parameterName = /^[A-Za-z0-9_./-]{1,1011}$/;

/** A secret could not be had. Holds names of variables and the kind of an error, and nothing of a value. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * Gives the environment with each secret in its own place whose parameter is named there. Throws SecretError where one
 * cannot be had: Lambda starts a function that ends so anew for the next request, which asks again.
 */
export async function withSecrets(
  environment: Environment,
  readParameter: ReadParameter,
): Promise<Environment> {
  const named = secretVariables.filter((variable) => environment[`${variable}_PARAMETER`] !== undefined);
  const secrets = named.map(async (variable) => [
    variable,
    await readSecret(variable, environment, readParameter),
  ]);
  return { ...environment, ...Object.fromEntries(await Promise.all(secrets)) };
}

async function readSecret(
  variable: string,
  environment: Environment,
  readParameter: ReadParameter,
): Promise<string> {
  const source = `${variable}_PARAMETER`;
  const name = environment[source] ?? "";
  if (environment[variable] !== undefined) {
    throw new SecretError(`${variable} and ${source} are both set: unset one`);
  }
  if (!parameterName.test(name)) {
    throw new SecretError(
      `${source} is wrong: it must be the name of an SSM parameter, such as /inspectord/key`,
    );
  }
  try {
    return await readParameter(name);
  } catch (error) {
    // The kind alone: SSM's own words name the account and the role.
    const kind = error instanceof Error ? error.name : "unknown";
    throw new SecretError(`${source}: SSM did not give the parameter (${kind})`);
  }
}
