// Over a real unix socket: what one connection with numbered frames is answered, whatever it sends.

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { frame } from "../../infra/local/relay-caller.ts";
import type { Command } from "../../relay/command.ts";
import type { Decide } from "../../relay/decide.ts";
import { FrameReader } from "../../relay/frames.ts";
import type { Decision } from "../../relay/outcome.ts";
import { greets, maxUnanswered, maxUnansweredBytes, serveNumbered } from "../../relay/serve-numbered.ts";
import type { Still } from "../../relay/watch.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { framesOf } from "./frames-of.ts";
import { stillCommand } from "./numbered-caller.ts";
import { until } from "./peer.ts";

const helloFrame = frame("hello:1");
const bytes: Record<Decision, string> = { refused: "00", allowed: "01", unavailable: "02" };

/** What is asked is written as a session id can be, or it would be refused before it is decided. */
const idOf = (text: string | Uint8Array) => Buffer.from(text).toString("hex").padEnd(22, "-");

function passwordOf(command: Command): string {
  const isLogin = "request" in command && command.request.op === "auth";
  return isLogin ? Buffer.from(command.request.password.replace(/-+$/, ""), "hex").toString() : "";
}

function question(number: number, text: string | Uint8Array): Buffer {
  const numberBytes = Buffer.alloc(4);
  numberBytes.writeUInt32BE(number);
  return frame(Buffer.concat([numberBytes, Buffer.from(`auth:alice:localhost:${idOf(text)}`)]));
}

function answer(number: number, decision: Decision): string {
  return number.toString(16).padStart(8, "0") + bytes[decision];
}

describe("a connection with numbered frames", () => {
  const path = join(temporaryDirectory(), "relay.sock");
  let decide: Decide;
  let still: Still = async () => assert.fail("asked of open connections");
  let stop: AbortController;
  let isNumbered: boolean | undefined;
  let isServed: boolean;
  const log: string[] = [];
  const served: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, async (caller) => {
    caller.on("error", () => {});
    served.push(caller);
    isServed = false;
    isNumbered = await greets(caller, stop.signal);
    if (isNumbered) {
      await serveNumbered({
        caller,
        decide,
        still: (...asked) => still(...asked),
        log: (_, code) => log.push(code),
        stop: stop.signal,
      });
      isServed = true;
    }
    caller.destroySoon();
  });
  before(() => new Promise<void>((resolve) => server.listen(path, resolve)));
  after(async () => {
    for (const caller of served) caller.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  /** A caller that has said hello and got it back. */
  async function open(how: Decide) {
    decide = how;
    stop = new AbortController();
    log.length = 0;
    const socket = connect({ path, allowHalfOpen: true });
    const reader = new FrameReader();
    const caller = { socket, answers: [] as string[], chunks: 0, isEnded: false };
    socket.on("data", (chunk) => {
      caller.chunks++;
      for (const payload of framesOf(reader, chunk)) caller.answers.push(payload.toString("hex"));
    });
    socket.on("end", () => {
      caller.isEnded = true;
      socket.end();
    });
    socket.on("error", () => {});
    socket.write(helloFrame);
    await until(() => caller.answers.length === 1, "no hello");
    assert.equal(caller.answers.shift(), Buffer.from("hello:1").toString("hex"));
    return caller;
  }

  /** Decides by the question's own text. */
  const asAsked: Decide = async (command) => passwordOf(command) as Decision;

  it("is answered with its numbers, no, yes and unavailable told apart", async () => {
    const { socket, answers } = await open(asAsked);
    socket.write(
      Buffer.concat([question(1, "allowed"), question(2, "refused"), question(0xffffffff, "unavailable")]),
    );
    await until(() => answers.length === 3, "no answers");
    assert.deepEqual(answers, [
      answer(1, "allowed"),
      answer(2, "refused"),
      answer(0xffffffff, "unavailable"),
    ]);
    socket.destroy();
  });

  it("gets the answers in the order in which they are found, and those of one turn in one piece", async () => {
    const waiting: (() => void)[] = [];
    const caller = await open(() => new Promise((resolve) => waiting.push(() => resolve("allowed"))));
    for (let number = 0; number < 100; number++) caller.socket.write(question(number, "q"));
    await until(() => waiting.length === 100, "not all are asked");
    const chunksBefore = caller.chunks;
    for (const allow of waiting.reverse()) allow();
    await until(() => caller.answers.length === 100, "no answers");
    assert.deepEqual(
      caller.answers,
      Array.from({ length: 100 }, (_, at) => answer(99 - at, "allowed")),
    );
    assert.equal(caller.chunks - chunksBefore, 1);
    caller.socket.destroy();
  });

  it("gets unavailable for a decision that fails, and a line that says nothing of it", async () => {
    const { socket, answers } = await open(async () => {
      throw new Error("a secret");
    });
    socket.write(question(5, "q"));
    await until(() => answers.length === 1, "no answer");
    assert.deepEqual(answers, [answer(5, "unavailable")]);
    assert.deepEqual(log, ["internal-error"]);
    socket.destroy();
  });

  it("gets unavailable for both questions of one number, so that no yes is taken for the other's", async () => {
    let allow = () => {};
    const { socket, answers } = await open(
      () =>
        new Promise((resolve) => {
          allow = () => resolve("allowed");
        }),
    );
    socket.write(Buffer.concat([question(3, "a"), question(3, "b")]));
    await until(() => answers.length === 1, "no answer to the second");
    allow();
    await until(() => answers.length === 2, "no answer to the first");
    assert.deepEqual(answers, [answer(3, "unavailable"), answer(3, "unavailable")]);
    // The number is free again.
    socket.write(question(3, "c"));
    await until(() => {
      allow();
      return answers.length === 3;
    }, "no answer to the third");
    assert.equal(answers[2], answer(3, "allowed"));
    socket.destroy();
  });

  it("is ended by a frame without a number", async () => {
    for (const length of [0, 3]) {
      const caller = await open(asAsked);
      caller.socket.write(Buffer.concat([frame(Buffer.alloc(length)), question(1, "allowed")]));
      await until(() => caller.isEnded || caller.socket.destroyed, "it stays");
      assert.deepEqual(caller.answers, []);
      assert.deepEqual(log, ["frame-without-number"]);
    }
  });

  it("gets what it still waits for after its last question", async () => {
    const caller = await open(async (...asked) => {
      await sleep(20);
      return asAsked(...asked);
    });
    caller.socket.end(Buffer.concat([question(1, "allowed"), question(2, "refused")]));
    await until(() => caller.isEnded, "it stays");
    assert.deepEqual(caller.answers, [answer(1, "allowed"), answer(2, "refused")]);
    assert.equal(isServed, true);
  });

  it("tells those who decide that the caller has gone once an answer cannot be written, and is over", async () => {
    const signals: AbortSignal[] = [];
    let refuse = () => {};
    const { socket } = await open((_, { gone }) => {
      signals.push(gone);
      return new Promise((resolve) => {
        refuse = () => resolve("refused");
      });
    });
    socket.write(Buffer.concat([question(1, "q"), question(2, "q")]));
    await until(() => signals.length === 2, "nothing is asked");
    assert.equal(signals[0], signals[1]);
    assert.equal(signals[0]?.aborted, false);
    socket.destroy();
    // Until an answer cannot be written, the caller may have closed one direction only.
    await sleep(20);
    assert.equal(isServed, false);
    refuse();
    await until(() => signals[0]?.aborted === true && isServed, "it is waited for");
  });

  it("gets the answers in flight when the relay stops, no unavailable, and no answer to a later question", async () => {
    const waiting = new Map<string, (decision: Decision) => void>();
    const caller = await open(
      (command) => new Promise((resolve) => waiting.set(passwordOf(command), resolve)),
    );
    caller.socket.write(Buffer.concat([question(1, "a"), question(2, "b"), question(3, "c")]));
    await until(() => waiting.size === 3, "nothing is asked");
    stop.abort();
    caller.socket.write(question(4, "late"));
    waiting.get("a")?.("allowed");
    waiting.get("b")?.("unavailable");
    waiting.get("c")?.("refused");
    await until(() => caller.isEnded, "it stays");
    assert.deepEqual(caller.answers, [answer(1, "allowed"), answer(3, "refused")]);
    assert.equal(waiting.size, 3);
  });

  it("has no more than so many questions unanswered, and the rest waits in the socket", async () => {
    const waiting: (() => void)[] = [];
    const { socket, answers } = await open(
      () => new Promise((resolve) => waiting.push(() => resolve("refused"))),
    );
    const count = 3 * maxUnanswered;
    const all = Buffer.concat(Array.from({ length: count }, (_, number) => question(number, "q")));
    socket.write(all);
    await until(() => waiting.length >= maxUnanswered, "not as many as may be");
    await sleep(50);
    // A chunk of the socket is read as a whole.
    assert.ok(waiting.length < maxUnanswered + 10_000, `${waiting.length} are asked`);
    while (answers.length < count) {
      for (const refuse of waiting.splice(0)) refuse();
      await sleep(1);
    }
    assert.equal(new Set(answers).size, count);
    socket.destroy();
  });

  it("has no more than so many bytes of questions unanswered", async () => {
    let asked = 0;
    const { socket } = await open(() => {
      asked++;
      return new Promise(() => {});
    });
    const large = Buffer.alloc(30_000);
    const { length } = question(0, large);
    for (let number = 0; number < 300; number++) socket.write(question(number, large));
    await until(() => asked * length >= maxUnansweredBytes, "not as many as may be");
    await sleep(50);
    assert.ok(asked * length < maxUnansweredBytes + 2 * length, `${asked} are asked`);
    socket.destroy();
  });

  it("is read no further while it does not read its answers", async () => {
    let asked = 0;
    const { socket } = await open(async () => {
      asked++;
      return "refused";
    });
    socket.pause();
    const many = Buffer.concat(Array.from({ length: 4_000 }, (_, number) => question(number, "q")));
    let blocked = 0;
    for (let at = 0; at < 100 && blocked < 20; at++) {
      if (socket.writableLength > 1_000_000) blocked++;
      else socket.write(many);
      await sleep(5);
    }
    assert.ok(blocked === 20, "the socket never filled");
    let before = -1;
    for (const endsAt = performance.now() + 30_000; asked !== before && performance.now() < endsAt; ) {
      before = asked;
      await sleep(200);
    }
    assert.equal(asked, before);
    assert.ok((served.at(-1)?.writableLength ?? 0) < 1_000_000, "the answers pile up");
    socket.destroy();
  });

  it("answers each question once and with its own decision, in whatever pieces and order the frames come", async () => {
    const asked = fc.record({
      number: fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 0xffffffff })),
      decision: fc.constantFrom<Decision>("allowed", "refused", "unavailable"),
      laterMs: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        async (questions, sizes) => {
          const caller = await open(async (command) => {
            const [decision, laterMs] = passwordOf(command).split(":");
            if (Number(laterMs) > 0) await sleep(Number(laterMs));
            return decision as Decision;
          });
          const stream = Buffer.concat(
            questions.map(({ number, decision, laterMs }) => question(number, `${decision}:${laterMs}`)),
          );
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            caller.socket.write(stream.subarray(at, at + size));
            at += size;
          }
          caller.socket.end();
          await until(() => caller.isEnded, "it stays");
          const numbers = questions.map(({ number }) => number);
          assert.deepEqual(
            caller.answers.map((text) => Number.parseInt(text.slice(0, 8), 16)).sort(),
            [...numbers].sort(),
          );
          for (const { number, decision } of questions) {
            const got = caller.answers.filter((text) =>
              text.startsWith(answer(number, decision).slice(0, 8)),
            );
            const isAlone = numbers.filter((other) => other === number).length === 1;
            if (isAlone) assert.deepEqual(got, [answer(number, decision)]);
            // One number twice: unavailable at the most, or one after the other, each its own.
            else
              for (const one of got) assert.match(one, new RegExp(`(02|${decisionsOf(questions, number)})$`));
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it("survives any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (chunks) => {
        const caller = await open(async () => "refused");
        for (const chunk of chunks) caller.socket.write(chunk);
        caller.socket.end();
        await until(() => caller.isEnded || caller.socket.destroyed, "it stays");
        for (const one of caller.answers) assert.match(one, /^[0-9a-f]{8}(00|02)$/);
      }),
      { numRuns: 100 },
    );
  });

  /** A frame about connections with these logins. */
  const stillQuestion = (number: number, ...users: readonly string[]) => {
    const numbered = Buffer.alloc(4);
    numbered.writeUInt32BE(number);
    const command = stillCommand(
      "localhost",
      users.map((user) => [user, idOf(user)]),
    );
    return frame(Buffer.concat([numbered, command]));
  };
  const stillAnswer = (number: number, live: string) =>
    number.toString(16).padStart(8, "0") + Buffer.from(`still:${live}`).toString("hex");
  /** Says live of users whose name begins so. */
  const byName: Still = async ({ logins }) =>
    logins
      .map((login) => (login?.startsWith('["live') ? "1" : login?.startsWith('["ended') ? "0" : "?"))
      .join("");

  it("tells of open connections beside logins, each frame of its own", async () => {
    const { socket, answers } = await open(asAsked);
    still = byName;
    socket.write(
      Buffer.concat([
        stillQuestion(1, "live", "ended", "other"),
        question(2, "allowed"),
        stillQuestion(3, "ended"),
        question(4, "refused"),
      ]),
    );
    await until(() => answers.length === 4, "no answers");
    assert.deepEqual(
      answers.toSorted(),
      [stillAnswer(1, "10?"), answer(2, "allowed"), stillAnswer(3, "0"), answer(4, "refused")].toSorted(),
    );
    socket.destroy();
  });

  it("answers unavailable to a question about connections that is torn or malformed, and asks nobody", async () => {
    const { socket, answers } = await open(asAsked);
    still = async () => assert.fail("asked");
    const whole = stillQuestion(7, "live").subarray(2);
    const ends = [10, 11, whole.length - 1];
    for (const end of ends) socket.write(frame(whole.subarray(0, end)));
    const tooMany = stillCommand(
      "h",
      Array.from({ length: 1001 }, () => ["u", "p"]),
    );
    socket.write(frame(Buffer.concat([whole.subarray(0, 4), tooMany])));
    socket.write(frame(Buffer.concat([whole, Buffer.alloc(60_000)])));
    await until(() => answers.length === ends.length + 2, "no answers");
    assert.deepEqual([...new Set(answers)], [answer(7, "unavailable")]);
    assert.deepEqual([...new Set(log)], ["still-malformed"]);
    socket.destroy();
  });

  it("answers unavailable to two questions about connections with one number", async () => {
    const { socket, answers } = await open(asAsked);
    let tell = (_: string) => {};
    still = () =>
      new Promise((resolve) => {
        tell = resolve;
      });
    socket.write(Buffer.concat([stillQuestion(5, "live"), stillQuestion(5, "ended")]));
    await until(() => answers.length === 1, "no answer to the second");
    tell("0");
    await until(() => answers.length === 2, "no answer to the first");
    assert.deepEqual(answers, [answer(5, "unavailable"), answer(5, "unavailable")]);
    socket.destroy();
  });

  it("answers unavailable where the watch throws, and nothing where it knows nothing at a stop", async () => {
    const caller = await open(asAsked);
    still = () => Promise.reject(new TypeError("boom"));
    caller.socket.write(stillQuestion(1, "live"));
    await until(() => caller.answers.length === 1, "no answer");
    assert.deepEqual(caller.answers, [answer(1, "unavailable")]);
    still = (_, signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
    caller.socket.write(stillQuestion(2, "live"));
    await sleep(20);
    stop.abort();
    await until(() => caller.isEnded, "it stays");
    assert.deepEqual(caller.answers, [answer(1, "unavailable")]);
  });

  it("tells of each connection its own, in whatever pieces and order the frames come", async () => {
    const user = fc.constantFrom("live", "ended", "other");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ users: fc.array(user, { minLength: 1, maxLength: 9 }), laterMs: fc.nat(3) }), {
          maxLength: 20,
        }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        async (questions, sizes) => {
          const caller = await open(asAsked);
          still = async (...asked) => {
            await sleep(asked[0].logins.length % 4);
            return byName(...asked);
          };
          const stream = Buffer.concat(questions.map(({ users }, number) => stillQuestion(number, ...users)));
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            caller.socket.write(stream.subarray(at, at + size));
            at += size;
          }
          caller.socket.end();
          await until(() => caller.isEnded, "it stays");
          const expected = questions.map(({ users }, number) =>
            stillAnswer(number, users.map((name) => ({ live: "1", ended: "0", other: "?" })[name]).join("")),
          );
          assert.deepEqual(caller.answers.toSorted(), expected.toSorted());
        },
      ),
      { numRuns: 60 },
    );
  });

  it("survives any bytes in questions about connections", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (parts) => {
        const caller = await open(asAsked);
        still = byName;
        for (const [number, part] of parts.entries()) {
          const head = Buffer.from([0, 0, 0, number]);
          caller.socket.write(frame(Buffer.concat([head, Buffer.from("still:"), part])));
        }
        caller.socket.end();
        await until(() => caller.isEnded, "it stays");
        assert.equal(caller.answers.length, parts.length);
        for (const one of caller.answers) assert.match(one, /^[0-9a-f]{8}(02|7374696c6c3a(3f)+)$/);
      }),
      { numRuns: 60 },
    );
  });

  describe("and one without", () => {
    async function firstBytes(...chunks: readonly (string | Buffer)[]) {
      stop = new AbortController();
      isNumbered = undefined;
      const socket = connect({ path, allowHalfOpen: true });
      socket.on("error", () => {});
      socket.resume();
      for (const chunk of chunks) {
        socket.write(chunk);
        await sleep(5);
      }
      return socket;
    }

    it("are told apart by the first bytes, torn or whole", async () => {
      decide = asAsked;
      for (const [chunks, expected] of [
        [[helloFrame], true],
        [[...helloFrame].map((byte) => Buffer.of(byte)), true],
        [[Buffer.concat([helloFrame, question(1, "allowed")])], true],
        [[frame("hello:2")], false],
        [[frame("hello:11")], false],
        [[frame("auth:a:b:c")], false],
        [[Buffer.of(0), Buffer.of(7), "hello", frame("")], false],
        [[Buffer.of(0)], undefined],
      ] as const) {
        const socket = await firstBytes(...chunks);
        await until(() => isNumbered === expected, `${chunks} is not ${expected}`);
        socket.destroy();
      }
    });

    it("are neither when the caller ends, or the relay stops, before it has said so", async () => {
      const ending = await firstBytes(helloFrame.subarray(0, 8));
      ending.end();
      await until(() => isNumbered === false, "it is waited for");
      const silent = await firstBytes();
      await until(() => isNumbered === undefined && served.length > 0, "it is not waited for");
      stop.abort();
      await until(() => isNumbered === false, "it is waited for");
      silent.destroy();
    });
  });
});

function decisionsOf(questions: readonly { number: number; decision: Decision }[], number: number): string {
  return questions
    .filter((one) => one.number === number)
    .map(({ decision }) => bytes[decision])
    .join("|");
}
