// What work costs in the processor's own time: other programs on the machine do not make it more.

/** Returns how many milliseconds of the processor's time this process spent on the work, kernel included. */
export function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
