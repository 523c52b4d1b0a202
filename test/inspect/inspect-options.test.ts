import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readInspectOptions, usage } from "../../inspect/inspect-options.ts";
import { examplesOf } from "../examples-of.ts";

const id = "0secret0session0id0secret0";
const defaults = {
  isRaw: false,
  sessionFile: undefined,
  serializeHandler: undefined,
  preset: undefined,
  user: undefined,
  flags: 0,
  json: false,
  showValues: false,
};

describe("the inspect tool's command line", () => {
  it("is right in each example of its help", () => {
    const examples = examplesOf(usage, "npm run inspect");
    assert.ok(examples.length >= 3);
    for (const example of examples) {
      const read = readInspectOptions(example);
      assert.ok(typeof read === "object" && !("problem" in read), example.join(" "));
    }
  });

  it("asks for the session's id, names a file that has it, or says that the bytes come on stdin", () => {
    assert.deepEqual(readInspectOptions([]), defaults);
    assert.deepEqual(readInspectOptions(["--session-file", "-"]), { ...defaults, sessionFile: "-" });
    assert.deepEqual(readInspectOptions(["--raw"]), { ...defaults, isRaw: true });
  });

  it("has options in any order", () => {
    const words =
      "--show-values --raw --json --user alice --flags 48 --preset laravel --serialize-handler msgpack";
    assert.deepEqual(readInspectOptions(words.split(" ")), {
      isRaw: true,
      sessionFile: undefined,
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
      "session-file",
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
    const advice = /^a session id is not given as an argument.*--session-file PATH/;
    const cases: [string[], RegExp][] = [
      [[id], advice],
      [["--json", id, id], advice],
      [["--raw", id], advice],
      [["--", id.replace("0", "-")], advice],
      [["--session", id], advice],
      [[`--session=${id}`], advice],
      [["--raw", "--session-file", id], /exclude each other/],
      [["--raw", `--${id}`], /^an option is unknown/],
      [["--raw", "--user"], /has no value/],
      [["--raw=yes"], /or has one and takes none$/],
      [["--raw", "--flags", "-1"], /^an option is unknown/],
      [["--raw", "--flags", "4294967296"], /^--flags must be a whole number of 32 bits, beside --raw$/],
      [["--raw", "--flags", "0x2"], /^--flags must be/],
      [["--flags", "0"], /^--flags must be/],
      [
        ["--raw", "--serialize-handler", "wddx"],
        /^--serialize-handler must be one of php, php_binary, .*msgpack, json$/,
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
