// The SQL stores with real servers: MariaDB and PostgreSQL are held to the same.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { decodePhpSerialize } from "../../../inspector/session/formats/php-serialize.ts";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import type { NodeStore } from "../../../stores/nodes.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { openSql, type SqlStoreOptions } from "../../../stores/sql/open-sql.ts";
import { readSqlUrl, type SqlUrl } from "../../../stores/sql/sql-url.ts";
import { type Certificate, makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { type SqlServer, startMariaDb } from "../../real/mariadb.ts";
import { needing } from "../../real/parts.ts";
import type { Ini } from "../../real/php.ts";
import { startPostgres } from "../../real/postgres.ts";
import { getAll, itOutlivesItsServer, itReadsWhatPhpWrote, someId } from "../conformance.ts";

const handler = fileURLToPath(new URL("site-handler.php", import.meta.url));
const password = "o'p\"a s%s";
const columns = "id=id&data=data&expires=expires";
const farSeconds = Math.floor(Date.now() / 1000) + 86_400;

interface Engine {
  readonly name: string;
  readonly part: "mariadb" | "postgres";
  readonly scheme: "mysql" | "postgres";
  readonly start: (certificate: Certificate) => Promise<SqlServer>;
  readonly tables: string;
  readonly ini: (port: number) => Ini;
  /** Makes the password that of this account, as a text of SQL. */
  readonly accounts: string;
  /** Bytes as a literal. */
  readonly bytes: (bytes: Buffer) => string;
  /** The statements that tell how many connections the account has, end them, and show what it has set. */
  readonly count: string;
  readonly waiting: string;
  readonly kill: string;
  readonly lock: string;
  /** Ends the one that slept, whose client has gone. */
  readonly release: string;
  /** Keeps a session of the server's owner busy that holds what `lock` locks, for so many seconds. */
  readonly sleep: (seconds: number) => string;
}

const engines: readonly Engine[] = [
  {
    name: "MariaDB",
    part: "mariadb",
    scheme: "mysql",
    start: ({ certPath, keyPath }) =>
      startMariaDb(["--max-connections=12", `--ssl-cert=${certPath}`, `--ssl-key=${keyPath}`]),
    tables: `CREATE TABLE sessions (id VARCHAR(256) PRIMARY KEY, data LONGBLOB, expires INT UNSIGNED, secret TEXT)
        COLLATE utf8mb4_general_ci;
      CREATE TABLE numbers (id INT PRIMARY KEY, data LONGBLOB, expires INT);
      CREATE TABLE bytes (id VARBINARY(64) PRIMARY KEY, data LONGTEXT, expires VARCHAR(20));
      CREATE TABLE padded (id CHAR(40) PRIMARY KEY, data TEXT CHARACTER SET latin1, expires BIGINT);
      CREATE TABLE twice (id VARCHAR(64), data TEXT, expires BIGINT);
      CREATE TABLE instants (id VARCHAR(64) PRIMARY KEY, data TEXT, expires TIMESTAMP(3) NULL, lasts INT);
      CREATE TABLE locals (id VARCHAR(64) PRIMARY KEY, data TEXT, expires DATETIME NULL, lasts INT);
      CREATE TABLE kinds (id VARCHAR(64) PRIMARY KEY, expires BIGINT, whole INT, large BIGINT UNSIGNED, text TEXT,
        raw LONGBLOB, yes BOOLEAN, nothing INT, number DECIMAL(5,2));`,
    ini: (port) => ({ "site.dsn": `"mysql:host=127.0.0.1;port=${port};dbname=site;charset=utf8mb4"` }),
    accounts: `CREATE USER inspectord IDENTIFIED BY 'o\\'p"a s%s'; CREATE USER site IDENTIFIED BY 'site';
      GRANT ALL ON site.* TO site;`,
    bytes: (bytes) => `X'${bytes.toString("hex")}'`,
    count: "SELECT count(*) FROM information_schema.processlist WHERE user = 'inspectord'",
    waiting:
      "SELECT count(*) FROM information_schema.processlist WHERE user = 'inspectord' AND command <> 'Sleep'",
    kill: "SELECT id FROM information_schema.processlist WHERE user = 'inspectord'",
    lock: "LOCK TABLES sessions WRITE;",
    release: "DO 0;",
    sleep: (seconds) => `SELECT SLEEP(${seconds});`,
  },
  {
    name: "PostgreSQL",
    part: "postgres",
    scheme: "postgres",
    start: ({ certPath, keyPath }) =>
      startPostgres(["max_connections = 15", "superuser_reserved_connections = 3", "ssl = on"], [], {
        certPath,
        keyPath,
      }),
    tables: `CREATE TABLE sessions (id varchar(256) PRIMARY KEY, data bytea, expires bigint, secret text);
      CREATE TABLE numbers (id integer PRIMARY KEY, data bytea, expires integer);
      CREATE TABLE bytes (id bytea PRIMARY KEY, data text, expires varchar(20));
      CREATE TABLE padded (id char(40) PRIMARY KEY, data text, expires bigint);
      CREATE TABLE twice (id varchar(64), data text, expires bigint);
      CREATE TABLE instants (id varchar(64) PRIMARY KEY, data text, expires timestamptz, lasts integer);
      CREATE TABLE locals (id varchar(64) PRIMARY KEY, data text, expires timestamp, lasts integer);
      CREATE TABLE kinds (id varchar(64) PRIMARY KEY, expires bigint, whole integer, large numeric(20), text text,
        raw bytea, yes boolean, nothing integer, number numeric(5,2));`,
    ini: (port) => ({ "site.dsn": `"pgsql:host=127.0.0.1;port=${port};dbname=site"` }),
    accounts: `CREATE ROLE inspectord LOGIN PASSWORD 'o''p"a s%s'; CREATE ROLE site LOGIN PASSWORD 'site';
      GRANT ALL ON ALL TABLES IN SCHEMA public TO site;`,
    bytes: (bytes) => `'\\x${bytes.toString("hex")}'::bytea`,
    count: "SELECT count(*) FROM pg_stat_activity WHERE usename = 'inspectord'",
    waiting: "SELECT count(*) FROM pg_stat_activity WHERE usename = 'inspectord' AND state = 'active'",
    kill: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'inspectord'",
    lock: "BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE;",
    release:
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid();",
    sleep: (seconds) => `SELECT pg_sleep(${seconds});`,
  },
];

/** Returns the statements of docs/sessions.md that let a user of such a server read sessions, for this table. */
function guideGrant(name: string, table: string, columnsOfIt = "id, data, expires"): string {
  const guide = readFileSync(fileURLToPath(new URL("../../../docs/sessions.md", import.meta.url)), "utf8");
  const [, statements] =
    new RegExp(`<!-- grant: ${name} -->\\s+\`\`\`sql\\n([^\`]+)\`\`\``).exec(guide) ?? [];
  assert.ok(statements !== undefined, `the guide has no statements for ${name}`);
  return statements
    .replace(/^CREATE (?:USER|ROLE).*$/m, "")
    .replace(/\(id, data, expires\)/, `(${columnsOfIt})`)
    .replace(/\bsessions\b/, table);
}

for (const engine of engines) {
  const { name, part, scheme, tables } = engine;
  const { it, before, after, beforeEach, afterEach } = needing(part, "pdo", "openssl");

  describe(`the SQL store with ${name}`, () => {
    let server: SqlServer;
    let certificate: Certificate;
    let store: NodeStore;
    const opened: NodeStore[] = [];

    before(async () => {
      certificate = makeCertificate(temporaryDirectory());
      server = await engine.start(certificate);
      server.run(tables);
      server.run(engine.accounts);
      server.run(guideGrant(name, "sessions"));
      for (const table of ["numbers", "bytes", "padded", "twice"]) server.run(guideGrant(name, table));
      for (const table of ["instants", "locals"])
        server.run(guideGrant(name, table, "id, data, expires, lasts"));
      const kinds = "id, expires, whole, large, text, raw, yes, nothing, number";
      server.run(guideGrant(name, "kinds", kinds));
    });
    after(() => server.stop());
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => {
      for (const one of opened.splice(0)) one.close();
    });

    type Changes = Partial<SqlStoreOptions> & { readonly url?: Partial<SqlUrl> };

    async function open(query = `table=sessions&${columns}`, { url, ...options }: Changes = {}) {
      const read = readSqlUrl(`${scheme}://inspectord@127.0.0.1:${server.port}/site?${query}`);
      assert.ok(!("problem" in read), JSON.stringify(read));
      const one = await openSql(
        { ...read, password: () => password, ...url },
        {
          keyOf: keysWithPrefix(""),
          timeoutMs: 1000,
          nowMs: () => performance.now(),
          timeMs: () => Date.now(),
          identity: () => undefined,
          ...options,
        },
      );
      opened.push(one);
      return one;
    }

    async function textOf(one: NodeStore, id: string): Promise<string | undefined> {
      const stored = await one.getData(id);
      return stored === null ? undefined : Buffer.from(stored.bytes).toString();
    }

    function put(
      id: string,
      data: string | Buffer,
      expires: string | number = farSeconds,
      table = "sessions",
    ): void {
      const value = typeof data === "string" ? `'${data}'` : engine.bytes(data);
      server.run(`INSERT INTO ${table} (id, data, expires) VALUES (${literal(id)}, ${value}, ${expires});`);
    }

    function literal(text: string): string {
      return scheme === "mysql"
        ? `CONVERT(X'${Buffer.from(text).toString("hex")}' USING utf8mb4)`
        : `'${text.replaceAll("'", "''")}'`;
    }

    itReadsWhatPhpWrote(it, () => ({ store, ini: ini() }));
    itOutlivesItsServer(it, () => ({
      store,
      ini: ini(),
      pid: server.process.pid,
      stopServer: () => server.stop(),
      startServer: () => server.start(),
    }));

    function ini(): Ini {
      return {
        ...engine.ini(server.port),
        "site.user": "site",
        "site.password": "site",
        auto_prepend_file: handler,
      };
    }

    it("takes no row for a session whose id only looks the same to the database", async () => {
      const rows = [
        "LOUD0SESSION0ID0OF0THE0TEST",
        "blank0session0id0of0the0test   ",
        "accént0session0id0of0the0test",
      ];
      for (const id of rows) put(id, "user|N;");
      const asked = [
        "loud0session0id0of0the0test",
        "blank0session0id0of0the0test",
        "accent0session0id0of0the0test",
      ];
      for (const id of asked) assert.equal(await store.getData(id), null, id);
      assert.deepEqual([...(await getAll(store, asked)).values()], [null, null, null]);
      assert.equal(await textOf(store, rows[0] ?? ""), "user|N;");
    });

    it("asks with whatever a key holds as a value, and never as a part of the statement", async () => {
      put("victim0session0id0of0the0test", "user|N;");
      const hostile = [
        ...[
          "' OR '1'='1",
          "' OR 1=1 -- ",
          '" OR ""="',
          "\\' OR 1=1 -- ",
          "%",
          "_",
          "victim%",
          "*",
          "x'; DROP TABLE sessions; --",
        ],
        ...[
          "{a,b}",
          '{"a"}',
          "NULL",
          "\\",
          "",
          "x".repeat(10_240),
          "\u0000",
          "a\u0000b",
          "\ud800",
          "v\u00edctim",
          "\uff56ictim",
        ],
      ];
      for (const key of hostile) {
        const found = await store.getData(key).catch((error) => error.fault);
        assert.ok(found === null || found === "store-refused", `${JSON.stringify(key)}: ${found}`);
      }
      assert.equal(await textOf(store, "victim0session0id0of0the0test"), "user|N;");
    });

    it("takes no number for an id that begins with it, or with none", async () => {
      const numbers = await open(`table=numbers&${columns}`);
      for (const id of [0, 7]) put(String(id), "user|N;", farSeconds, "numbers");
      for (const id of ["abc0session0id0of0the0test", "7abc0session0id0of0the0test", "0e1", "7.0", " 7"]) {
        const found = await numbers.getData(id).catch((error) => error.fault);
        // PostgreSQL takes a text that is no number for an error.
        assert.ok(found === null || found === "store-refused", id);
      }
    });

    it("reads ids that are bytes, or padded with blanks, and times that are text", async () => {
      server.run(
        `INSERT INTO bytes VALUES (${engine.bytes(Buffer.from(someId))}, 'user|N;', '${farSeconds}');`,
      );
      put(someId, "user|N;", farSeconds, "padded");
      for (const table of ["bytes", "padded"]) {
        const one = await open(`table=${table}&${columns}`);
        assert.equal(await textOf(one, someId), "user|N;", table);
        assert.deepEqual((await getAll(one, [someId, "other0"])).get("other0"), null);
      }
    });

    it("gives text as PHP's connection has it, in UTF-8, whatever the column's character set is", async () => {
      server.run(`INSERT INTO padded VALUES ('umlaut', 's:3:"Zo\u00eb"', ${farSeconds});`);
      const one = await open(`table=padded&${columns}&charset=utf8`);
      assert.equal(await textOf(one, "umlaut"), 's:3:"Zo\u00eb"');
      const doubtful = await (await open(`table=padded&${columns}`)).getData("umlaut");
      assert.equal(doubtful?.unreadable, "uncertain-charset");
    });

    it("refuses to choose between rows with the same id", async () => {
      for (const data of ["first", "second"]) put(someId, data, farSeconds, "twice");
      const one = await open(`table=twice&${columns}`);
      assert.equal((await one.getData(someId))?.unreadable, "several-rows");
    });

    it("answers for all others where one session id has more rows than a question may have", async () => {
      const flood = "flood0session0id0of0the0test";
      const one = await open(`table=twice&${columns}`);
      const victims = Array.from({ length: 4 }, (_, i) => `victim0session0id0of0the0test${i}`);
      for (const victim of victims) put(victim, "user|N;", farSeconds, "twice");
      const values = Array.from({ length: 80 }, () => `('${flood}', 'user|N;', ${farSeconds})`);
      server.run(`INSERT INTO twice VALUES ${values.join(", ")};`);
      const { stored, faults } = await one.getMany([flood, ...victims, "none0session0id0of0the0test"]);
      assert.deepEqual(faults, []);
      assert.equal(stored.get(flood)?.unreadable, "several-rows");
      assert.equal(stored.get("none0session0id0of0the0test"), null);
      for (const victim of victims)
        assert.equal(Buffer.from(stored.get(victim)?.bytes ?? []).toString(), "user|N;");
    });

    it("gives null from the second on in which a session ends, and for one without an end", async () => {
      put("ending0session0id0of0the0test", "user|N;", 2_000_000_000);
      put("endless0session0id0of0the0test", "user|N;", "NULL");
      for (const [timeMs, expected] of [
        [1_999_999_999_999, "user|N;"],
        [2_000_000_000_000, undefined],
      ] as const) {
        const one = await open(undefined, { timeMs: () => timeMs });
        assert.equal(await textOf(one, "ending0session0id0of0the0test"), expected);
        assert.equal(await textOf(one, "endless0session0id0of0the0test"), undefined);
      }
      const longer = await open(`table=sessions&${columns}&lifetime=3600`, {
        timeMs: () => 2_000_003_599_000,
      });
      assert.equal(await textOf(longer, "ending0session0id0of0the0test"), "user|N;");
    });

    it("reads times of the database's own types, those without a zone in the zone that is told", async () => {
      const instant = scheme === "mysql" ? "FROM_UNIXTIME(2000000000)" : "to_timestamp(2000000000)";
      server.run(`INSERT INTO instants VALUES ('instant', 'user|N;', ${instant}, 60);`);
      // 2033-05-18 03:33:20 UTC.
      server.run("INSERT INTO locals VALUES ('local', 'user|N;', '2033-05-18 05:33:20', 60);");
      const lasting = "id=id&data=data&expires=expires&lifetime=lasts";
      for (const [id, query, ends] of [
        ["instant", `table=instants&${columns}`, 2_000_000_000],
        ["instant", `table=instants&${lasting}`, 2_000_000_060],
        ["instant", `table=instants&${columns}&zone=America/New_York`, 2_000_000_000],
        ["local", `table=locals&${lasting}&zone=Europe/Berlin`, 2_000_000_060],
        ["local", `table=locals&${columns}&zone=UTC`, 2_000_007_200],
      ] as const) {
        let timeMs = (ends - 1) * 1000;
        const one = await open(query, { timeMs: () => timeMs });
        assert.equal(await textOf(one, id), "user|N;", query);
        timeMs += 1000;
        assert.equal(await textOf(one, id), undefined, query);
      }
      const zoneless = await open(`table=locals&${columns}`);
      await assert.rejects(zoneless.getData("local"), { fault: "store-refused", detail: /add &zone=/ });
      const textual = await open("table=sessions&id=id&data=data&expires=data");
      put("timeless", "user|N;");
      await assert.rejects(textual.getData("timeless"), { fault: "store-refused", detail: /holds no time/ });
    });

    it("gives a row as a session with a variable for each column", async () => {
      const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      server.run(
        `INSERT INTO kinds VALUES ('kinds', ${farSeconds}, -7, 18446744073709551615, 'Zo\u00eb";', ${engine.bytes(all)}, true, NULL, 1.50);`,
      );
      const one = await open(
        "table=kinds&id=id&columns=whole,large,text,raw,yes,nothing,number&expires=expires",
      );
      const { variables } = decodePhpSerialize((await one.getData("kinds"))?.bytes ?? new Uint8Array());
      assert.deepEqual(Object.fromEntries(variables), {
        whole: -7,
        large: "18446744073709551615",
        text: Buffer.from('Zo\u00eb";').toString("latin1"),
        raw: all.toString("latin1"),
        yes: scheme === "mysql" ? 1 : true,
        nothing: null,
        number: "1.50",
      });
      assert.equal(await textOf(one, "nobody"), undefined);
    });

    it("has no value sent that is larger than a session may be, and says that there is one", async () => {
      put("largest", Buffer.alloc(maxSessionBytes, "x"));
      put("larger", Buffer.alloc(maxSessionBytes + 1, "x"));
      const huge = `repeat('x', ${8 * maxSessionBytes})`;
      const raw = scheme === "mysql" ? huge : `${huge}::bytea`;
      server.run(`INSERT INTO sessions (id, data, expires) VALUES ('huge', ${raw}, ${farSeconds});`);
      assert.equal((await store.getData("largest"))?.bytes.length, maxSessionBytes);
      for (const id of ["larger", "huge"]) {
        const { bytes = new Uint8Array() } = (await store.getData(id)) ?? {};
        assert.ok(bytes.length > maxSessionBytes);
        assert.equal(bytes[0], 0);
      }
      server.run(
        `INSERT INTO kinds (id, expires, raw) VALUES ('huge', ${farSeconds}, ${engine.bytes(Buffer.alloc(maxSessionBytes + 1))});`,
      );
      const rows = await open("table=kinds&id=id&columns=raw,text&expires=expires");
      assert.ok(((await rows.getData("huge"))?.bytes.length ?? 0) > maxSessionBytes);
    });

    it("is let in by the guide's statements to the columns that it reads, and to no other", async () => {
      put(someId, "user|N;");
      assert.equal(await textOf(store, someId), "user|N;");
      const curious = await open("table=sessions&id=id&data=secret&expires=expires");
      await assert.rejects(curious.getData(someId), { fault: "store-refused", detail: "access-denied" });
      assert.throws(() => server.runAs("inspectord", password, "DELETE FROM sessions;"));
      assert.throws(() => server.runAs("inspectord", password, "UPDATE sessions SET data = NULL;"));
    });

    it("says what is wrong with its user, its table or its columns", async () => {
      for (const [query, changes, detail] of [
        [undefined, { url: { password: () => "wrong" } }, "access-denied"],
        [undefined, { url: { user: "nobody" } }, "access-denied"],
        [`table=nowhere&${columns}`, {}, /^(?:table-not-found|access-denied)$/],
        ["table=sessions&id=id&data=nothing&expires=expires", {}, /^(?:column-not-found|access-denied)$/],
        [undefined, { url: { database: "nowhere" } }, /^(?:table-not-found|access-denied)$/],
      ] as const) {
        const one = await open(query, changes);
        await assert.rejects(one.getData(someId), (error: Error & { fault: string; detail: string }) => {
          assert.equal(error.fault, "store-refused");
          assert.match(error.detail, new RegExp(detail));
          assert.doesNotMatch(String(error.stack), /nobody0has|wrong/);
          return true;
        });
      }
    });

    it("says that the server has no connection left, and finds the session once it has one", async () => {
      put("crowd", "user|N;");
      const others: NodeStore[] = [];
      for (let i = 0; i < 20; i++) {
        const one = await open();
        const isIn = await one.getData("crowd").then(
          () => true,
          () => false,
        );
        if (!isIn) break;
        others.push(one);
      }
      assert.ok(others.length < 20);
      const late = await open();
      await assert.rejects(late.getData("crowd"), { fault: "store-refused", detail: "too-many-connections" });
      for (const one of others) one.close();
      await until(async () => (await textOf(late, "crowd").catch(() => undefined)) === "user|N;");
    });

    it("times out while somebody holds a lock on the table, and leaves nothing waiting there", async () => {
      put("locked", "user|N;");
      assert.equal(await textOf(store, "locked"), "user|N;");
      const holder = server.begin(`${engine.lock} ${engine.sleep(60)}`);
      try {
        await until(async () => {
          const fault = await store.getData("locked").then(
            () => undefined,
            (error) => error.fault,
          );
          return fault === "store-timeout";
        });
        await until(async () => server.run(engine.waiting).trim() === "0");
      } finally {
        await holder.stop();
        server.run(engine.release);
      }
      await until(async () => (await textOf(store, "locked").catch(() => undefined)) === "user|N;");
    });

    it("finds the session at the first call after the server ended its connection", async () => {
      put("killed", "user|N;");
      for (let i = 0; i < 3; i++) {
        assert.equal(await textOf(store, "killed"), "user|N;");
        const found = server.run(engine.kill);
        if (scheme === "mysql") for (const id of found.trim().split("\n")) server.run(`KILL ${id};`);
      }
      assert.equal(await textOf(store, "killed"), "user|N;");
    });

    it("has one connection, however many ask, and none once nobody has asked for a minute", async () => {
      put("counted", "user|N;");
      await until(async () => server.run(engine.count).trim() === "0");
      let timeMs = Date.now();
      const one = await open(undefined, { timeMs: () => timeMs });
      const found = await Promise.all(Array.from({ length: 50 }, () => textOf(one, "counted")));
      assert.deepEqual([...new Set(found)], ["user|N;"]);
      assert.equal(server.run(engine.count).trim(), "1");
      const first = server.run(connectionOf(scheme));
      timeMs += 59_000;
      await textOf(one, "counted");
      assert.equal(server.run(connectionOf(scheme)), first);
      timeMs += 60_000;
      await textOf(one, "counted");
      assert.notEqual(server.run(connectionOf(scheme)), first);
      await until(async () => server.run(engine.count).trim() === "1");
      one.close();
      await until(async () => server.run(engine.count).trim() === "0");
    });

    it("sees a logout at once, also where connections begin without autocommit", async () => {
      put("leaving", "user|N;");
      if (scheme === "mysql") server.run("SET GLOBAL autocommit = 0;");
      try {
        assert.equal(await textOf(store, "leaving"), "user|N;");
        server.run("DELETE FROM sessions WHERE id = 'leaving'; COMMIT;");
        assert.equal(await textOf(store, "leaving"), undefined);
      } finally {
        if (scheme === "mysql") server.run("SET GLOBAL autocommit = 1;");
      }
    });

    it("speaks TLS with a server whose certificate is for its name and of a trusted authority, and no other", async () => {
      put("secure", "user|N;");
      const encrypted = { isEncrypted: true, host: "localhost" };
      const trusting = await open(undefined, { url: encrypted, authority: [certificate.cert] });
      assert.equal(await textOf(trusting, "secure"), "user|N;");
      const strange = await open(undefined, { url: encrypted });
      await assert.rejects(strange.getData("secure"), {
        fault: "store-untrusted",
        detail: /^(?:DEPTH_ZERO_)?SELF_SIGNED_CERT/,
      });
      const other = makeCertificate(temporaryDirectory(), "other.example.org");
      const wrongName = await open(undefined, {
        url: encrypted,
        authority: [other.cert, certificate.cert],
      });
      assert.equal(await textOf(wrongName, "secure"), "user|N;");
      const misnamed = await open(undefined, { url: { ...encrypted, host: "localhost.localdomain" } });
      await assert.rejects(misnamed.getData("secure"), { name: "StoreError" });
    });
  });
}

function connectionOf(scheme: Engine["scheme"]): string {
  return scheme === "mysql"
    ? "SELECT max(id) FROM information_schema.processlist WHERE user = 'inspectord'"
    : "SELECT max(backend_start) FROM pg_stat_activity WHERE usename = 'inspectord'";
}

/** Waits for what a server does in its own time. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < endsAt, "it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
