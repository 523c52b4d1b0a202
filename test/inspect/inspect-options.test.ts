import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readInspectOptions, usage } from "../../inspect/inspect-options.ts";

const id = "0secret0session0id0secret0";
const defaults = {
  sessionId: undefined,
  serializeHandler: undefined,
  preset: undefined,
  user: undefined,
  flags: 0,
  json: false,
  showValues: false,
};

describe("the inspect tool's command line", () => {
  it("names a session, or says that its bytes come on stdin", () => {
    assert.deepEqual(readInspectOptions([id]), { ...defaults, sessionId: id });
    assert.deepEqual(readInspectOptions(["--raw"]), defaults);
    assert.deepEqual(readInspectOptions(["--", id.replace("0", "-")]), {
      ...defaults,
      sessionId: id.replace("0", "-"),
    });
  });

  it("has options in any order", () => {
    const words =
      "--show-values --raw --json --user alice --flags 48 --preset laravel --serialize-handler msgpack";
    assert.deepEqual(readInspectOptions(words.split(" ")), {
      sessionId: undefined,
      serializeHandler: "msgpack",
      preset: "laravel",
      user: "alice",
      flags: 48,
      json: true,
      showValues: true,
    });
    assert.equal(readInspectOptions(["--raw", "--help"]), "help");
  });

  it("names in its help every option that it takes", () => {
    for (const name of [
      "raw",
      "serialize-handler",
      "preset",
      "user",
      "flags",
      "json",
      "show-values",
      "help",
    ]) {
      assert.ok(usage.includes(`--${name}`), name);
    }
  });

  it("is refused where it is wrong, in words that repeat nothing of it", () => {
    const cases: [string[], RegExp][] = [
      [[], /^give one session id, or --raw$/],
      [[id, id], /^give one session id/],
      [["--raw", id], /^give one session id/],
      [[`${id}.lock`], /^the session id is none that PHP makes$/],
      [["--raw", `--${id}`], /^there is an unknown option/],
      [["--raw", "--user"], /whose value is missing/],
      [["--raw=yes"], /or too much$/],
      [["--raw", "--flags", "-1"], /^there is an unknown option/],
      [["--raw", "--flags", "4294967296"], /^--flags must be a whole number of 32 bits, beside --raw$/],
      [["--raw", "--flags", "0x2"], /^--flags must be/],
      [[id, "--flags", "0"], /^--flags must be/],
      [
        ["--raw", "--serialize-handler", "wddx"],
        /^--serialize-handler must be one of php, php_binary, .*msgpack$/,
      ],
      [["--raw", "--serialize-handler", "toString"], /^--serialize-handler must be/],
    ];
    for (const [args, problem] of cases) {
      const read = readInspectOptions(args);
      assert.ok(typeof read === "object" && "problem" in read, args.join(" "));
      assert.match(read.problem, problem);
      assert.doesNotMatch(read.problem, /secret/);
    }
  });
});
