import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import { describe, it } from "node:test";
import { frame } from "../../infra/local/relay-caller.ts";
import type { Command } from "../../relay/command.ts";
import type { Decide } from "../../relay/decide.ts";
import { type ServeOptions, serve } from "../../relay/serve.ts";

/** What is asked is written as a session id can be, or it would be refused before it is decided. */
const login = (text: string) => `auth:alice:localhost:${Buffer.from(text).toString("hex").padEnd(22, "-")}`;
const passwordOf = (command: Command) =>
  "request" in command && command.request.op === "auth"
    ? Buffer.from(command.request.password.replace(/-+$/, ""), "hex").toString()
    : undefined;
const allow: Decide = async () => "allowed";

/** Serves these payloads in one chunk, and returns the answers in hex, the log, and how it ended. */
async function answersTo(payloads: readonly string[], options: Partial<ServeOptions>) {
  let written = "";
  const log: string[] = [];
  const output = new Writable({
    write: (bytes: Buffer, _, done) => {
      written += bytes.toString("hex");
      done();
    },
  });
  const end = await serve({
    input: Readable.from([Buffer.concat(payloads.map((payload) => frame(payload)))]),
    output,
    maxEmptyFrames: 64,
    decide: async (command) => (passwordOf(command) === "yes" ? "allowed" : "refused"),
    patienceMs: 1000,
    // A clock that has gone on for long.
    now: () => 86_400_000,
    log: (_, code) => log.push(code),
    stop: new AbortController().signal,
    ...options,
  });
  return { written, log, end };
}

describe("the relay's loop", () => {
  it("answers each frame once, in order, and ends with its input", async () => {
    const { written, end } = await answersTo([login("yes"), login("no"), login("yes"), ""], {});
    assert.equal(written, "00020001000200000002000100020000");
    assert.equal(end, "end-of-input");
  });

  it("asks one question at a time", async () => {
    let asking = 0;
    let most = 0;
    const decide: Decide = async () => {
      most = Math.max(most, ++asking);
      await new Promise((resolve) => setTimeout(resolve, 1));
      asking--;
      return "allowed";
    };
    await answersTo(["a", "b", "c"], { decide });
    assert.equal(most, 1);
  });

  it("answers no when the decision fails, and goes on", async () => {
    const decide: Decide = async (command) => {
      if (passwordOf(command) === "boom") throw new Error("a secret");
      return "allowed";
    };
    const { written, log } = await answersTo([login("boom"), login("yes")], { decide });
    assert.equal(written, "0002000000020001");
    assert.deepEqual(log, ["internal-error"]);
  });

  it("answers no to whatever is not allowed", async () => {
    for (const decision of ["unavailable", "refused", "Allowed", true, 1, {}, undefined]) {
      const decide = (async () => decision) as unknown as Decide;
      assert.equal((await answersTo([login("x")], { decide })).written, "00020000");
    }
  });

  it("gives no answer at all when it would come too late, and ends", async () => {
    for (const startMs of [0, 86_400_000]) {
      let nowMs = startMs;
      const decide: Decide = async (command) => {
        const password = passwordOf(command);
        if (password === "in time") nowMs += 1000;
        if (password === "slow") nowMs += 1001;
        return "allowed";
      };
      const { written, end, log } = await answersTo([login("in time"), login("slow"), login("x")], {
        decide,
        now: () => nowMs,
      });
      assert.equal(written, "00020001");
      assert.equal(end, "too-late");
      assert.deepEqual(log, ["too-late"]);
    }
  });

  it("ends at too many empty frames in a row, and answers a few", async () => {
    const empty = (count: number) => new Array<string>(count).fill("");
    const few = [...empty(64), login("yes"), ...empty(64), "x", ...empty(64)];
    const answered = await answersTo(few, {});
    assert.equal(answered.end, "end-of-input");
    assert.equal(answered.written.length, 8 * few.length);
    const flood = await answersTo([login("yes"), ...empty(65), login("yes")], {});
    assert.equal(flood.end, "empty-frames");
    assert.equal(flood.written, `00020001${"00020000".repeat(64)}`);
    assert.deepEqual(flood.log, ["empty-frames"]);
    const endless = await answersTo(empty(1_000), { maxEmptyFrames: Number.POSITIVE_INFINITY });
    assert.equal(endless.written.length, 8 * 1_000);
  });

  it("gives the other members their turn after each answer, whatever one of them sends", async () => {
    for (const junk of ["x", "setpass:a:b:c", login("no")]) {
      const order: string[] = [];
      const served = (name: string, payloads: readonly string[]) => {
        const output = new Writable({
          write: (_bytes, _encoding, done) => {
            order.push(name);
            done();
          },
        });
        return answersTo(payloads, { output });
      };
      await Promise.all([served("flood", new Array(1_000).fill(junk)), served("other", [login("yes")])]);
      assert.ok(order.indexOf("other") <= 3, `${order.indexOf("other")} answers of the flood came first`);
    }
  });

  it("waits with further questions until its answers are read, and ends although nobody reads them", async () => {
    let decided = 0;
    const decide: Decide = async () => {
      decided++;
      return "refused";
    };
    for (const how of ["drain", "close", "stop"]) {
      decided = 0;
      const written: (() => void)[] = [];
      const output = new Writable({
        highWaterMark: 40,
        write: (_bytes, _encoding, done) => written.push(done),
      });
      const stop = new AbortController();
      const served = answersTo(new Array(100).fill("x"), { output, decide, stop: stop.signal });
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(decided, 10);
      if (how === "stop") stop.abort();
      if (how === "close") output.destroy();
      const read = setInterval(() => how === "drain" && written.shift()?.(), 0);
      const { end } = await served;
      clearInterval(read);
      assert.deepEqual(
        [end, decided],
        {
          drain: ["end-of-input", 100],
          close: ["end-of-input", 10],
          stop: ["stopped", 10],
        }[how] as [string, number],
      );
    }
  });

  it("does not answer a frame that its input cut off", async () => {
    const input = Readable.from([Buffer.from([0, 3, 97])]);
    assert.equal((await answersTo([], { input })).written, "");
  });

  it("finishes the answer in flight when it is told to stop, and begins no other", async () => {
    const stop = new AbortController();
    const decide: Decide = async () => {
      stop.abort();
      return "allowed";
    };
    const { written, end } = await answersTo(["a", "b"], { decide, stop: stop.signal });
    assert.equal(written, "00020001");
    assert.equal(end, "stopped");
  });

  it("stops at once while nobody asks", async () => {
    const stop = new AbortController();
    const served = answersTo([], { input: new PassThrough(), stop: stop.signal });
    stop.abort();
    assert.equal((await served).end, "stopped");
    assert.equal((await answersTo(["a"], { input: new PassThrough(), stop: stop.signal })).end, "stopped");
  });

  it("reads no further while it answers: whoever does not wait is held back", async () => {
    const input = new PassThrough({ highWaterMark: 64 });
    let answer = () => {};
    const decide: Decide = () =>
      new Promise((resolve) => {
        answer = () => resolve("allowed");
      });
    void answersTo([], { input, decide });
    input.write(frame("a"));
    await new Promise((resolve) => setImmediate(resolve));
    while (input.write(frame("b"))) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(input.isPaused() && input.readableLength + input.writableLength >= 64);
    answer();
    input.destroy();
  });

  it("ends when its input fails", async () => {
    const input = new PassThrough();
    const served = answersTo([], { input, decide: allow });
    input.destroy(new Error("ECONNRESET"));
    assert.equal((await served).end, "end-of-input");
  });

  it("ends with an input that had ended before it was read from", async () => {
    const ended = new PassThrough();
    ended.end();
    ended.resume();
    await once(ended, "end");
    assert.equal((await answersTo([], { input: ended })).end, "end-of-input");
  });
});
