// Credentials of the EC2 instance, from its metadata service by version 2 of its protocol and by no other.
// Source: EC2 User Guide, "Use the Instance Metadata Service".

import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import type { Environment } from "../config.ts";
import { type Credentials, CredentialsError } from "./credentials.ts";

/** The service is on the same host; one that is away, as outside EC2, is silent. */
const timeoutMs = 1_500;
/** The library would write its warnings to the console. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * Returns undefined if the service is turned off. Throws CredentialsError, outside EC2 too. The library itself reads
 * AWS_EC2_METADATA_SERVICE_ENDPOINT from the process's environment.
 */
export async function fromInstance(environment: Environment): Promise<Credentials | undefined> {
  if (environment["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true") return undefined;
  // A new provider for each load: after one slow answer the library falls back to version 1 for good, which is refused.
  const load = fromInstanceMetadata({
    timeout: timeoutMs,
    maxRetries: 1,
    ec2MetadataV1Disabled: true,
    logger: silent,
  });
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await load();
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken !== undefined && { sessionToken }),
      ...(expiration !== undefined && { expiration }),
    };
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    if (statusCode !== undefined) {
      const what = statusCode === 404 ? "the instance has no role" : `status ${statusCode}`;
      throw new CredentialsError("credentials-unreadable", `instance (IMDSv2): ${what}`);
    }
    // The library's messages mention version 1, which is not used.
    throw new CredentialsError(
      "credentials-missing",
      "none in the environment, the shared files or a container, and no answer of the instance (IMDSv2)",
    );
  }
}
