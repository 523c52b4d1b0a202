// What every session store must do, told as tests. Called by the test of each store.

import assert from "node:assert/strict";
import dns from "node:dns";
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

/** Returns what is stored of all of these; throws the store's fault where it cannot tell of one. */
export async function getAll(
  store: SessionStore,
  sessionIds: readonly string[],
): Promise<ReadonlyMap<string, StoredValue | null>> {
  const { stored, faults } = await store.getMany(sessionIds);
  const [fault] = faults;
  if (fault !== undefined) throw fault;
  assert.equal(stored.size, new Set(sessionIds).size);
  return stored;
}

/** Returns what is stored of each, as text. */
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
    assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    const backwards = ids.toReversed();
    assert.deepEqual([...(await getAll(store, backwards)).keys()].toSorted(), ids.toSorted());
    assert.deepEqual(textsOf(await getAll(store, backwards)).get(ids[3] ?? ""), "i|i:3;");
  });

  it("has an entry for each of many ids: null for one that never was, is gone, or is too long", async () => {
    const { store, ini } = subject();
    const [here = "", gone = ""] = writeSessions(2, ini);
    destroySession(gone, ini);
    const empty = writeSession({}, ini);
    const missing = ["nobody0has0this0session0id", gone, "x".repeat(256)];
    assert.deepEqual(
      textsOf(await getAll(store, [...missing, here, empty])),
      new Map([...missing.map((id) => [id, null] as const), [here, "i|i:0;"], [empty, ""]]),
    );
  });

  it("has one entry for an id that is asked twice, and none where none is asked", async () => {
    const { store, ini } = subject();
    const [id = ""] = writeSessions(1, ini);
    assert.deepEqual(textsOf(await getAll(store, [id, id, id])), new Map([[id, "i|i:0;"]]));
    assert.deepEqual(await getAll(store, []), new Map());
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
      const calls = await Promise.allSettled([store.getData(id), store.getData(id), store.getData(someId)]);
      assert.deepEqual(
        calls.map((call) => call.status === "rejected" && call.reason.fault),
        ["store-timeout", "store-timeout", "store-timeout"],
      );
    });
    assert.notEqual(await store.getData(id), null);
  });

  it("ends a question about many by its caller's limit where that is shorter, and by its own where not", async () => {
    const { store, ini, pid } = subject();
    const id = writeSession({ user: "alice" }, ini);
    await whilePaused(pid, async () => {
      const ended: string[] = [];
      const ask = async (name: string, limitMs?: number) => {
        const { stored, faults } = await store.getMany([id, someId], limitMs);
        assert.equal(stored.size, 0);
        assert.equal(faults[0]?.fault, "store-timeout");
        ended.push(name);
      };
      // One after the other: what fails takes all that waits on the same connection along.
      const short = ask("short", 50);
      const fuse = new Promise<void>((resolve) => setTimeout(resolve, 700)).then(() => ended.push("fuse"));
      await short;
      await fuse;
      const long = ask("long", 60_000);
      const end = new Promise<void>((resolve) => setTimeout(resolve, 20_000)).then(() => ended.push("end"));
      await Promise.race([long, end]);
      assert.deepEqual(ended, ["short", "fuse", "long"]);
    });
    assert.notEqual((await getAll(store, [id])).get(id), null);
  });
}

/** What a store on several parts has of sessions while one of its parts is away. */
export interface PartialSubject {
  readonly store: SessionStore;
  /** The texts of the sessions on the other parts. */
  readonly found: ReadonlyMap<string, string | null>;
  readonly lost: readonly string[];
  readonly fault: string;
}

/** Demands of getMany what is found to be told, and what is not found to be left out. */
export async function tellsOfAPart({ store, found, lost, fault }: PartialSubject): Promise<void> {
  assert.ok(found.size > 0 && lost.length > 0);
  const ids = [...found.keys(), ...lost];
  const { stored, faults } = await store.getMany(ids.toSorted());
  assert.deepEqual(new Map([...textsOf(stored)].toSorted()), new Map([...found].toSorted()));
  assert.ok(faults.length > 0);
  for (const error of faults) assert.deepEqual([error.name, error.fault], ["StoreError", fault]);
  await assert.rejects(store.getData(lost[0] ?? ""), { name: "StoreError", fault });
  // Whoever asks for those that can be found alone hears of no fault.
  assert.deepEqual((await store.getMany([...found.keys()])).faults, []);
}

/** What a store and its server say to each other, as far as a stand-in for a broken server needs it. */
export interface Wire {
  /** Returns the store on this port of this host. */
  open(port: number, timeoutMs: number, host?: string): SessionStore;
  /** Returns the connection on which the questions come, from one as it was accepted. */
  accept(connection: Socket): Socket;
  /** Returns the gets that a chunk holds: it always holds whole ones. */
  requestsOf(chunk: Buffer): Buffer[];
  answer(request: Buffer, value: string): Buffer;
  answerToAnother(request: Buffer): Buffer;
  error(request: Buffer): Buffer;
  /** The detail of the fault that such an error is. */
  readonly errorDetail: string;
  /** What servers of other protocols say. */
  readonly foreign: Readonly<Record<string, Buffer>>;
}

/** What a server of HTTP and one of mail say. */
export const foreignBanners = {
  HTTP: Buffer.from("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
  SMTP: Buffer.from("220 mail.example.org ESMTP\r\n"),
} as const;

/** The end of a connection, as the system tells it: by a FIN, or by a RST while it is made, before or while it is written on. */
const closing = /^(?:connection-closed|ECONNRESET|ECONNREFUSED|EPIPE|ECONNABORTED)$/;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
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

  async function openWith(
    onConnection: Behaviour,
    { timeoutMs = 400, host }: { readonly timeoutMs?: number; readonly host?: string } = {},
  ): Promise<SessionStore> {
    server = createServer((raw) => {
      connections.add(raw);
      raw.once("close", () => connections.delete(raw));
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
    store = wire.open(port, timeoutMs, host);
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

  /** What the server does, and the fault that it is: "store-timeout" only where nothing else could be known earlier. */
  const misdeeds: Record<string, readonly [Behaviour, fault: string, detail: RegExp]> = {
    "closes each connection at once": [(_, raw) => raw.end(), "store-unreachable", closing],
    "resets each connection": [(_, raw) => raw.resetAndDestroy(), "store-unreachable", closing],
    "accepts each connection and says nothing": [(_, raw) => raw.pause(), "store-timeout", /^$/],
    "closes when it is asked": [
      (socket) => socket.on("data", () => socket.end()),
      "store-unreachable",
      closing,
    ],
    "never answers": [(socket) => socket.resume(), "store-timeout", /^$/],
    "answers half and stalls": [
      (socket) => socket.on("data", (chunk: Buffer) => socket.write(half(chunk))),
      "store-timeout",
      /^$/,
    ],
    "answers half and closes": [
      (socket) => socket.on("data", (chunk: Buffer) => socket.end(half(chunk))),
      "store-unreachable",
      closing,
    ],
    "answers half and resets": [
      (socket, raw) =>
        socket.on("data", (chunk: Buffer) => socket.write(half(chunk), () => raw.resetAndDestroy())),
      "store-unreachable",
      closing,
    ],
    "answers other questions": [
      (socket) =>
        socket.on("data", (chunk: Buffer) =>
          socket.write(Buffer.concat(wire.requestsOf(chunk).map((request) => wire.answerToAnother(request)))),
        ),
      "store-unreachable",
      /^bad-reply$/,
    ],
    "answers with an error": [
      (socket) =>
        socket.on("data", (chunk: Buffer) =>
          socket.write(Buffer.concat(wire.requestsOf(chunk).map((request) => wire.error(request)))),
        ),
      "store-refused",
      new RegExp(`^${wire.errorDetail}$`),
    ],
    ...Object.fromEntries(
      Object.entries(wire.foreign).map(([protocol, banner]) => [
        `speaks ${protocol}, and keeps the connection open`,
        [
          (socket: Socket) => socket.on("data", () => socket.write(banner)),
          "store-unreachable",
          /^bad-reply$/,
        ],
      ]),
    ),
  };

  for (const [name, [misdeed, fault, detail]] of Object.entries(misdeeds)) {
    it(`settles when it ${name}, and the next call works`, async () => {
      let isBroken = true;
      const opened = await openWith((socket, raw) => (isBroken ? misdeed : answerAll)(socket, raw));
      const many = getAll(opened, [someId, `${someId}2`]);
      const calls = await Promise.allSettled([opened.getData(someId), many]);
      for (const call of calls) {
        assert.equal(call.status, "rejected");
        const { reason } = call;
        assert.deepEqual([reason.name, reason.fault], ["StoreError", fault]);
        assert.match(reason.detail ?? "", detail);
        assert.ok(!String(reason.stack).includes(someId));
      }
      isBroken = false;
      assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
    });
  }

  it("finds the session on a second connection when the first stays silent", async () => {
    let opening = 0;
    const opened = await openWith((socket, raw) => {
      if (opening++ === 0) raw.pause();
      else answerAll(socket, raw);
    });
    assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
    assert.equal(opening, 2);
  });

  it("holds at most one connection after ten calls that failed", async () => {
    let opening = 0;
    const opened = await openWith(
      (socket) => {
        opening++;
        socket.resume();
      },
      { timeoutMs: 40 },
    );
    for (let i = 0; i < 10; i++) await assert.rejects(opened.getData(someId), { fault: "store-timeout" });
    for (let i = 0; i < 500 && connections.size > 1; i++) await nextTurn();
    assert.ok(connections.size <= 1, `${connections.size} of ${opening} connections`);
  });

  function answerAndEnd(socket: Socket, ends: boolean): void {
    socket.on("data", (chunk: Buffer) => {
      socket.write(Buffer.concat(wire.requestsOf(chunk).map((request) => wire.answer(request, "user|N;"))));
      if (ends) socket.end();
    });
  }

  it("loses neither of its two tries to a connection that the server closed while nobody used it", async () => {
    let opening = 0;
    const opened = await openWith((socket, raw) => {
      opening++;
      if (opening === 2) raw.pause();
      else answerAndEnd(socket, opening === 1);
    });
    assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
    // The store has closed its side by then.
    while (connections.size > 0) await nextTurn();
    assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
    assert.equal(opening, 3);
  });

  it("reaches the server where the first of its two addresses is dead", async (context) => {
    const addresses = ["127.0.0.2", "127.0.0.1"].map((address) => ({ address, family: 4 }));
    const { lookup } = dns;
    const found = (host: string, ...others: unknown[]) => {
      const [options, done] = others.length > 1 ? others : [{}, ...others];
      if (host !== "localhost") return Reflect.apply(lookup, dns, [host, ...others]);
      const isAll = (options as { all?: boolean }).all === true;
      (done as (...answer: unknown[]) => void)(null, ...(isAll ? [addresses] : ["127.0.0.2", 4]));
    };
    context.mock.method(dns, "lookup", found as never);
    const opened = await openWith(answerAll, { host: "localhost", timeoutMs: 2_000 });
    assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
  });

  it("settles what runs beside a call that times out, and all calls after it work", async () => {
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
    const after = await Promise.all(Array.from({ length: 10 }, (_, i) => opened.getData(`${someId}${i}`)));
    assert.equal(after.filter((stored) => String(stored?.bytes) === "a|N;").length, 10);
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
      assert.equal((await getAll(opened, [...ids, ...ids])).size, 100);
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
    await assert.rejects(getAll(opened, ids), { name: "StoreError" });
    assert.equal((await getAll(opened, ids.slice(0, 5))).size, 5);
  });
}
