// Credentials in the environment. Source: AWS SDKs and Tools Reference Guide, "Environment variables support",
// "Assume role credential provider".

import type { Environment } from "../config.ts";
import { type Credentials, CredentialsError } from "./credentials.ts";

/** Returns undefined if none of the variables is set. @throws CredentialsError if only one of two is */
export function fromEnvironment(environment: Environment): Credentials | undefined {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
  const sessionToken = environment["AWS_SESSION_TOKEN"];
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey) {
    throw new CredentialsError(
      "credentials-unreadable",
      "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set together",
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/**
 * Returns undefined. Falling back to the next provider would sign as the machine in place of the role.
 * @throws CredentialsError if a role is to be assumed by a token file
 */
export function refuseWebIdentity(environment: Environment): undefined {
  if (!environment["AWS_WEB_IDENTITY_TOKEN_FILE"]) return undefined;
  throw new CredentialsError(
    "credentials-unreadable",
    "environment: AWS_WEB_IDENTITY_TOKEN_FILE is not read here: use EKS Pod Identity, or a profile with" +
      " credential_process = aws configure export-credentials",
  );
}
