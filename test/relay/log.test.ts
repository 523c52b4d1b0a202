import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLog } from "../../relay/log.ts";

describe("the relay's log", () => {
  it("writes a line a code in ten seconds and counts those it leaves out", () => {
    const lines: string[] = [];
    let nowMs = 0;
    const log = createLog(
      (line) => lines.push(line),
      () => new Date(nowMs),
    );
    log("deadline", "10000ms");
    for (let i = 0; i < 1000; i++) log("deadline", "10000ms");
    log("api-status", "503");
    nowMs = 10_000;
    log("deadline", "10000ms");
    log("deadline", "10000ms");
    assert.deepEqual(lines, [
      'time=1970-01-01T00:00:00.000Z program=inspectord-relay code=deadline detail="10000ms"\n',
      'time=1970-01-01T00:00:00.000Z program=inspectord-relay code=api-status detail="503"\n',
      'time=1970-01-01T00:00:10.000Z program=inspectord-relay code=deadline detail="10000ms" left_out=1000\n',
    ]);
  });

  it("keeps a line a line, whatever the detail", () => {
    const lines: string[] = [];
    const log = createLog(
      (line) => lines.push(line),
      () => new Date(0),
    );
    log("bad-configuration", 'a\nb "c"');
    assert.deepEqual(lines[0]?.split("\n").length, 2);
  });
});
