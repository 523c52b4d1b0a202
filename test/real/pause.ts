// A process that hangs: stopped by SIGSTOP, and known to be.

import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Stops all threads of a process and of its children, does the work, and lets them go on. */
export async function whilePaused<T>(pid: number, work: () => Promise<T>): Promise<T> {
  // The parent first: it begins no further child.
  process.kill(pid, "SIGSTOP");
  const pids = [pid, ...childrenOf(pid)];
  for (const child of pids.slice(1)) process.kill(child, "SIGSTOP");
  try {
    // The signal takes a moment to reach each thread; one that is late would still answer.
    do {
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (pids.flatMap(threadStates).some((state) => state !== "T"));
    return await work();
  } finally {
    for (const paused of pids.toReversed()) process.kill(paused, "SIGCONT");
  }
}

function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8").split(" ").filter(Boolean).map(Number);
}

function threadStates(pid: number): string[] {
  // Where there is no /proc, the pause above must do.
  if (!existsSync(`/proc/${pid}/task`)) return [];
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    // tid (name) state ...; the name may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  });
}
