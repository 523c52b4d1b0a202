import assert from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { describe, it } from "node:test";
import { frame } from "../../infra/local/relay-caller.ts";
import type { Decision } from "../../relay/decide.ts";
import { type ServeOptions, serve } from "../../relay/serve.ts";

/** Serves these payloads in one chunk, and gives the answers in hex, the log, and how it ended. */
async function answersTo(payloads: readonly string[], options: Partial<ServeOptions>) {
  let written = "";
  const log: string[] = [];
  const end = await serve({
    input: Readable.from([Buffer.concat(payloads.map((payload) => frame(payload)))]),
    write: (bytes) => {
      written += bytes.toString("hex");
    },
    decide: async (payload) => (String(payload) === "yes" ? "allowed" : "refused"),
    patienceMs: 1000,
    now: () => 0,
    log: (_, code) => log.push(code),
    stop: new AbortController().signal,
    ...options,
  });
  return { written, log, end };
}

describe("the relay's loop", () => {
  it("answers each frame once, in order, and ends with its input", async () => {
    const { written, end } = await answersTo(["yes", "no", "yes", ""], {});
    assert.equal(written, "00020001000200000002000100020000");
    assert.equal(end, "end-of-input");
  });

  it("asks one question at a time", async () => {
    let asking = 0;
    let most = 0;
    const decide = async () => {
      most = Math.max(most, ++asking);
      await new Promise((resolve) => setTimeout(resolve, 1));
      asking--;
      return "allowed" as const;
    };
    await answersTo(["a", "b", "c"], { decide });
    assert.equal(most, 1);
  });

  it("answers no when the decision fails, and goes on", async () => {
    const decide = async (payload: Uint8Array) => {
      if (String(payload) === "boom") throw new Error("a secret");
      return "allowed" as const;
    };
    const { written, log } = await answersTo(["boom", "yes"], { decide });
    assert.equal(written, "0002000000020001");
    assert.deepEqual(log, ["internal-error"]);
  });

  it("answers no to all that is not allowed, `unavailable` included", async () => {
    for (const decision of ["unavailable", "refused", true, "true", 1, undefined]) {
      const decide = (async () => decision) as unknown as ServeOptions["decide"];
      assert.equal((await answersTo(["x"], { decide })).written, "00020000");
    }
  });

  it("gives no answer at all when it would come too late, and ends", async () => {
    let nowMs = 0;
    const decide = async (payload: Uint8Array) => {
      if (String(payload) === "slow") nowMs += 1001;
      return "allowed" as const;
    };
    const { written, end, log } = await answersTo(["yes", "slow", "yes"], { decide, now: () => nowMs });
    assert.equal(written, "00020001");
    assert.equal(end, "too-late");
    assert.deepEqual(log, ["too-late"]);
  });

  it("does not answer a frame that its input cut off", async () => {
    const input = Readable.from([Buffer.from([0, 3, 97])]);
    assert.equal((await answersTo([], { input })).written, "");
  });

  it("finishes the answer under way when it is told to stop, and begins no other", async () => {
    const stop = new AbortController();
    const decide = async () => {
      stop.abort();
      return "allowed" as const;
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
    const decide = () => new Promise<Decision>((resolve) => (answer = () => resolve("allowed")));
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
    const served = answersTo([], { input });
    input.destroy(new Error("ECONNRESET"));
    assert.equal((await served).end, "end-of-input");
  });
});
