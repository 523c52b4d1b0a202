// Lambda's part for a built function, in a process of its own: each line on stdin is an event, and each is answered by
// a line on stdout, among the function's own.
// node function-process.mjs HANDLER
//
//   answer = {"response": what the handler gave,
//             "active": the resources that kept the process up when the event came, stdin and stdout aside,
//             "ranSince": the resources whose callbacks ran between the answer before and this event}

import { createHook } from "node:async_hooks";
import { createInterface } from "node:readline";

// Those that come with the next line itself, or run at once behind another callback.
const passing = new Set(["PIPEWRAP", "PROMISE", "TickObject", "Microtask"]);
const kinds = new Map();
let ran = [];
createHook({
  init: (id, kind) => kinds.set(id, kind),
  before: (id) => {
    const kind = kinds.get(id) ?? "unknown";
    if (!passing.has(kind)) ran.push(kind);
  },
}).enable();

const { handler } = await import(process.argv[2]);
createInterface(process.stdin).on("line", async (line) => {
  const active = process.getActiveResourcesInfo().filter((kind) => kind !== "PipeWrap");
  const ranSince = ran;
  ran = [];
  const response = await handler(JSON.parse(line));
  ran = [];
  process.stdout.write(`${JSON.stringify({ response, active, ranSince })}\n`);
});
process.stdout.write("ready\n");
