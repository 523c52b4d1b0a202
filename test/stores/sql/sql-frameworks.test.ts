// The presets on tables of their frameworks, from the configuration to the verdict, at MariaDB and at PostgreSQL:
// Laravel's and Symfony's as their own code makes and fills them, the others' as their published source does, with the
// sessions that the tests of the presets have.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { createInspect, createInspector } from "../../../handlers/compose.ts";
import { readConfig } from "../../../handlers/configuration.ts";
import { openSql } from "../../../stores/sql/open-sql.ts";
import { type SqlServer, startMariaDb } from "../../real/mariadb.ts";
import { needing } from "../../real/parts.ts";
import { runPhpScript } from "../../real/php.ts";
import { startPostgres } from "../../real/postgres.ts";

const script = fileURLToPath(new URL("sql-frameworks.php", import.meta.url));
const nowSeconds = 1_800_000_000;
const id = "0123456789abcdef0123456789abcdef";
const typo3Secret = "the encryptionKey of these fixtures, core-session-backend";
const typo3Key = createHmac("sha3-256", typo3Secret).update(id).digest("hex");
const laravelKey = `base64:${createHash("sha256").update("the APP_KEY of these fixtures").digest("base64")}`;

function fixture(path: string): Buffer {
  return readFileSync(fileURLToPath(new URL(`../../fixtures/frameworks/${path}`, import.meta.url)));
}

interface Layout {
  /** Those of the upstream table, with what PostgreSQL has in place of MySQL's types. */
  readonly table: string;
  readonly columns: Readonly<Record<string, readonly [mysql: string, postgres: string]>>;
  /** The row of somebody who is logged in. */
  readonly row: Readonly<Record<string, string | number | Buffer>>;
  readonly user: string;
  /** The column that, with this value, makes of it a row that has ended. */
  readonly ended: readonly [column: string, value: string | number];
  readonly settings?: Readonly<Record<string, string>>;
  readonly options?: string;
  /** Of PostgreSQL, where the framework writes something else. */
  readonly postgres?: { readonly settings?: Readonly<Record<string, string>>; readonly data?: Buffer };
  /** What makes more of the tables, before and after the row is there. */
  readonly more?: string;
}

const drupalSession =
  '_sf2_attributes|a:1:{s:3:"uid";s:1:"7";}_sf2_meta|a:4:{s:1:"u";i:1799999990;s:1:"c";i:1799990000;s:1:"l";i:2000000;s:1:"s";s:43:"x";}'.replace(
    's:43:"x"',
    's:1:"x"',
  );
const whole = ["INT", "integer"] as const;
const key = ["VARCHAR(128) COLLATE utf8mb4_general_ci", "varchar(128)"] as const;

const layouts: Readonly<Record<string, Layout>> = {
  drupal: {
    table: "sessions",
    columns: {
      uid: ["INT UNSIGNED NOT NULL", "bigint"],
      sid: ["VARCHAR(128) CHARACTER SET ascii", "varchar(128)"],
      hostname: key,
      timestamp: whole,
      session: ["LONGBLOB", "bytea"],
    },
    row: {
      ...{ uid: 7, sid: createHash("sha256").update(id).digest("base64url"), hostname: "::1" },
      ...{ timestamp: nowSeconds - 199_999, session: Buffer.from(drupalSession) },
    },
    user: "7",
    ended: ["timestamp", nowSeconds - 200_000],
  },
  joomla: {
    table: "abcde_session",
    columns: {
      session_id: ["VARBINARY(192)", "bytea"],
      client_id: whole,
      guest: whole,
      time: whole,
      data: ["MEDIUMTEXT", "text"],
      userid: whole,
      username: key,
    },
    row: {
      session_id: Buffer.from(id),
      client_id: 0,
      guest: 0,
      time: nowSeconds - 800,
      data: fixture("joomla/forty-two").toString("latin1"),
      userid: 42,
      username: "alice",
    },
    user: "42",
    ended: ["time", nowSeconds - 900],
    options: "table=abcde_session",
  },
  codeigniter3: {
    table: "ci_sessions",
    columns: { id: key, ip_address: key, timestamp: ["INT(10) UNSIGNED", "bigint"], data: ["BLOB", "text"] },
    row: { id, ip_address: "::1", timestamp: nowSeconds - 7199, data: fixture("codeigniter3/alice") },
    user: "alice",
    ended: ["timestamp", nowSeconds - 7200],
    postgres: {
      settings: { SESSION_LAYERS: "base64" },
      data: Buffer.from(fixture("codeigniter3/alice").toString("base64")),
    },
  },
  codeigniter4: {
    table: "ci_sessions",
    columns: {
      id: key,
      ip_address: key,
      timestamp: ["TIMESTAMP NULL", "timestamptz"],
      data: ["BLOB", "bytea"],
    },
    row: {
      id: `ci_session:${id}`,
      ip_address: "::1",
      timestamp: "2027-01-15 07:00:00+00:00",
      data: fixture("codeigniter4/seven"),
    },
    user: "7",
    ended: ["timestamp", "2027-01-15 06:00:00+00:00"],
  },
  yii2: {
    table: "session",
    columns: { id: ["CHAR(40)", "char(40)"], expire: whole, data: ["LONGBLOB", "bytea"] },
    row: { id, expire: nowSeconds + 1, data: fixture("yii2/seven-redis") },
    user: "7",
    ended: ["expire", nowSeconds],
  },
  cakephp: {
    table: "sessions",
    columns: {
      id: ["CHAR(40) CHARACTER SET ascii COLLATE ascii_bin", "char(40)"],
      data: ["BLOB", "bytea"],
      expires: ["INT UNSIGNED", "integer"],
    },
    row: { id, data: fixture("cakephp/alice"), expires: nowSeconds + 1 },
    user: "alice",
    ended: ["expires", nowSeconds],
  },
  magento: {
    table: "session",
    columns: {
      session_id: key,
      session_expires: ["INT UNSIGNED", "bigint"],
      session_data: ["MEDIUMBLOB", "bytea"],
    },
    row: {
      session_id: id,
      session_expires: nowSeconds - 3599,
      session_data: Buffer.from(fixture("magento/seven-redis").toString("base64")),
    },
    user: "7",
    ended: ["session_expires", nowSeconds - 3600],
  },
  moodle: {
    table: "mdl_sessions",
    columns: {
      id: whole,
      sid: key,
      userid: whole,
      sessdata: ["LONGTEXT", "text"],
      timemodified: ["BIGINT", "bigint"],
    },
    row: {
      id: 1,
      sid: id,
      userid: 7,
      sessdata: fixture("moodle/alice").toString("base64"),
      timemodified: nowSeconds - 28_799,
    },
    user: "alice",
    ended: ["timemodified", nowSeconds - 28_800],
  },
  typo3: {
    table: "fe_sessions",
    columns: {
      ses_id: key,
      ses_userid: ["INT UNSIGNED", "bigint"],
      ses_tstamp: ["INT UNSIGNED", "bigint"],
      ses_data: ["MEDIUMBLOB", "bytea"],
    },
    settings: { SESSION_KEY: "{hmac-sha3-256:SESSION_KEY_SECRET:{id}}", SESSION_KEY_SECRET: typo3Secret },
    row: { ses_id: typo3Key, ses_userid: 7, ses_tstamp: nowSeconds - 5999, ses_data: Buffer.alloc(0) },
    user: "7",
    ended: ["ses_tstamp", nowSeconds - 6000],
  },
  opencart: {
    table: "oc_session",
    columns: {
      session_id: ["VARCHAR(32) COLLATE utf8mb4_general_ci", "varchar(32)"],
      data: ["TEXT", "text"],
      expire: ["DATETIME", "timestamp"],
    },
    row: { session_id: id, data: fixture("opencart/seven-redis").toString(), expire: "2027-01-15 09:00:01" },
    user: "7",
    ended: ["expire", "2027-01-15 09:00:00"],
    options: "zone=Europe/Berlin",
  },
  shopware6: {
    table: "sessions",
    columns: {
      sess_id: ["VARBINARY(128)", "varchar(128)"],
      sess_data: ["BLOB", "bytea"],
      sess_lifetime: ["INT UNSIGNED", "integer"],
      sess_time: whole,
    },
    row: {
      sess_id: id,
      sess_data: fixture("shopware6/alice"),
      sess_lifetime: nowSeconds + 1,
      sess_time: nowSeconds,
    },
    user: "10001",
    ended: ["sess_lifetime", nowSeconds],
  },
  phpbb: {
    table: "phpbb_sessions",
    columns: {
      session_id: ["CHAR(32) COLLATE utf8mb4_bin", "char(32)"],
      session_user_id: whole,
      session_time: whole,
    },
    row: { session_id: id, session_user_id: 7, session_time: nowSeconds - 3659 },
    user: "alice",
    ended: ["session_time", nowSeconds - 3660],
    more: `CREATE TABLE phpbb_users (user_id INT, user_type INT, username_clean VARCHAR(255));
      INSERT INTO phpbb_users VALUES (1, 2, 'anonymous'), (7, 0, 'alice'), (8, 2, 'google [bot]'), (9, 1, 'bob');`,
  },
};

for (const { name, part, scheme, driver, start } of [
  { name: "MariaDB", part: "mariadb", scheme: "mysql", driver: "mysql", start: () => startMariaDb() },
  { name: "PostgreSQL", part: "postgres", scheme: "postgres", driver: "pgsql", start: () => startPostgres() },
] as const) {
  describe(`the sessions of frameworks in ${name}`, () => {
    const { it, before, after } = needing(part, "pdo", "frameworks");
    const isMysql = scheme === "mysql";
    let server: SqlServer;
    before(async () => {
      server = await start();
      server.run(
        isMysql
          ? "CREATE USER site IDENTIFIED BY 'site'; GRANT ALL ON site.* TO site;"
          : "CREATE ROLE site LOGIN PASSWORD 'site'; GRANT ALL ON SCHEMA public TO site;",
      );
    });
    after(() => server.stop());

    function environment(preset: string, options = "", settings: Readonly<Record<string, string>> = {}) {
      return {
        SESSION_STORE: `${scheme}://site@127.0.0.1:${server.port}/site${options && `?${options}`}`,
        SESSION_STORE_PASSWORD: "site",
        SESSION_PRESET: preset,
        SERVED_HOSTS: "localhost",
        ...settings,
      };
    }

    for (const [framework, preset, users, settings] of [
      ["laravel", "laravel", { "7": "allowed", alice: "refused", "8": "refused" }, {}],
      ["encrypted", "laravel", { "7": "allowed", alice: "refused" }, { LARAVEL_APP_KEY: laravelKey }],
      ["symfony", "symfony", { alice: "allowed", bob: "refused" }, {}],
    ] as const) {
      it(`log in whom ${framework}'s own code has written`, async () => {
        const password = runPhpScript(script, [framework, driver, String(server.port)]).toString();
        const config = await readConfig(environment(preset, "", settings));
        assert.ok("store" in config, JSON.stringify(config));
        const inspect = await createInspect(config, () => {});
        for (const [user, outcome] of Object.entries(users)) {
          assert.equal(
            (await inspect({ op: "auth", user, server: "localhost", password })).outcome,
            outcome,
            user,
          );
        }
        const other = password.replace(/./, (first) => (first === "a" ? "b" : "a"));
        const found = await inspect({ op: "auth", user: "7", server: "localhost", password: other });
        assert.deepEqual(found, { outcome: "refused", reason: "no-session" });
      });
    }

    const literal = (value: string | number | Buffer) => {
      if (typeof value === "number") return String(value);
      if (typeof value === "string")
        return `'${value.replaceAll("'", "''").replaceAll("\\", isMysql ? "\\\\" : "\\")}'`;
      return isMysql ? `X'${value.toString("hex")}'` : `'\\x${value.toString("hex")}'`;
    };

    for (const [preset, layout] of Object.entries(layouts)) {
      it(`log in who has a row as the source of ${preset} writes it, until it has ended`, async () => {
        const { table, columns, row, user, ended, options, more } = layout;
        const others = isMysql ? undefined : layout.postgres;
        const types = Object.entries(columns).map(([column, [mysql, postgres]]) =>
          isMysql ? `\`${column}\` ${mysql}` : `"${column}" ${postgres}`,
        );
        const values = Object.entries(row).map(([column, value]) =>
          literal(
            column === "data" && others?.data !== undefined
              ? others.data.toString()
              : columns[column]?.[0].startsWith("TIMESTAMP") && isMysql
                ? String(value).replace("+00:00", "")
                : value,
          ),
        );
        server.run(
          `${isMysql ? "SET GLOBAL time_zone = '+00:00'; SET time_zone = '+00:00';" : ""} DROP TABLE IF EXISTS ${table};
          CREATE TABLE ${table} (${types.join(", ")}); INSERT INTO ${table} VALUES (${values.join(", ")}); ${more ?? ""}
          ${preset === "phpbb" ? guideView() : ""}
          ${isMysql ? "" : "GRANT SELECT ON ALL TABLES IN SCHEMA public TO site;"}`,
        );
        const settings = { ...layout.settings, ...others?.settings };
        const config = await readConfig(environment(preset, options, settings));
        assert.ok("store" in config && config.store.kind === "sql", JSON.stringify(config));
        const { keyOf } = config;
        const store = await openSql(config.store, {
          ...{ keyOf, timeoutMs: 4000, nowMs: () => performance.now(), timeMs: () => nowSeconds * 1000 },
          identity: () => undefined,
        });
        const inspector = await createInspector(config, store, () => nowSeconds * 1000);
        const ask = async (name: string) => {
          const found = await inspector.inspect({
            op: "auth",
            user: name,
            server: "localhost",
            password: id,
          });
          return found.outcome === "allowed" ? "allowed" : Object.values(found).slice(1).join(" ");
        };
        try {
          assert.equal(await ask(user), "allowed");
          assert.equal(await ask("mallory"), "other-user");
          if (preset === "phpbb") {
            for (const account of [1, 8, 9]) {
              server.run(`UPDATE phpbb_sessions SET session_user_id = ${account};`);
              for (const one of ["alice", "anonymous", "bob"])
                assert.equal(await ask(one), "not-authenticated");
            }
          }
          const [column, value] = ended;
          const text =
            columns[column]?.[0].startsWith("TIMESTAMP") && isMysql
              ? String(value).replace("+00:00", "")
              : value;
          const quoted = isMysql ? `\`${column}\`` : `"${column}"`;
          server.run(
            `${isMysql ? "SET time_zone = '+00:00';" : ""} UPDATE ${table} SET ${quoted} = ${literal(text)};`,
          );
          assert.equal(await ask(user), "no-session");
        } finally {
          store.close();
        }
      });
    }
  });
}

/** Returns the statement of docs/frameworks.md that makes phpBB's view. */
function guideView(): string {
  const guide = readFileSync(fileURLToPath(new URL("../../../docs/frameworks.md", import.meta.url)), "utf8");
  const [, view] = /```sql\n(CREATE VIEW inspectord_sessions[^`]+)```/.exec(guide) ?? [];
  return view ?? assert.fail("the guide has no view for phpBB");
}
