// SSM's Parameter Store. Its client is loaded for the first parameter: a site without secrets does not pay for it.

/** For one request, in milliseconds. Two attempts stay below Lambda's ten seconds for a cold start. */
const requestTimeoutMs = 2_000;

/**
 * Returns the decrypted value of a parameter. Region, credentials and endpoint come from AWS's own variables.
 * @throws what the client throws, and an Error where the parameter has no value
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
    // Read once a cold start, so no socket is kept.
    client.destroy();
  }
}
