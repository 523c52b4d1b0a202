// Credentials of a profile in AWS's shared files: keys that stand there, or a program that hands them out.
// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "Process credential provider".

import { exec } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { loadSharedConfigFiles } from "@smithy/shared-ini-file-loader";
import type { Environment } from "../config.ts";
import { type Credentials, CredentialsFault, longestLoadMs } from "./credentials.ts";
import { maxDocumentBytes, readDocument } from "./document.ts";

/**
 * Gives the credentials of this profile, or of the one called default; nothing where that one is not there or has
 * none. Reads the files anew each time: keys are rotated in place. Throws CredentialsFault.
 */
export async function fromProfile(
  environment: Environment,
  asked: string | undefined,
): Promise<Credentials | undefined> {
  const home = environment["HOME"] ?? homedir();
  const files = await loadSharedConfigFiles({
    filepath: environment["AWS_SHARED_CREDENTIALS_FILE"] ?? join(home, ".aws", "credentials"),
    configFilepath: environment["AWS_CONFIG_FILE"] ?? join(home, ".aws", "config"),
    ignoreCache: true,
  });
  const name = asked ?? "default";
  const place = `profile ${name}`;
  // What stands in the credentials file goes first, as it does for AWS's SDKs.
  const profile = { ...files.configFile?.[name], ...files.credentialsFile?.[name] };
  const accessKeyId = profile["aws_access_key_id"];
  const secretAccessKey = profile["aws_secret_access_key"];
  const sessionToken = profile["aws_session_token"];
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  }
  const command = profile["credential_process"];
  if (command !== undefined) return readDocument(place, await outputOf(place, command, environment));
  const unsupported = Object.keys(profile).find((key) =>
    /^(role_arn|sso_|web_identity|credential_source)/.test(key),
  );
  if (unsupported !== undefined) {
    const advice =
      "is not read here: set credential_process = aws configure export-credentials --profile NAME";
    throw new CredentialsFault(`${place}: ${unsupported} ${advice}`);
  }
  if (asked !== undefined) throw new CredentialsFault(`${place}: not there, or without credentials`);
  return undefined;
}

/** The command goes to the shell, as AWS's SDKs have it. What it writes on stderr is its own and not repeated. */
function outputOf(place: string, command: string, environment: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: longestLoadMs, maxBuffer: maxDocumentBytes, env: { ...environment } };
    exec(command, limits, (error, stdout) => {
      if (error === null) return resolve(stdout);
      reject(new CredentialsFault(`${place}: credential_process ended with ${error.code ?? error.signal}`));
    });
  });
}
