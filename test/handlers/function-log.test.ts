import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLog } from "../../handlers/function-log.ts";

describe("the function's log", () => {
  it("is one printable JSON object a line, whatever a field holds", () => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line));
    const nasty = "a\u0000\n\u001b\u007f\u0085\u009b\u202e\u2028\u2029\u200b\u{e0041}b";
    log("error", "bad-configuration", { problems: [nasty], detail: nasty });
    assert.match(lines[0] ?? "", /^[ -~]+$/);
    assert.deepEqual(JSON.parse(lines[0] ?? ""), {
      level: "error",
      message: "bad-configuration",
      problems: [nasty],
      detail: nasty,
    });
  });
});
