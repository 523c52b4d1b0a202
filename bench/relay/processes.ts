// What the system says of processes: the processor's time and the memory they took.

import { readFileSync } from "node:fs";

/** Linux counts in hundredths of a second (USER_HZ, proc(5)). */
const tickMs = 10;

/** Returns the user's and the system's time of these processes so far, in milliseconds. */
export function cpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Behind "pid (name) state": the name may hold anything, and utime and stime are the 14th and 15th of all.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) * tickMs;
  }, 0);
}

/** Returns the memory of these processes, each shared page divided by those who share it, in MB. */
export function pssMb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kb = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1];
    return sum + Number(kb) / 1000;
  }, 0);
}
