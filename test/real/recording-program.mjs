// An external-auth program that writes each frame it is asked into a file, as a line of JSON, and answers no.
// node recording-program.mjs FILE

import { appendFileSync } from "node:fs";

let pending = Buffer.alloc(0);
process.stdin.on("data", (chunk) => {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
    const end = 2 + pending.readUInt16BE(0);
    appendFileSync(process.argv[2], `${JSON.stringify(pending.subarray(2, end).toString())}\n`);
    pending = pending.subarray(end);
    process.stdout.write(Buffer.from([0, 2, 0, 0]));
  }
});
