// Credentials of a profile in AWS's shared files: keys that stand there, or a program that hands them out.
// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "Process credential provider".

import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { loadSharedConfigFiles } from "@smithy/shared-ini-file-loader";
import type { Environment } from "../config.ts";
import { type Credentials, CredentialsError } from "./credentials.ts";
import { readDocument } from "./credentials-document.ts";
import { outputOf } from "./program.ts";

/** Returns what a credential_process writes. Throws CredentialsError. */
export type RunProgram = typeof outputOf;

/**
 * Returns the credentials of this profile, or of the one called default: undefined if that one is missing or has none.
 * Reads the files each time, because keys are rotated in place. @throws CredentialsError
 */
export async function fromProfile(
  environment: Environment,
  asked: string | undefined,
  runProgram: RunProgram = outputOf,
): Promise<Credentials | undefined> {
  const name = asked ?? "default";
  const place = `profile ${name}`;
  const profile = await readProfile(environment, name, asked !== undefined);
  const accessKeyId = profile["aws_access_key_id"];
  const secretAccessKey = profile["aws_secret_access_key"];
  const sessionToken = profile["aws_session_token"];
  // Keys beside a role are what the role is assumed with, and not what to sign with.
  const isRole = profile["role_arn"] && (profile["source_profile"] || profile["credential_source"]);
  if (!isRole && accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
  }
  const command = profile["credential_process"];
  if (command) return readDocument(place, await runProgram(place, command, environment), 1);
  const unsupported = Object.keys(profile).find((key) =>
    /^(role_arn|sso_|web_identity|credential_source|login_session)/.test(key),
  );
  if (unsupported !== undefined) {
    const advice = `is not read here: add credential_process = aws configure export-credentials --profile ${name}`;
    throw new CredentialsError("credentials-unreadable", `${place}: ${unsupported} ${advice}`);
  }
  if (asked !== undefined) {
    throw new CredentialsError("credentials-missing", `${place}: not there, or without credentials`);
  }
  return undefined;
}

/** Returns the settings of a profile in both files; empty if it is in neither. @throws CredentialsError */
async function readProfile(
  environment: Environment,
  name: string,
  isAsked: boolean,
): Promise<Readonly<Record<string, string | undefined>>> {
  const home = environment["HOME"] || homedir();
  const pathOf = async (variable: string, usual: string) => {
    const named = environment[variable]?.replace(/^~(?=\/)/, () => home);
    const path = named || join(home, ".aws", usual);
    // The library takes a file that it may not read for one that does not exist.
    await requireReadable(path, Boolean(named), isAsked);
    return path;
  };
  const { credentialsFile, configFile } = await loadSharedConfigFiles({
    filepath: await pathOf("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    configFilepath: await pathOf("AWS_CONFIG_FILE", "config"),
    ignoreCache: true,
  });
  // What stands in the credentials file goes first, as it does for AWS's SDKs.
  return { ...configFile?.[name], ...credentialsFile?.[name] };
}

/**
 * A file that a variable names must be readable. One in the usual place may be missing and, unless a profile is asked
 * for, unreadable. @throws CredentialsError
 */
async function requireReadable(path: string, isNamed: boolean, isAsked: boolean): Promise<void> {
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isNamed || (isAsked && code !== "ENOENT")) {
      throw new CredentialsError("credentials-unreadable", `${path} cannot be read (${code})`);
    }
  }
}
