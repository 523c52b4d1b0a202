// A search in a SQL server of which no table is told.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { findSession, readKnown } from "../../../inspect/find/find.ts";
import { factsOfSearch, settingsToPaste } from "../../../inspect/find/find-report.ts";
import { startMariaDb } from "../../real/mariadb.ts";
import { needing } from "../../real/parts.ts";

const id = "0123456789abcdefABCDEF0123456789abcdefAB";
const login = "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";

describe("a search in the tables of presets", () => {
  const { it } = needing("mariadb");

  it("finds Laravel's session, and says by which preset", async () => {
    const server = await startMariaDb();
    try {
      const attributes = `a:2:{s:6:"_token";s:1:"x";s:${login.length}:"${login}";i:7;}`;
      const payload = Buffer.from(attributes).toString("base64");
      server.run(`CREATE DATABASE IF NOT EXISTS site; USE site;
        CREATE TABLE sessions (id VARCHAR(255) PRIMARY KEY, user_id BIGINT, payload LONGTEXT, last_activity INT);
        INSERT INTO sessions VALUES ('${id}', 7, '${payload}', ${Math.floor(Date.now() / 1000)});
        CREATE USER reader@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON site.* TO reader@'%';`);
      const known = await readKnown({
        SESSION_STORE: `mysql://reader@127.0.0.1:${server.port}/site`,
        SESSION_STORE_PASSWORD: "secret",
      });
      assert.ok(!("problems" in known), JSON.stringify(known));
      const search = await findSession(id, known, known.config, Date.now() / 1000);
      const facts = factsOfSearch(search, { showValues: true, user: undefined });
      const text = [...facts.map((fact) => `${fact.about} ${fact.text}`), settingsToPaste(search)].join("\n");
      assert.match(text, /\nasked <id> in the table of SESSION_PRESET laravel {2}\d+ bytes\n/);
      assert.match(text, /\nread as php_serialize, layers base64\n/);
      assert.match(text, /\n# Settings, for a shell \(tried: a login of this session's user is allowed\)\n/);
      assert.match(text, /\nexport SESSION_PRESET='laravel'\n/);
      assert.match(text, /logs in as 7@HOST/);
      assert.doesNotMatch(text, new RegExp(`${id}|secret|SESSION_KEY|SESSION_LAYERS`));

      const wrong = await readKnown({ ...known.environment, SESSION_STORE_PASSWORD: "wrong" });
      assert.ok(!("problems" in wrong), JSON.stringify(wrong));
      const refused = await findSession(id, wrong, wrong.config, Date.now() / 1000);
      assert.deepEqual([refused.fault?.fault, refused.fault?.detail], ["store-refused", "access-denied"]);
    } finally {
      await server.stop();
    }
  });
});
