// Secrets among the function's variables. A deployed function has none in its environment: NAME_PARAMETER names the SSM
// parameter that holds NAME's value, and the function reads it once a cold start.

import { secretVariables } from "./variables.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the decrypted value of an SSM parameter. */
export type ReadParameter = (name: string) => Promise<string>;

/** SSM's own rule for a parameter's name or path. */
const parameterName = /^[A-Za-z0-9_./-]{1,1011}$/;

/** A secret could not be read. The message holds names of variables and the kind of an error, never a value. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * Returns the environment with the value of each secret whose parameter is named there.
 * @throws SecretError, which ends the cold start: Lambda creates a new environment for the next request, which tries again
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
    // Only the kind: SSM's own messages name the account and the role.
    const kind = error instanceof Error ? error.name : "unknown";
    throw new SecretError(`${source}: SSM did not give the parameter (${kind})`);
  }
}
