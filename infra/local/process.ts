// A child process that is known to be ready once it is started, and known to be gone once it is stopped.

import { type ChildProcess, spawn } from "node:child_process";

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the child; this process's own unless given. */
  readonly env?: NodeJS.ProcessEnv;
  /** Resolves when the process can be used. Is asked again and again; `output` is all it wrote so far. */
  readonly isReady: (output: string) => boolean | Promise<boolean>;
}

export interface RunningProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it has written so far, stdout and stderr as they came. */
  output(): string;
  /** Ends it: SIGTERM, and SIGKILL for one that is still there after five seconds. */
  stop(): Promise<void>;
}

const pollMs = 25;
/** Long, for a machine that does other work: a process that cannot start ends, mostly, and is told at once. */
const readyWithinMs = 60_000;
const stopWithinMs = 5_000;

/** Starts a process. Throws when it ends or is not ready in time, with the last of what it wrote. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const { command, args, cwd, env, isReady } = options;
  const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ["ignore", "pipe", "pipe"] });
  endWithParent(child);
  let output = "";
  let failure: Error | undefined;
  child.on("error", (error) => {
    failure = error;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const endsAt = performance.now() + readyWithinMs;
  while (!(await isReady(output))) {
    const ended = child.exitCode !== null || child.signalCode !== null;
    if (failure !== undefined || ended || performance.now() > endsAt) {
      await stopProcess(child);
      const why = failure?.message ?? (ended ? "it ended" : `not ready after ${readyWithinMs} ms`);
      throw new Error(`${command} did not start: ${why}\n${output.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return {
    pid: child.pid ?? 0,
    child,
    output: () => output,
    stop: () => stopProcess(child),
  };
}

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Ends the child with this process, however this one ends, if it is still there then. */
export function endWithParent(child: ChildProcess): void {
  children.add(child);
  child.once("exit", () => children.delete(child));
}

/** Ends a child of this process and waits until it is gone. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
  await gone;
  clearTimeout(timer);
}
