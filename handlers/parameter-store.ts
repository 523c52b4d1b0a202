// SSM's Parameter Store. Its client is loaded when a parameter is asked for: who has no secret does not pay for it.

/** For one request, in milliseconds. With a second try it stays below the ten seconds that Lambda gives a cold start. */
const requestTimeoutMs = 2_000;

/**
 * Gives the value of a parameter, decrypted. Region, credentials and endpoint are those of the environment, by AWS's own
 * names for them. Throws what the client throws, and an Error where the parameter has no value.
 */
export async function readParameter(name: string): Promise<string> {
  const { GetParameterCommand, SSMClient } = await import("@aws-sdk/client-ssm");
  const client = new SSMClient({
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
  });
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
    if (Parameter?.Value === undefined) throw new Error("SSM gave no value");
    return Parameter.Value;
  } finally {
    // Asked once a cold start: no socket is kept for later.
    client.destroy();
  }
}
