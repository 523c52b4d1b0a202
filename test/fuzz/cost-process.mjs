// The built function in a process of its own: each line on stdin is an event, each line on stdout what its answer took.
//
//   node cost-process.mjs HANDLER
//   answer = {"body": of the response, "cpuMs": time of the processor, "grownMb": by how much its memory grew at most}
//
// Memory is counted from before the event to the highest that the process ever had. getrusage() tells its parent's
// highest where that is more, so it is read from /proc.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const { handler } = await import(process.argv[2]);
const megabyte = 2 ** 20;
const write = process.stdout.write.bind(process.stdout);
// Its log stands between the answers.
process.stdout.write = () => true;
createInterface(process.stdin).on("line", async (line) => {
  const event = JSON.parse(line);
  const before = process.memoryUsage.rss() / megabyte;
  const start = process.cpuUsage();
  const { body } = await handler(event);
  const { user, system } = process.cpuUsage(start);
  const grownMb =
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024 - before;
  write(`${JSON.stringify({ body, cpuMs: (user + system) / 1000, grownMb })}\n`);
});
