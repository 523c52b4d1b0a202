// A process that hangs: stopped by SIGSTOP, and known to be.

import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Stops all threads of a process, does the work, and lets the process go on. */
export async function whilePaused<T>(pid: number, work: () => Promise<T>): Promise<T> {
  process.kill(pid, "SIGSTOP");
  try {
    // The signal takes a moment to reach each thread; one that is late would still answer.
    do {
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (threadStates(pid).some((state) => state !== "T"));
    return await work();
  } finally {
    process.kill(pid, "SIGCONT");
  }
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
