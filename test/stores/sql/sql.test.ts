// The SQL stores with real servers: MariaDB and PostgreSQL are held to the same.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import type { NodeStore } from "../../../stores/nodes.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { openSql, type SqlStoreOptions } from "../../../stores/sql/open-sql.ts";
import { readSqlUrl, type SqlUrl } from "../../../stores/sql/sql-url.ts";
import { type SqlServer, startMariaDb } from "../../real/mariadb.ts";
import { needing } from "../../real/parts.ts";
import type { Ini } from "../../real/php.ts";
import { startPostgres } from "../../real/postgres.ts";
import { itOutlivesItsServer, itReadsWhatPhpWrote } from "../conformance.ts";

const handler = fileURLToPath(new URL("site-handler.php", import.meta.url));
const password = "o'p\"a s%s";
const columns = "id=id&data=data&expires=expires";

interface Engine {
  readonly scheme: "mysql" | "postgres";
  readonly start: () => Promise<SqlServer>;
  readonly tables: string;
  /** The statements that let the store in, and no further. */
  readonly grant: string;
  readonly ini: (port: number) => Ini;
}

const engines: readonly (Engine & { readonly part: "mariadb" | "postgres"; readonly name: string })[] = [
  {
    name: "MariaDB",
    part: "mariadb",
    scheme: "mysql",
    start: () => startMariaDb(["--max-connections=20"]),
    tables:
      "CREATE TABLE sessions (id VARCHAR(256) PRIMARY KEY, data LONGBLOB, expires INT UNSIGNED NOT NULL, secret TEXT) COLLATE utf8mb4_general_ci;",
    grant: `CREATE USER inspectord IDENTIFIED BY 'o\\'p"a s%s'; GRANT SELECT (id, data, expires) ON site.sessions TO inspectord;
      CREATE USER site IDENTIFIED BY 'site'; GRANT ALL ON site.* TO site;`,
    ini: (port) => ({
      "site.dsn": `"mysql:host=127.0.0.1;port=${port};dbname=site;charset=utf8mb4"`,
      "site.user": "site",
    }),
  },
  {
    name: "PostgreSQL",
    part: "postgres",
    scheme: "postgres",
    start: () => startPostgres(["max_connections = 20"]),
    tables:
      "CREATE TABLE sessions (id varchar(256) PRIMARY KEY, data bytea, expires bigint NOT NULL, secret text);",
    grant: `CREATE ROLE inspectord LOGIN PASSWORD 'o''p"a s%s'; GRANT SELECT (id, data, expires) ON sessions TO inspectord;
      CREATE ROLE site LOGIN PASSWORD 'site'; GRANT ALL ON sessions TO site;`,
    ini: (port) => ({ "site.dsn": `"pgsql:host=127.0.0.1;port=${port};dbname=site"`, "site.user": "site" }),
  },
];

for (const { name, part, scheme, start, tables, grant, ini: iniOf } of engines) {
  const { it, before, after, beforeEach, afterEach } = needing(part, "pdo");

  describe(`the SQL store with ${name}`, () => {
    let server: SqlServer;
    const opened: NodeStore[] = [];

    before(async () => {
      server = await start();
      server.run(tables);
      server.run(grant);
    });
    after(() => server.stop());
    afterEach(() => {
      for (const store of opened.splice(0)) store.close();
    });

    async function open(
      query = `table=sessions&${columns}`,
      options: Partial<SqlStoreOptions> & { url?: Partial<SqlUrl> } = {},
    ) {
      const read = readSqlUrl(`${scheme}://inspectord@127.0.0.1:${server.port}/site?${query}`);
      assert.ok(!("problem" in read), JSON.stringify(read));
      const { url, ...others } = options;
      const store = await openSql(
        { ...read, password: () => password, ...url },
        {
          keyOf: keysWithPrefix(""),
          timeoutMs: 1000,
          nowMs: () => performance.now(),
          timeMs: () => Date.now(),
          identity: () => undefined,
          ...others,
        },
      );
      opened.push(store);
      return store;
    }

    let store: NodeStore;
    const subject = () => ({
      store,
      ini: { ...iniOf(server.port), "site.password": "site", auto_prepend_file: handler },
      pid: server.process.pid,
      stopServer: () => server.stop(),
      startServer: () => server.start(),
    });
    beforeEach(async () => {
      store = await open();
    });

    itReadsWhatPhpWrote(it, subject);
    itOutlivesItsServer(it, subject);
  });
}
