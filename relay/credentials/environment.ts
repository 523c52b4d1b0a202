// Credentials in the environment. Source: AWS SDKs and Tools Reference Guide, "Environment variables support".

import type { Environment } from "../config.ts";
import { type Credentials, CredentialsFault } from "./credentials.ts";

/** Gives nothing where none of the variables is set. Throws CredentialsFault where only one of two is. */
export function fromEnvironment(environment: Environment): Credentials | undefined {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"];
  const sessionToken = environment["AWS_SESSION_TOKEN"];
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey) {
    throw new CredentialsFault("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set together");
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
