import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  createLog,
  hashedNames,
  intervalMs,
  type LogFormat,
  linesAnInterval,
  maxCodes,
} from "../../relay/log.ts";

function open(format: LogFormat = "logfmt") {
  const lines: string[] = [];
  const clock = { nowMs: 0 };
  const write = (line: string) => lines.push(line);
  return { lines, clock, log: createLog({ write, format, now: () => new Date(clock.nowMs) }) };
}

describe("the relay's log", () => {
  it("writes a line an event, in logfmt", () => {
    const { log, lines } = open();
    log("error", "deadline", () => ({ detail: "10000ms", missing: undefined, empty: "", durationMs: 7 }));
    assert.deepEqual(lines, [
      "time=1970-01-01T00:00:00.000Z level=error program=inspectord-relay code=deadline detail=10000ms durationMs=7\n",
    ]);
  });

  it("writes JSON where it is asked for", () => {
    const { log, lines } = open("json");
    log("info", "no-session", () => ({ op: "auth" }));
    assert.deepEqual(JSON.parse(lines[0] ?? ""), {
      time: "1970-01-01T00:00:00.000Z",
      level: "info",
      program: "inspectord-relay",
      code: "no-session",
      op: "auth",
    });
  });

  it("writes so many lines of a code in ten seconds, and counts those it leaves out", () => {
    const { log, lines, clock } = open();
    let made = 0;
    const fields = () => ({ made: ++made });
    for (let i = 0; i < linesAnInterval + 1000; i++) log("error", "deadline", fields);
    log("error", "api-status");
    assert.equal(lines.length, linesAnInterval + 1);
    assert.equal(made, linesAnInterval, "what is not written is not made");
    clock.nowMs = intervalMs;
    log("error", "deadline");
    log("error", "deadline");
    assert.match(lines.at(-2) ?? "", /leftOut=1000\n$/);
    assert.doesNotMatch(lines.at(-1) ?? "", /leftOut/);
  });

  it("has no character that is not printable, in a name, a detail or a code, in either format", () => {
    const nasty = [
      "\u0000",
      "\u001b",
      "\u007f",
      "\u0085",
      "\u009b",
      "\u202e",
      "\u2028",
      "\u2029",
      "\u200b",
      "\u{e0041}",
    ];
    for (const format of ["logfmt", "json"] as const) {
      for (const character of nasty) {
        const { log, lines } = open(format);
        log("error", `a${character}`, () => ({
          user: `al${character}ice@host`,
          detail: `x\r\n${character}`,
        }));
        const [line = ""] = lines;
        assert.match(line, /^[ -~]+\n$/);
        if (format === "json") assert.equal(JSON.parse(line).user, `al${character}ice@host`);
        else assert.ok(line.includes(` user="al\\u`));
      }
    }
  });

  it("knows the rates of a hundred codes, and one for all others", () => {
    const { log, lines } = open();
    for (let code = 0; code < 10 * maxCodes; code++) log("info", `code-${code}`);
    assert.equal(lines.length, maxCodes + linesAnInterval);
    log("info", "code-0");
    assert.equal(lines.length, maxCodes + linesAnInterval + 1);
  });

  it("writes again although the date was set back", () => {
    const { log, lines, clock } = open();
    clock.nowMs = 3_600_000;
    for (let i = 0; i < linesAnInterval + 1; i++) log("error", "deadline");
    clock.nowMs = 0;
    log("error", "deadline");
    assert.equal(lines.length, linesAnInterval + 1);
  });

  it("keeps a line a line, whatever the detail", () => {
    for (const format of ["logfmt", "json"] as const) {
      const { log, lines } = open(format);
      log("error", "bad-configuration", () => ({ detail: 'a\nb "c"' }));
      assert.equal(lines[0]?.split("\n").length, 2);
    }
  });
});

describe("a user's name in the log", () => {
  it("is the same for one user of one host, and says nothing without the key", () => {
    const name = hashedNames(Buffer.from("a key"));
    assert.match(name("alice", "localhost"), /^[0-9a-f]{12}$/);
    assert.equal(name("alice", "localhost"), name("alice", "localhost"));
    assert.notEqual(name("alice", "localhost"), name("alice", "example.org"));
    assert.notEqual(name("alice", "localhost"), hashedNames()("alice", "localhost"));
  });
});
