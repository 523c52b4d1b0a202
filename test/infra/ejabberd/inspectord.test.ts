// The Erlang application without ejabberd: how it asks a relay over its socket, and what it makes of everything that a
// relay may do.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { localKey } from "../../../infra/local/api.ts";
import {
  endWithParent,
  type RunningProcess,
  startProcess,
  stopProcess,
} from "../../../infra/local/process.ts";
import { frame, relayPath } from "../../../infra/local/relay-caller.ts";
import { FrameReader } from "../../../relay/frames.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { framesOf } from "../../relay/frames-of.ts";
import { until } from "../../relay/peer.ts";
import {
  allowGood,
  badSession,
  goodSession,
  type StandIn,
  startStandIn,
} from "../../stand-in/api-gateway.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const directory = temporaryDirectory();
let sockets = 0;
const newPath = () => join(directory, `relay${++sockets}.sock`);

const hello = "hello:1";
const login = (password: string) => `auth:alice:localhost:${password}`;

/** Erlang with the application, told by lines what to ask. */
class Erlang {
  readonly #child: ChildProcess;
  output = "";
  #asked = 0;

  static async start(): Promise<Erlang> {
    const erlang = new Erlang();
    await until(() => erlang.output.startsWith("ready"), "Erlang does not start");
    return erlang;
  }

  private constructor() {
    this.#child = spawn("erl", ["-noshell", "-s", "asker"], {
      env: { ...process.env, ERL_LIBS: directory, ERL_CRASH_DUMP_BYTES: "0" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    endWithParent(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
  }

  /** Returns the answer, and throws if it left something in the mailbox of the process that asked. */
  async ask(path: string, question: string, withinMs = 30_000): Promise<string> {
    const id = ++this.#asked;
    this.#say(`ask ${id} ${withinMs} ${path} ${Buffer.from(question).toString("base64")}`);
    const [, answer, left] = await this.#told(
      new RegExp(`^answer ${id} (\\w+) (\\d+)$`, "m"),
      withinMs + 5_000,
    );
    assert.equal(left, "0");
    return answer ?? "";
  }

  async do(command: string): Promise<void> {
    const before = this.output.split("done\n").length;
    this.#say(command);
    for (let tries = 0; this.output.split("done\n").length === before; tries++) {
      assert.ok(tries < 3_000, `${command} is not done`);
      await sleep(10);
    }
  }

  /** Returns everything that can be seen of the process that holds the connection. */
  async inside(path: string): Promise<string> {
    this.#say(`inside ${path}`);
    const [, text = ""] = await this.#told(/^inside (\S+)$/m, 5_000);
    return Buffer.from(text, "base64").toString();
  }

  async #told(line: RegExp, withinMs: number): Promise<RegExpExecArray> {
    for (const endsAt = performance.now() + withinMs; ; await sleep(5)) {
      const found = line.exec(this.output);
      if (found !== null) return found;
      assert.ok(performance.now() < endsAt, `no ${line}: ${this.output.slice(-500)}`);
    }
  }

  #say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  stop(): Promise<void> {
    return stopProcess(this.#child);
  }
}

/** What a relay does with a frame of a connection. */
type OnFrame = (socket: Socket, payload: Buffer, connection: number) => void;

interface FakeRelay {
  readonly sockets: Socket[];
  onFrame: OnFrame;
  stop(): Promise<void>;
}

async function listen(path: string, onFrame: OnFrame): Promise<FakeRelay> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    const connection = sockets.push(socket);
    const reader = new FrameReader();
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      for (const payload of framesOf(reader, chunk)) relay.onFrame(socket, payload, connection);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const relay: FakeRelay = {
    sockets,
    onFrame,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return relay;
}

/** A relay that knows numbered frames, and is told what to do with questions. */
const numbered =
  (onQuestion: (socket: Socket, number: Buffer, question: string, connection: number) => void): OnFrame =>
  (socket, payload, connection) => {
    if (String(payload) === hello) socket.write(frame(hello));
    else onQuestion(socket, payload.subarray(0, 4), String(payload.subarray(4)), connection);
  };

const answer = (number: Buffer, byte: number) => frame(Buffer.concat([number, Buffer.of(byte)]));

/** Yes to good, no to bad, unknown to all else. */
const byName = numbered((socket, number, question) => {
  const byte = question.endsWith(":good") ? 1 : question.endsWith(":bad") ? 0 : 2;
  socket.write(answer(number, byte));
});

describe("the Erlang application", () => {
  const { it, before, after } = needing("ejabberd");
  let erlang: Erlang;

  before(async () => {
    execFileSync("sh", [join(root, "infra/ejabberd/inspectord/build.sh"), directory], { stdio: "inherit" });
    const ebin = join(directory, "asker", "ebin");
    mkdirSync(ebin, { recursive: true });
    execFileSync("erlc", ["-Wall", "-Werror", "-o", ebin, join(root, "test/infra/ejabberd/asker.erl")]);
    erlang = await Erlang.start();
  });
  after(() => erlang?.stop());

  it("goes on where a path is longer than that of any socket: such a login is unknown", async () => {
    for (const length of [108, 150, 1_000]) {
      const path = `/${"a".repeat(length - 1)}`;
      await erlang.do(`connect ${path}`);
      assert.equal(await erlang.ask(path, login("good"), 300), "unknown");
    }
    assert.match(erlang.output, /no relay at \/a+ \(badarg\)/);
  });

  it("is built without a warning, and each of its modules is named in its .app", () => {
    const files = readdirSync(join(directory, "inspectord", "ebin"));
    const modules = files.filter((name) => name.endsWith(".beam")).map((name) => name.slice(0, -5));
    const listed = execFileSync(
      "erl",
      [
        "-noshell",
        "-eval",
        'application:load(inspectord), {ok, M} = application:get_key(inspectord, modules), io:format("~p", [M]), halt().',
      ],
      { env: { ...process.env, ERL_LIBS: directory }, encoding: "utf8" },
    );
    assert.deepEqual([...listed.matchAll(/\w+/g)].map(String).sort(), modules.sort());
  });

  it("asks over one connection, and gives each asker its own answer, in whatever order they come", async () => {
    const path = newPath();
    const waiting: { socket: Socket; number: Buffer; byte: number }[] = [];
    const relay = await listen(
      path,
      numbered((socket, number, question) => {
        const byte = Number(question.at(-1)) % 3;
        waiting.push({ socket, number, byte });
      }),
    );
    const asked = Array.from({ length: 300 }, (_, at) => erlang.ask(path, login(`x${at % 3}`)));
    await until(() => waiting.length === 300, "not all have come");
    assert.equal(relay.sockets.length, 1);
    for (const { socket, number, byte } of waiting.reverse()) socket.write(answer(number, byte));
    assert.deepEqual(
      await Promise.all(asked),
      Array.from({ length: 300 }, (_, at) => ["no", "yes", "unknown"][at % 3]),
    );
    await relay.stop();
  });

  it("takes nothing for an answer that is not one to its question", async () => {
    const path = newPath();
    const questions: { socket: Socket; number: Buffer; connection: number }[] = [];
    const relay = await listen(
      path,
      numbered((socket, number, _, connection) => questions.push({ socket, number, connection })),
    );
    const asked = erlang.ask(path, login("good"));
    await until(() => questions.length === 1, "it is not asked");
    const [first] = questions as [(typeof questions)[0]];
    const other = Buffer.from(first.number);
    other.writeUInt32BE((other.readUInt32BE() + 1) >>> 0);
    // An answer to nobody, then a frame that is not an answer: the module connects again.
    first.socket.write(answer(other, 1));
    first.socket.write(frame(Buffer.concat([first.number, Buffer.of(3)])));
    await until(() => questions.length === 2, "it is not asked again");
    assert.equal(questions[1]?.connection, 2);
    questions[1]?.socket.write(answer(questions[1].number, 0));
    assert.equal(await asked, "no");
    // Answered already.
    questions[1]?.socket.write(answer(questions[1].number, 1));
    for (const bytes of [frame(""), frame("x"), frame("\0\x01"), frame(hello), frame(Buffer.alloc(60_000))]) {
      const before = relay.sockets.length;
      questions.length = 0;
      const next = erlang.ask(path, login("good"));
      await until(() => questions.length === 1, "it is not asked");
      questions[0]?.socket.write(bytes);
      await until(() => questions.length === 2, "it is not asked again");
      assert.equal(relay.sockets.length, before + 1);
      questions[1]?.socket.write(answer(questions[1].number, 2));
      assert.equal(await next, "unknown");
    }
    await relay.stop();
  });

  it("puts answers together that come in pieces", async () => {
    const path = newPath();
    const relay = await listen(
      path,
      numbered(async (socket, number) => {
        for (const byte of answer(number, 1)) {
          socket.write(Buffer.of(byte));
          await sleep(2);
        }
      }),
    );
    assert.equal(await erlang.ask(path, login("good")), "yes");
    await relay.stop();
  });

  it("waits for a relay that is absent, and asks again what a lost connection had in flight", async () => {
    const path = newPath();
    const early = erlang.ask(path, login("good"));
    await sleep(300);
    let silent = await listen(
      path,
      numbered(() => {}),
    );
    const later = [
      erlang.ask(path, login("bad")),
      erlang.ask(path, login("good")),
      erlang.ask(path, login("?")),
    ];
    await until(() => silent.sockets.length === 1, "it does not connect");
    for (let restart = 0; restart < 3; restart++) {
      await sleep(50);
      await silent.stop();
      silent = await listen(
        path,
        numbered(() => {}),
      );
      await until(() => silent.sockets.length === 1, "it does not connect again");
    }
    await silent.stop();
    const relay = await listen(path, byName);
    assert.equal(await early, "yes");
    assert.deepEqual(await Promise.all(later), ["no", "yes", "unknown"]);
    await relay.stop();
  });

  it("does not know where there is no answer in time, and what comes later reaches nobody", async () => {
    const path = newPath();
    const late: { socket: Socket; number: Buffer }[] = [];
    const relay = await listen(
      path,
      numbered((socket, number) => late.push({ socket, number })),
    );
    assert.equal(await erlang.ask(path, login("good"), 200), "unknown");
    assert.equal(await erlang.ask(newPath(), login("good"), 200), "unknown");
    for (const { socket, number } of late) socket.write(answer(number, 1));
    relay.onFrame = byName;
    assert.equal(await erlang.ask(path, login("bad")), "no");
    await relay.stop();
  });

  it("asks an older relay over a connection a question, and in numbers once there is a newer one", async () => {
    const path = newPath();
    const older: OnFrame = (socket, payload) => {
      socket.write(frame(Buffer.of(0, String(payload).endsWith(":good") ? 1 : 0)));
    };
    const relay = await listen(path, older);
    assert.equal(await erlang.ask(path, login("good")), "yes");
    assert.equal(await erlang.ask(path, login("bad")), "no");
    const many = await Promise.all(Array.from({ length: 50 }, () => erlang.ask(path, login("good"))));
    assert.deepEqual(new Set(many), new Set(["yes"]));
    // One for hello, and one for each question.
    assert.equal(relay.sockets.length, 1 + 52);
    for (const bytes of [
      frame("x"),
      frame(Buffer.of(0, 2)),
      frame(Buffer.of(1, 1)),
      frame(Buffer.of(0, 1, 1)),
    ]) {
      relay.onFrame = (socket, payload) => socket.write(String(payload) === hello ? frame("\0\0") : bytes);
      assert.equal(await erlang.ask(path, login("good")), "unknown");
    }
    relay.onFrame = () => {};
    assert.equal(await erlang.ask(path, login("good"), 200), "unknown");
    await relay.stop();
    const restarted = erlang.ask(path, login("good"));
    await sleep(300);
    const newer = await listen(path, (...args) => {
      if (String(args[1]) === hello || args[1][0] === 0) byName(...args);
      else older(...args);
    });
    assert.equal(await restarted, "yes");
    const numberedSocket = () => newer.sockets.length;
    await until(() => numberedSocket() > 0, "it does not connect");
    for (let tries = 0; ; tries++) {
      const before = numberedSocket();
      assert.equal(await erlang.ask(path, login("good")), "yes");
      if (numberedSocket() === before) break;
      assert.ok(tries < 150, "it keeps to a connection a question");
      await sleep(100);
    }
    await newer.stop();
  });

  it("asks on over a connection a question where hello ends the connection", async () => {
    const path = newPath();
    const relay = await listen(path, (socket, payload) => {
      if (String(payload) === hello) socket.destroy();
      else socket.write(frame("\0\x01"));
    });
    assert.equal(await erlang.ask(path, login("good")), "yes");
    await relay.stop();
  });

  it("connects some ten times a second at most to a relay that ends each connection", async () => {
    const path = newPath();
    const relay = await listen(path, (socket, payload) => {
      if (String(payload) === hello) socket.end(frame(hello));
    });
    const asked = erlang.ask(path, login("good"), 1_000);
    assert.equal(await asked, "unknown");
    assert.ok(relay.sockets.length <= 12, `${relay.sockets.length} connections`);
    await relay.stop();
  });

  it("leaves a listener that says nothing to hello, and does not know meanwhile", async () => {
    const path = newPath();
    const relay = await listen(path, () => {});
    assert.equal(await erlang.ask(path, login("good"), 500), "unknown");
    await until(() => relay.sockets.length === 1, "it does not connect");
    const asked = erlang.ask(path, login("good"), 10_000);
    await sleep(200);
    relay.onFrame = byName;
    assert.equal(await asked, "yes");
    assert.equal(relay.sockets.length, 2);
    assert.match(erlang.output, /is silent: is it the relay\?/);
    await relay.stop();
  });

  it("asks again when its own process is killed, or its supervisor", async () => {
    const path = newPath();
    let asked = 0;
    const relay = await listen(
      path,
      numbered(() => {
        asked++;
      }),
    );
    const answers = Array.from({ length: 20 }, () => erlang.ask(path, login("good"), 10_000));
    await until(() => asked === 20, "not all have come");
    await erlang.do(`kill ${path}`);
    await until(() => asked === 40, "not all have come again");
    relay.onFrame = byName;
    await erlang.do("stop");
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(["yes"]));
    await relay.stop();
  });

  it("does not look again for a relay whose socket a reload took away, and says so to those who wait", async () => {
    const [old, next] = [newPath(), newPath()];
    const relay = await listen(next, byName);
    const other = await Erlang.start();
    const waiting = Array.from({ length: 20 }, () => other.ask(old, login("good"), 20_000));
    await until(() => other.output.includes(`no relay at ${old}`), "nobody looks for it");
    await other.do(`connect ${next}`);
    await other.do(`keep ${next}`);
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["moved"]));
    assert.equal(await other.ask(old, login("good"), 20_000), "moved");
    const late = await listen(old, byName);
    await sleep(500);
    assert.equal(late.sockets.length, 0);
    assert.equal(await other.ask(next, login("good"), 20_000), "yes");
    // The next reload may name it again.
    await other.do(`connect ${old}`);
    assert.equal(await other.ask(old, login("good"), 20_000), "yes");
    await Promise.all([other.stop(), relay.stop(), late.stop()]);
  });

  it("has nothing of a login in its process, its state or its log", async () => {
    const path = newPath();
    let questions = 0;
    const relay = await listen(
      path,
      numbered((socket, number) => {
        if (++questions > 40) socket.write(answer(number, 1));
      }),
    );
    const secret = "s3cr3t";
    const answers = Array.from({ length: 40 }, (_, at) => erlang.ask(path, login(`${secret}${at}`)));
    await until(() => questions === 40, "not all have come");
    const inside = await erlang.inside(path);
    assert.match(inside, /inspectord_connection/);
    assert.doesNotMatch(inside, /s3cr3t|alice/);
    await erlang.do(`kill ${path}`);
    await Promise.all(answers);
    const log = erlang.output;
    assert.match(log, /SUPERVISOR REPORT|Supervisor/i);
    assert.doesNotMatch(log, /s3cr3t|alice/);
    await relay.stop();
  });

  it("says in its log when a relay is not there, and once", async () => {
    const path = newPath();
    assert.equal(await erlang.ask(path, login("good"), 600), "unknown");
    assert.equal(erlang.output.split(`no relay at ${path}`).length, 2);
  });

  describe("and the bundled relay", () => {
    let api: StandIn;
    let relay: RunningProcess;
    before(async () => {
      api = await startStandIn(allowGood, { verifies: true });
    });
    after(() => api?.stop());

    it("know yes, no and unknown of each other", async () => {
      const path = newPath();
      relay = await startProcess({
        command: process.execPath,
        args: [relayPath, api.url, "--listen", path, "--region", "eu-central-1"],
        env: { ...process.env, ...localKey },
        isReady: (output) => output.includes("listening"),
      });
      assert.equal(await erlang.ask(path, login(goodSession)), "yes");
      assert.equal(await erlang.ask(path, login(badSession)), "no");
      api.reply = (_, response) => response.writeHead(503).end('{"error":"unavailable"}');
      assert.equal(await erlang.ask(path, login(goodSession)), "unknown");
      assert.match(relay.output(), /code=unavailable/);
      await relay.stop();
    });
  });
});
