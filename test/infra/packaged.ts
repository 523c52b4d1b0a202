// `serverless package` as an operator runs it, on a copy of what is deployed, without network and credentials.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Template } from "./cloudformation.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Packaged {
  readonly template: Template;
  readonly zips: Readonly<Record<"auth" | "sessions" | "logins", string>>;
}

/** Lays a copy of what a deployment reads into this directory. dist/ must be built. */
export function copyProject(directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const name of ["serverless.yml", "package.json", "infra", "params", "dist"]) {
    cpSync(join(root, name), join(directory, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
}

/** Writes these parameters of a stage in the copy in this directory. */
export function writeParameters(directory: string, stage: string, parameters: unknown): void {
  // JSON is YAML.
  writeFileSync(join(directory, "params", `${stage}.yml`), JSON.stringify(parameters));
}

/**
 * Packages a stage of the copy in this directory, which takes one at a time. Throws with what the command wrote where
 * that fails.
 */
export async function packageStage(directory: string, stage: string): Promise<Packaged> {
  const out = join(directory, "out");
  const home = join(directory, "home");
  mkdirSync(home, { recursive: true });
  const args = [join(root, "node_modules/serverless/bin/serverless.js"), "package"];
  const command = [process.execPath, ...args, "--stage", stage, "--package", out];
  const [program = "", ...rest] = withoutNetwork(command);
  const child = spawn(program, rest, {
    cwd: directory,
    // Nothing of this process's environment that could be a credential, and no home that could hold one.
    env: {
      ...{ PATH: process.env["PATH"], HOME: home, AWS_EC2_METADATA_DISABLED: "true" },
      ...{ SLS_TELEMETRY_DISABLED: "1", SLS_NOTIFICATIONS_MODE: "off" },
      // Where the network cannot be taken away, nothing listens there.
      ...{ HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" },
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(output);
  const zip = (name: string) => join(out, `${name}.zip`);
  return {
    template: JSON.parse(readFileSync(join(out, "cloudformation-template-update-stack.json"), "utf8")),
    zips: { auth: zip("auth"), sessions: zip("sessions"), logins: zip("logins") },
  };
}

/** Where the system allows it: in a namespace of its own, in which there is no network but a loopback that is down. */
function withoutNetwork(command: readonly string[]): readonly string[] {
  const canUnshare = spawnSync("unshare", ["--net", "true"]).status === 0;
  return canUnshare ? ["unshare", "--net", ...command] : command;
}
