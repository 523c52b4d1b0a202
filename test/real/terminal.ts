// A program at a real terminal (a pty), by script(1) of Debian's bsdutils.

import { spawn } from "node:child_process";
import { endWithParent } from "../../infra/local/process.ts";

export interface TerminalRun {
  readonly status: number | null;
  /** All that the terminal showed. */
  readonly screen: string;
}

/**
 * Runs a command line of the shell at a terminal. Each text is typed, without a line end, once the terminal shows its
 * prompt.
 */
export function runAtTerminal(
  command: string,
  dialogue: readonly (readonly [prompt: RegExp, typed: string])[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<TerminalRun> {
  const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  endWithParent(child);
  let screen = "";
  let shown = 0;
  const left = [...dialogue];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
    const [next] = left;
    if (next === undefined || !next[0].test(screen.slice(shown))) return;
    shown = screen.length;
    left.shift();
    child.stdin.write(next[1]);
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, screen })));
}
