// What a program that hands credentials out writes (credential_process).

import { spawn } from "node:child_process";
import type { Environment } from "../config.ts";
import { CredentialsError } from "./credentials.ts";
import { maxDocumentBytes } from "./credentials-document.ts";

/** In milliseconds. `aws configure export-credentials` starts slowly, and asks AWS itself. */
export const longestRunMs = 15_000;

/**
 * Returns what this command line writes on stdout. The shell runs it, as AWS's SDKs do. What it writes on
 * stderr is its own and not repeated. Throws CredentialsError.
 */
export function outputOf(place: string, command: string, environment: Environment): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      // A group of its own, so that what the shell started ends with the shell.
      detached: true,
      env: { ...environment },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const fail = (what: string) => {
      clearTimeout(timer);
      endGroup(child.pid);
      reject(new CredentialsError("credentials-unreadable", `${place}: credential_process ${what}`));
    };
    const timer = setTimeout(() => fail(`has not ended within ${longestRunMs}ms`), longestRunMs);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (more: string) => {
      output += more;
      if (output.length > maxDocumentBytes) fail("writes too much");
    });
    child.on("error", ({ code }: NodeJS.ErrnoException) => fail(`cannot be started (${code})`));
    child.on("close", (status, signal) => {
      if (status !== 0) return fail(`ended with ${status ?? signal}`);
      clearTimeout(timer);
      resolve(output);
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
