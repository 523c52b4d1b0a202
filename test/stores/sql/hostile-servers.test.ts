// Servers of MySQL and PostgreSQL that do what no real one does: each look-up ends in time with a fault, nothing is
// thrown outside of it, no password goes where it must not, and the next look-up works.

import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { describe } from "node:test";
import { createSecureContext, TLSSocket } from "node:tls";
import type { SessionStore } from "../../../inspector/session-store.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { openSql } from "../../../stores/sql/open-sql.ts";
import { readSqlUrl } from "../../../stores/sql/sql-url.ts";
import { makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { foreignBanners, someId } from "../conformance.ts";

const { it, before, after, afterEach } = needing("openssl");
const password = "geheim0password";
const sockets = new Set<Socket>();
const thrown: unknown[] = [];
const note = (error: unknown) => thrown.push(error);
let server: Server | undefined;
let store: SessionStore | undefined;
let heard = "";

before(() => process.on("uncaughtException", note).on("unhandledRejection", note));
after(() => process.off("uncaughtException", note).off("unhandledRejection", note));
afterEach(async () => {
  store?.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  heard = "";
  assert.deepEqual(thrown.splice(0), []);
});

type Behaviour = (socket: Socket) => void;

async function listen(behave: Behaviour): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
    });
    behave(socket);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Opening {
  readonly timeoutMs?: number;
  readonly isEncrypted?: boolean;
  readonly authority?: Buffer;
}

async function open(
  scheme: "mysql" | "postgres",
  port: number,
  { timeoutMs = 4000, isEncrypted = false, authority }: Opening = {},
): Promise<SessionStore> {
  const options = "table=sessions&id=id&data=data&expires=expires";
  const url = readSqlUrl(`${scheme}://inspectord@127.0.0.1:${port}/site?${options}`);
  assert.ok(!("problem" in url));
  store = await openSql(
    { ...url, isEncrypted, host: isEncrypted ? "localhost" : url.host, password: () => password },
    {
      keyOf: keysWithPrefix(""),
      timeoutMs,
      nowMs: () => performance.now(),
      timeMs: () => Date.now(),
      identity: () => undefined,
      ...(authority && { authority: [authority] }),
    },
  );
  return store;
}

/** A packet of MySQL's protocol. */
function packet(sequence: number, ...parts: readonly (string | readonly number[] | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) =>
      typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part as Buffer),
    ),
  );
  return Buffer.concat([
    Buffer.from([body.length & 0xff, body.length >> 8, body.length >> 16, sequence]),
    body,
  ]);
}

const scramble = "abcdefghijklmnopqrst";
/** Protocol 10 with what a server of today can, TLS aside where `flags` lacks it. */
function greeting(plugin = "mysql_native_password", low = 0xff, high = 0xf7): Buffer {
  const upper = [0xff, 0x81];
  const head = [0x0a, ..."5.7.0-fake\0".split("").map((char) => char.charCodeAt(0)), 1, 0, 0, 0];
  return packet(
    0,
    head,
    scramble.slice(0, 8),
    [0, low, high, 33, 2, 0, ...upper, 21],
    Buffer.alloc(10),
    scramble.slice(8),
    [0],
    plugin,
    [0],
  );
}
const ok = (sequence: number) => packet(sequence, [0, 0, 0, 2, 0, 0, 0]);
/** Of the text "name", of this type. */
function column(sequence: number, type = 0xfd): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return packet(sequence, text("def"), text(""), text(""), text(""), text("name"), text(""), [
    0x0c,
    45,
    0,
    255,
    255,
    0,
    0,
    type,
    0,
    0,
    0,
    0,
    0,
  ]);
}
const eof = (sequence: number) => packet(sequence, [0xfe, 0, 0, 2, 0]);
const prepared = (columns: number, parameters: number) =>
  packet(1, [0, 1, 0, 0, 0, columns, 0, parameters, 0, 0, 0, 0]);

/** What a server says to each command: the greeting, the answer to the password, then by the command's number. */
function mysqlServer(says: {
  readonly greeting?: Buffer;
  readonly login?: Buffer;
  readonly query?: Buffer;
  readonly prepare?: Buffer;
  readonly execute?: Buffer | ((socket: Socket) => void);
}): Behaviour {
  return (socket) => {
    let isIn = false;
    socket.write(says.greeting ?? greeting());
    socket.on("data", (chunk: Buffer) => {
      if (!isIn) {
        isIn = true;
        socket.write(says.login ?? ok(2));
        return;
      }
      const command = chunk[4];
      if (command === 0x03) socket.write(says.query ?? ok(1));
      else if (command === 0x16)
        socket.write(
          says.prepare ??
            Buffer.concat([
              prepared(6, 1),
              column(2),
              eof(3),
              ...Array.from({ length: 6 }, (_, i) => column(4 + i)),
              eof(10),
            ]),
        );
      else if (command === 0x17 && typeof says.execute === "function") says.execute(socket);
      else if (command === 0x17 && says.execute !== undefined) socket.write(says.execute as Buffer);
    });
  };
}

const sixColumns = Buffer.concat([
  packet(1, [6]),
  ...Array.from({ length: 6 }, (_, i) => column(2 + i)),
  eof(8),
]);
const fill = Buffer.alloc(60_000, 0x61);

const ofMysql: Readonly<Record<string, readonly [Behaviour, RegExp]>> = {
  "closes each connection": [(socket) => socket.end(), /^store-unreachable/],
  "resets each connection": [(socket) => socket.resetAndDestroy(), /^store-unreachable/],
  "says nothing": [() => {}, /^store-timeout/],
  "greets with HTTP": [(socket) => socket.write(foreignBanners.HTTP), /^store-(?:unreachable|timeout)/],
  "greets with what mail greets with": [
    (socket) => socket.write(foreignBanners.SMTP),
    /^store-(?:unreachable|timeout)/,
  ],
  "greets with an empty packet": [(socket) => socket.write(packet(0)), /^store-unreachable/],
  "greets with half a packet": [(socket) => socket.write(greeting().subarray(0, 20)), /^store-timeout/],
  "sends greetings without end": [endless(greeting()), /^store-/],
  "refuses at the greeting": [
    (socket) => socket.end(packet(0, [0xff, 0x10, 0x04], "Too many connections")),
    /^store-refused too-many-connections/,
  ],
  "asks for the password as it is": [
    mysqlServer({ login: packet(2, [0xfe], "mysql_clear_password\0", "\0") }),
    /^store-unreachable/,
  ],
  "asks for it from the greeting on": [
    mysqlServer({
      greeting: greeting("mysql_clear_password"),
      login: packet(2, [0xfe], "mysql_clear_password\0", "\0"),
    }),
    /^store-unreachable/,
  ],
  "asks for it by an unknown method": [
    mysqlServer({ login: packet(2, [0xfe], "dialog\0", "Password:\0") }),
    /^store-unreachable/,
  ],
  "asks for the oldest kind of password": [mysqlServer({ login: packet(2, [0xfe]) }), /^store-/],
  "asks for a file of this machine": [
    mysqlServer({
      query: packet(1, [0xfb], "/etc/passwd"),
      prepare: packet(1, [0xfb], "/etc/passwd"),
      execute: packet(1, [0xfb], "/etc/passwd"),
    }),
    /^store-/,
  ],
  "asks for a file when it is asked for a session": [
    mysqlServer({ execute: packet(1, [0xfb], "/etc/passwd") }),
    /^store-/,
  ],
  "prepares what was not asked for": [
    mysqlServer({ prepare: Buffer.concat([prepared(1, 9), column(2)]) }),
    /^store-timeout/,
  ],
  "answers with other columns": [
    mysqlServer({
      execute: Buffer.concat([packet(1, [1]), column(2), eof(3), packet(4, [0, 0, 1, 0x61]), eof(5)]),
    }),
    /^store-unreachable bad-reply/,
  ],
  "answers with no columns": [mysqlServer({ execute: ok(1) }), /^store-unreachable bad-reply/],
  "answers with a row that is cut": [
    mysqlServer({ execute: Buffer.concat([sixColumns, packet(9, [0, 0, 250, 0x61]), eof(10)]) }),
    /^store-unreachable/,
  ],
  "answers with a length that nothing has": [
    mysqlServer({
      execute: Buffer.concat([
        sixColumns,
        packet(9, [0, 0, 0xfe, 255, 255, 255, 255, 255, 255, 255, 255]),
        eof(10),
      ]),
    }),
    /^store-unreachable/,
  ],
  "answers with a type that is none": [
    mysqlServer({
      execute: Buffer.concat([
        packet(1, [6]),
        ...Array.from({ length: 6 }, (_, i) => column(2 + i, 0x42)),
        eof(8),
        packet(9, [0, 0, 1, 0x61]),
        eof(10),
      ]),
    }),
    /^store-unreachable/,
  ],
  "answers with rows without end": [
    mysqlServer({
      execute: (socket) => {
        socket.write(sixColumns);
        // Numbered as a server numbers them: from 0 again after 255.
        const rows = Array.from({ length: 256 }, (_, i) =>
          packet((9 + i) % 256, [0, 0], ...Array(6).fill([1, 0x61])),
        );
        endless(Buffer.concat(rows))(socket);
      },
    }),
    /^store-unreachable value-too-long/,
  ],
  "answers with a value without end": [
    mysqlServer({
      execute: (socket) => {
        socket.write(sixColumns);
        socket.write(Buffer.from([0xff, 0xff, 0xff, 9]));
        endless(fill)(socket);
      },
    }),
    /^store-unreachable value-too-long/,
  ],
  "goes on where nobody asked": [mysqlServer({ login: Buffer.concat([ok(2), ok(3), ok(4)]) }), /^store-/],
  "numbers its packets wrong": [
    mysqlServer({ prepare: packet(7, [0xff, 0x48, 0x04], "#HY000", "no") }),
    /^store-unreachable bad-reply/,
  ],
};

/** Writes this again and again, as long as the other side reads. */
function endless(part: Buffer): Behaviour {
  const chunk = Buffer.concat(Array.from({ length: Math.ceil(60_000 / part.length) }, () => part));
  return (socket) => {
    const write = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on("drain", write);
    write();
  };
}

/** A message of PostgreSQL's protocol. */
function message(type: string, ...parts: readonly (string | readonly number[] | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) =>
      typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part as Buffer),
    ),
  );
  const head = Buffer.alloc(5);
  head.write(type, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const authenticated = message("R", [0, 0, 0, 0]);
const ready = message("Z", "I");
const described = (columns: number) =>
  message(
    "T",
    [0, columns],
    ...Array.from({ length: columns }, () =>
      Buffer.concat([
        Buffer.from("name\0"),
        Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]),
      ]),
    ),
  );
const value = (text: string) => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
const complete = message("C", "SELECT 1\0");
const begins = Buffer.concat([message("1"), message("2")]);

function postgresServer(says: {
  readonly login?: Buffer;
  readonly set?: Buffer;
  readonly execute?: Buffer | ((socket: Socket) => void);
}): Behaviour {
  return (socket) => {
    let asked = 0;
    socket.on("data", (chunk: Buffer) => {
      asked++;
      if (asked === 1) return socket.write(says.login ?? Buffer.concat([authenticated, ready]));
      if (chunk[0] === 0x51) return socket.write(says.set ?? Buffer.concat([message("C", "SET\0"), ready]));
      if (typeof says.execute === "function") return says.execute(socket);
      return says.execute !== undefined && socket.write(says.execute);
    });
  };
}

const ofPostgres: Readonly<Record<string, readonly [Behaviour, RegExp]>> = {
  "closes each connection": [(socket) => socket.end(), /^store-unreachable/],
  "resets each connection": [(socket) => socket.resetAndDestroy(), /^store-unreachable/],
  "says nothing": [() => {}, /^store-timeout/],
  "greets with HTTP": [(socket) => socket.write(foreignBanners.HTTP), /^store-/],
  "greets with what mail greets with": [(socket) => socket.write(foreignBanners.SMTP), /^store-/],
  "sends greetings without end": [endless(authenticated), /^store-unreachable value-too-long/],
  "asks for the password as it is": [
    postgresServer({ login: message("R", [0, 0, 0, 3]) }),
    /^store-untrusted no-tls/,
  ],
  "asks for it by an unknown method": [
    postgresServer({ login: message("R", [0, 0, 0, 99]) }),
    /^store-unreachable/,
  ],
  "asks for it by no method of SASL": [
    postgresServer({ login: message("R", [0, 0, 0, 10], "NONE\0\0") }),
    /^store-unreachable/,
  ],
  "says that the password is right without asking": [
    postgresServer({ login: message("R", [0, 0, 0, 12], "v=abc") }),
    /^store-(?:unreachable|timeout)/,
  ],
  "says what is no message": [postgresServer({ login: Buffer.alloc(64, 0xff) }), /^store-/],
  "tells a length below zero": [
    postgresServer({ execute: Buffer.from([0x44, 0xff, 0xff, 0xff, 0xf0, 0, 1]) }),
    /^store-/,
  ],
  "tells of a column that is cut": [
    postgresServer({ execute: Buffer.concat([begins, message("T", [0, 9], "name\0")]) }),
    /^store-unreachable/,
  ],
  "answers with other columns": [
    postgresServer({
      execute: Buffer.concat([begins, described(1), message("D", [0, 1], value("a")), complete, ready]),
    }),
    /^store-unreachable bad-reply/,
  ],
  "answers with no columns": [
    postgresServer({ execute: Buffer.concat([begins, message("n"), complete, ready]) }),
    /^store-unreachable bad-reply/,
  ],
  "answers with a row of more columns than it told": [
    postgresServer({
      execute: Buffer.concat([
        begins,
        described(5),
        message("D", [0, 9], ...Array.from({ length: 9 }, () => value("a"))),
        complete,
        ready,
      ]),
    }),
    /^store-/,
  ],
  "answers with a row that is cut": [
    postgresServer({
      execute: Buffer.concat([
        begins,
        described(5),
        message("D", [0, 5], [0, 0, 1, 0, 0x61]),
        complete,
        ready,
      ]),
    }),
    /^store-/,
  ],
  "answers with a row before its columns": [
    postgresServer({ execute: Buffer.concat([begins, message("D", [0, 1], value("a")), complete, ready]) }),
    /^store-/,
  ],
  "answers with rows without end": [
    postgresServer({
      execute: (socket) => {
        socket.write(Buffer.concat([begins, described(5)]));
        endless(message("D", [0, 5], ...Array.from({ length: 5 }, () => value("a"))))(socket);
      },
    }),
    /^store-unreachable value-too-long/,
  ],
  "answers with a value without end": [
    postgresServer({
      execute: (socket) => {
        socket.write(
          Buffer.concat([
            begins,
            described(5),
            Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff, 0, 5, 0x7f, 0, 0, 0]),
          ]),
        );
        endless(fill)(socket);
      },
    }),
    /^store-unreachable value-too-long/,
  ],
  "asks for data in place of an answer": [
    postgresServer({ execute: Buffer.concat([begins, message("G", [0, 0, 0]), ready]) }),
    /^store-/,
  ],
  "talks on after it has answered": [
    postgresServer({ login: Buffer.concat([authenticated, ready, complete, ready]) }),
    /^store-/,
  ],
  "refuses with an error of no known code": [
    postgresServer({
      execute: Buffer.concat([
        message("E", "SERROR\0VERROR\0CXX999\0Mnobody0has0this0session0id\0\0"),
        ready,
      ]),
    }),
    /^store-refused unknown-status/,
  ],
};

for (const [scheme, misdeeds] of [
  ["mysql", ofMysql],
  ["postgres", ofPostgres],
] as const) {
  describe(`a look-up at a server of ${scheme}`, () => {
    for (const [name, [behave, fault]] of Object.entries(misdeeds)) {
      it(`ends in time where it ${name}, and tells no password`, async () => {
        // Where nothing else need be known earlier, the limit is what is waited for.
        const timeoutMs = fault.source.includes("timeout") || fault.source === "^store-" ? 200 : 4000;
        const opened = await open(scheme, await listen(behave), { timeoutMs });
        const error = await opened.getData(someId).then(
          (found) => assert.fail(`it found ${JSON.stringify(found)}`),
          (error) => error,
        );
        assert.equal(error.name, "StoreError", String(error.stack));
        assert.match([error.fault, error.detail].filter(Boolean).join(" "), fault);
        assert.doesNotMatch(`${error.message}${error.detail}`, new RegExp(someId));
        const { faults } = await opened.getMany([someId, "other0"]);
        assert.equal(faults.length, 1);
        assert.ok(!heard.includes(password));
      });
    }

    it("holds at most one connection after ten look-ups that nobody answered", async () => {
      const opened = await open(scheme, await listen(() => {}), { timeoutMs: 40 });
      for (let i = 0; i < 10; i++) await assert.rejects(opened.getData(someId), { fault: "store-timeout" });
      for (let i = 0; i < 500 && sockets.size > 1; i++)
        await new Promise((resolve) => setTimeout(resolve, 10));
      assert.ok(sockets.size <= 1, `${sockets.size} connections`);
    });

    it("ends where the certificate is another host's, before anything of the account was told", async () => {
      const other = makeCertificate(temporaryDirectory(), "other.example.org");
      const begin = (socket: Socket, answer: Buffer | undefined, bytes: number) =>
        socket.once("data", (request: Buffer) => {
          if (answer !== undefined) socket.write(answer);
          socket.pause();
          socket.unshift(request.subarray(bytes));
          const secureContext = createSecureContext({ key: other.key, cert: other.cert });
          const tls = new TLSSocket(socket, { isServer: true, secureContext });
          tls
            .on("error", () => {})
            .on("data", (chunk) => {
              heard += chunk.toString("latin1");
            });
        });
      const behave: Behaviour = (socket) => {
        if (scheme === "mysql") socket.write(greeting("mysql_native_password", 0xff, 0xff));
        begin(socket, scheme === "mysql" ? undefined : Buffer.from("S"), scheme === "mysql" ? 36 : 8);
      };
      const opened = await open(scheme, await listen(behave), { isEncrypted: true, authority: other.cert });
      await assert.rejects(opened.getData(someId), {
        fault: "store-untrusted",
        detail: "ERR_TLS_CERT_ALTNAME_INVALID",
      });
      assert.ok(!heard.includes("inspectord") && !heard.includes(password));
    });

    it("ends where a server that must have TLS has none, before anything of the account was told", async () => {
      const behave: Behaviour =
        scheme === "mysql"
          ? mysqlServer({ greeting: greeting("mysql_native_password", 0xff, 0xf7) })
          : (socket) => socket.on("data", () => socket.write("N"));
      const opened = await open(scheme, await listen(behave), { isEncrypted: true });
      await assert.rejects(opened.getData(someId), { fault: "store-untrusted", detail: "no-tls" });
      assert.ok(!heard.includes("inspectord") && !heard.includes(password));
    });
  });
}
