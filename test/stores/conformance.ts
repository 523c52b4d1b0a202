// What every session store must do, told as tests. Called by the test of each store.

import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import type { afterEach as testAfterEach, it as testIt } from "node:test";
import type { SessionStore, StoredValue } from "../../inspector/session-store.ts";
import { whilePaused } from "../real/pause.ts";
import { destroySession, type Ini, runPhp, writeSession, writeSessions } from "../real/php.ts";

export interface Subject {
  readonly store: SessionStore;
  /** The settings that make PHP write where the store reads. */
  readonly ini: Ini;
}

/** Gives what is stored of each, as text. */
export function textsOf(found: ReadonlyMap<string, StoredValue | null>): Map<string, string | null> {
  return new Map([...found].map(([id, stored]) => [id, stored && Buffer.from(stored.bytes).toString()]));
}

/** What getMany gives for the sessions of writeSessions(), for these ids in order. */
export function expectedTexts(ids: readonly string[]): Map<string, string | null> {
  return new Map(ids.map((id, i) => [id, `i|i:${i};`]));
}

/** Tells the demands by this `it`, which knows whether the parts that they need are there. */
export function itReadsWhatPhpWrote(it: typeof testIt, subject: () => Subject): void {
  it("gives the bytes that PHP wrote", async () => {
    const { store, ini } = subject();
    const id = writeSession({ user: "alice", authenticated: true }, ini);
    const stored = await store.getData(id);
    assert.equal(String(stored && Buffer.from(stored.bytes)), 'user|s:5:"alice";authenticated|b:1;');
    assert.equal(stored?.flags, 0);
  });

  it("gives bytes that are no text as they are", async () => {
    const { store, ini } = subject();
    const code = '$all = implode(array_map("chr", range(0, 255))); session_start(); $_SESSION["all"] = $all;';
    const id = runPhp(`${code} echo session_id(); session_write_close();`, ini).toString();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const expected = Buffer.concat([Buffer.from('all|s:256:"'), all, Buffer.from('";')]);
    assert.deepEqual(Buffer.from((await store.getData(id))?.bytes ?? []), expected);
  });

  it("gives null for a session that never was", async () => {
    assert.equal(await subject().store.getData("nobody0has0this0session0id"), null);
  });

  it("gives null for a session that was destroyed", async () => {
    const { store, ini } = subject();
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
    destroySession(id, ini);
    assert.equal(await store.getData(id), null);
  });

  it("gives empty bytes for a session without variables", async () => {
    const { store, ini } = subject();
    const id = writeSession({}, ini);
    assert.equal((await store.getData(id))?.bytes.length, 0);
  });

  it("answers many at once", async () => {
    const { store, ini } = subject();
    const ids = Array.from({ length: 5 }, (_, i) => writeSession({ i }, ini));
    const found = await Promise.all([...ids, ...ids, ...ids].map((id) => store.getData(id)));
    found.forEach((stored, i) => {
      assert.equal(String(stored && Buffer.from(stored.bytes)), `i|i:${i % 5};`);
    });
  });

  it("gives null for the longest session id that there is", async () => {
    assert.equal(await subject().store.getData("x".repeat(256)), null);
  });

  it("gives a hundred sessions in one call, each under its own id", async () => {
    const { store, ini } = subject();
    const ids = writeSessions(100, ini);
    assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
    const backwards = ids.toReversed();
    assert.deepEqual([...(await store.getMany(backwards)).keys()].toSorted(), ids.toSorted());
    assert.deepEqual(textsOf(await store.getMany(backwards)).get(ids[3] ?? ""), "i|i:3;");
  });

  it("has an entry for each of many ids: null for one that never was, is gone, or is too long", async () => {
    const { store, ini } = subject();
    const [here = "", gone = ""] = writeSessions(2, ini);
    destroySession(gone, ini);
    const empty = writeSession({}, ini);
    const missing = ["nobody0has0this0session0id", gone, "x".repeat(256)];
    assert.deepEqual(
      textsOf(await store.getMany([...missing, here, empty])),
      new Map([...missing.map((id) => [id, null] as const), [here, "i|i:0;"], [empty, ""]]),
    );
  });

  it("has one entry for an id that is asked twice, and none where none is asked", async () => {
    const { store, ini } = subject();
    const [id = ""] = writeSessions(1, ini);
    assert.deepEqual(textsOf(await store.getMany([id, id, id])), new Map([[id, "i|i:0;"]]));
    assert.deepEqual(await store.getMany([]), new Map());
  });
}

/** A store on one real server that can be taken away, or made to hang. */
export interface OutageSubject extends Subject {
  readonly pid: number;
  stopServer(): Promise<void>;
  /** Starts one in the place of the one that was stopped. */
  startServer(): Promise<void>;
}

export const someId = "nobody0has0this0session0id";

/** The store's time limit must be 1000 ms. */
export function itOutlivesItsServer(it: typeof testIt, subject: () => OutageSubject): void {
  it("gives null for a session whose lifetime has passed", async () => {
    const { store, ini } = subject();
    const id = writeSession({ user: "alice" }, { ...ini, "session.gc_maxlifetime": 1 });
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    assert.equal(await store.getData(id), null);
  });

  it("is unreachable while the server is away, and finds the next session once it is back", async () => {
    const { store, ini, stopServer, startServer } = subject();
    await stopServer();
    await assert.rejects(store.getData(someId), { name: "StoreError", fault: "store-unreachable" });
    await startServer();
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
  });

  it("finds the session at the first call after the server was restarted in between", async () => {
    const { store, ini, stopServer, startServer } = subject();
    assert.equal(await store.getData(someId), null);
    await stopServer();
    await startServer();
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
  });

  it("times out while the server hangs, and finds the session once it goes on", async () => {
    const { store, ini, pid } = subject();
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
    await whilePaused(pid, async () => {
      const startedMs = performance.now();
      const calls = await Promise.allSettled([store.getData(id), store.getData(id), store.getData(someId)]);
      const tookMs = performance.now() - startedMs;
      assert.deepEqual(
        calls.map(({ status }) => status),
        ["rejected", "rejected", "rejected"],
      );
      assert.ok(tookMs < 2_500, `${tookMs} ms for a limit of 1000 ms`);
    });
    assert.notEqual(await store.getData(id), null);
  });
}

/** What a store and its server say to each other, as far as a stand-in for a broken server needs it. */
export interface Wire {
  /** Gives the store on this port of 127.0.0.1, with a time limit of 400 ms. */
  open(port: number): SessionStore;
  /** Gives the connection on which the questions come, from one as it was accepted. */
  accept(connection: Socket): Socket;
  /** Gives the gets that a chunk holds: it always holds whole ones. */
  requestsOf(chunk: Buffer): Buffer[];
  answer(request: Buffer, value: string): Buffer;
  answerToAnother(request: Buffer): Buffer;
  error(request: Buffer): Buffer;
  readonly garbage: Buffer;
}

/** Every way in which a server was seen, or can be thought, to leave a question open. */
export function itSettlesWithAnyServer(
  { it, afterEach }: { readonly it: typeof testIt; readonly afterEach: typeof testAfterEach },
  wire: Wire,
): void {
  const connections = new Set<Socket>();
  let server: Server | undefined;
  let store: SessionStore | undefined;

  /** `raw` is the connection as it was accepted: below TLS, where there is TLS. */
  type Behaviour = (socket: Socket, raw: Socket) => unknown;

  async function openWith(onConnection: Behaviour): Promise<SessionStore> {
    server = createServer((raw) => {
      connections.add(raw);
      const socket = wire.accept(raw);
      for (const each of [raw, socket]) each.on("error", () => {});
      onConnection(socket, raw);
    });
    const port = await new Promise<number>((resolve) => {
      server?.listen(0, "127.0.0.1", () => {
        const address = server?.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    store = wire.open(port);
    return store;
  }

  afterEach(async () => {
    store?.close();
    for (const connection of connections) connection.destroy();
    await new Promise((resolve) => server?.close(resolve));
  });

  const answerAll: Behaviour = (socket) =>
    socket.on("data", (chunk: Buffer) => {
      const answers = wire.requestsOf(chunk).map((request) => wire.answer(request, "user|N;"));
      socket.write(Buffer.concat(answers));
    });
  const half = (chunk: Buffer) => wire.answer(wire.requestsOf(chunk)[0] as Buffer, "user|N;").subarray(0, -3);

  const misdeeds: Record<string, Behaviour> = {
    "closes each connection at once": (_, raw) => raw.end(),
    "resets each connection": (_, raw) => raw.resetAndDestroy(),
    "accepts each connection and says nothing": (_, raw) => raw.pause(),
    "closes when it is asked": (socket) => socket.on("data", () => socket.end()),
    "never answers": (socket) => socket.resume(),
    "answers garbage": (socket) => socket.on("data", () => socket.write(wire.garbage)),
    "answers half and stalls": (socket) => socket.on("data", (chunk: Buffer) => socket.write(half(chunk))),
    "answers half and closes": (socket) => socket.on("data", (chunk: Buffer) => socket.end(half(chunk))),
    "answers half and resets": (socket, raw) =>
      socket.on("data", (chunk: Buffer) => socket.write(half(chunk), () => raw.resetAndDestroy())),
    "answers other questions": (socket) =>
      socket.on("data", (chunk: Buffer) =>
        socket.write(Buffer.concat(wire.requestsOf(chunk).map((request) => wire.answerToAnother(request)))),
      ),
    "answers with an error": (socket) =>
      socket.on("data", (chunk: Buffer) =>
        socket.write(Buffer.concat(wire.requestsOf(chunk).map((request) => wire.error(request)))),
      ),
  };

  for (const [name, misdeed] of Object.entries(misdeeds)) {
    it(`settles in time when it ${name}, and the next call works`, async () => {
      let isBroken = true;
      const opened = await openWith((socket, raw) => (isBroken ? misdeed : answerAll)(socket, raw));
      const startedMs = performance.now();
      const many = opened.getMany([someId, `${someId}2`]);
      const calls = await Promise.allSettled([opened.getData(someId), opened.getData(someId), many]);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < 1_500, `${tookMs} ms for a limit of 400 ms`);
      for (const call of calls) {
        assert.equal(call.status, "rejected");
        assert.equal(call.reason.name, "StoreError");
        assert.ok(!String(call.reason.stack).includes(someId));
      }
      isBroken = false;
      assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
    });
  }

  it("settles what runs beside a call that times out, and all calls behind it work", async () => {
    let asked = 0;
    const opened = await openWith((socket) =>
      socket.on("data", (chunk: Buffer) => {
        for (const request of wire.requestsOf(chunk))
          if (asked++ > 0) socket.write(wire.answer(request, "a|N;"));
      }),
    );
    const first = opened.getData(someId);
    const beside = Array.from({ length: 10 }, (_, i) => opened.getData(`${someId}${i}`));
    await Promise.allSettled([first, ...beside]);
    const behind = await Promise.all(Array.from({ length: 10 }, (_, i) => opened.getData(`${someId}${i}`)));
    assert.equal(behind.filter((stored) => String(stored?.bytes) === "a|N;").length, 10);
  });

  it("loses no call to a connection that died while nobody used it", async () => {
    const opened = await openWith((socket, raw) => {
      socket.on("data", (chunk: Buffer) => {
        socket.write(wire.answer(wire.requestsOf(chunk)[0] as Buffer, "user|N;"), () =>
          setTimeout(() => raw.resetAndDestroy(), 5),
        );
      });
    });
    for (let i = 0; i < 20; i++) {
      assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
      await new Promise((resolve) => setTimeout(resolve, i % 12));
    }
  });

  for (const isConnected of [false, true]) {
    const when = isConnected ? "that is connected" : "at the first call";
    it(`is asked for a hundred sessions in one write, ${when}`, async () => {
      const chunks: number[] = [];
      const opened = await openWith((socket) => {
        socket.on("data", (chunk: Buffer) => chunks.push(wire.requestsOf(chunk).length));
        answerAll(socket, socket);
      });
      if (isConnected) await opened.getData(someId);
      chunks.splice(0);
      const ids = Array.from({ length: 100 }, (_, i) => `${someId}${i}`);
      assert.equal((await opened.getMany([...ids, ...ids])).size, 100);
      assert.deepEqual(chunks, [100]);
    });
  }

  it("tells of no session when it answers all gets but one", async () => {
    const opened = await openWith((socket) => {
      socket.on("data", (chunk: Buffer) => {
        const requests = wire.requestsOf(chunk).filter((request) => !request.toString().includes("id7"));
        socket.write(Buffer.concat(requests.map((request) => wire.answer(request, "user|N;"))));
      });
    });
    const ids = Array.from({ length: 10 }, (_, i) => `${someId}${i}`);
    await assert.rejects(opened.getMany(ids), { name: "StoreError" });
    assert.equal((await opened.getMany(ids.slice(0, 5))).size, 5);
  });
}
