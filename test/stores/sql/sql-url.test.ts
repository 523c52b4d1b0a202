import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readSqlUrl } from "../../../stores/sql/sql-url.ts";

const base = "mysql://inspectord@db.internal/site";
const options = "table=sessions&id=id&data=data&expires=expires";

function problemOf(text: string, known = {}): string {
  const read = readSqlUrl(text, known);
  return "problem" in read ? read.problem : assert.fail(`taken: ${JSON.stringify(read)}`);
}

function read(text: string, known = {}) {
  const found = readSqlUrl(text, known);
  return "problem" in found ? assert.fail(found.problem) : found;
}

describe("the URL of a SQL store", () => {
  it("names server, user, database, table and columns", () => {
    assert.deepEqual(read(`mysql://in%2Bspectord@db.internal:3307/my-site?${options}&lifetime=60&zone=UTC`), {
      ...{
        kind: "sql",
        engine: "mysql",
        host: "db.internal",
        port: 3307,
        user: "in+spectord",
        database: "my-site",
      },
      ...{ isEncrypted: true, isIam: false },
      table: { names: ["sessions"], id: "id", data: "data", zone: "UTC", expires: "expires", lifetime: 60 },
    });
    const row = read(
      "postgres://a@db.internal/site?table=public.s&id=i&columns=a,b&expires=e&lifetime=l&auth=iam",
    );
    assert.deepEqual([row.engine, row.port, row.isIam], ["postgres", 5432, true]);
    assert.deepEqual(row.table, {
      names: ["public", "s"],
      id: "i",
      columns: ["a", "b"],
      expires: "e",
      lifetime: { column: "l" },
    });
  });

  it("has TLS but for this machine", () => {
    for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"]) {
      assert.equal(read(`mysql://a@${host}/site?${options}`).isEncrypted, false, host);
    }
    for (const host of ["localhost.example.org", "127.0.0.1.example.org", "db"]) {
      assert.equal(read(`mysql://a@${host}/site?${options}`).isEncrypted, true, host);
    }
    // No certificate is for an address that a private network gives.
    for (const host of ["10.0.0.1", "[fd00::1]", "128.0.0.1", "2130706433"]) {
      assert.match(problemOf(`mysql://a@${host}/site?${options}`), /^name the host as its certificate does/);
    }
    assert.match(problemOf(`mysql://a@localhost/site?${options}&auth=iam`), /^auth=iam is for RDS/);
  });

  it("holds no password, and nothing but what is known, once", () => {
    for (const text of [
      ...[
        "mysql://a:secret@db/site",
        "mysql://db/site",
        "mysql://@db/site",
        "mysql://a@db",
        "mysql://a@db/",
        "http://a@db/site",
      ],
      ...[
        "mysql://a@db:0/site",
        "mysql://a@db:65536/site",
        "mysql://a@db/si te",
        "mysql://a@db/site#x",
        "mysql://a b@db/site",
      ],
      ...["mysql://a%00@db/site", "mysql://a%@db/site", "mysql://a@d%62/site", "mysql://a@db,other/site"],
    ]) {
      const problem = problemOf(`${text}?${options}`);
      assert.match(problem, /^it must be mysql:\/\/USER@HOST\/DATABASE\?table=/, text);
      assert.doesNotMatch(problem, /secret/);
    }
    for (const query of [
      `${options}&id=other`,
      `${options}&ssl=false`,
      `${options}&auth=none`,
      `${options}&charset=latin1`,
      `${options}&charset=utf8&charset=utf8`,
      `${options}&constructor=x`,
      `${options}&`,
      "table",
    ]) {
      assert.match(problemOf(`${base}?${query}`), /^each of its options must be one of table, id, /, query);
    }
  });

  it("takes no table or column that is more than a name", () => {
    const hostile = [
      "a`b",
      'a"b',
      "a'b",
      "a b",
      "a;b",
      "a)b",
      "1a",
      "a.b.c",
      "a/*",
      "a\\b",
      "a%60b",
      "ä",
      "x".repeat(64),
      "-a",
    ];
    for (const name of hostile) {
      for (const query of [
        `table=${name}&id=id&data=data&expires=expires`,
        `table=t&id=${name}&data=data&expires=expires`,
        `table=t&id=id&data=${name}&expires=expires`,
        `table=t&id=id&columns=a,${name}&expires=expires`,
        `table=t&id=id&data=data&expires=${name}`,
        `${options}&lifetime=${name}`,
      ]) {
        assert.match(
          problemOf(`${base}?${query}`),
          /^(?:a table or a column is no name|each of its options)/,
          query,
        );
      }
    }
    assert.match(problemOf(`${base}?table=t&id=id&columns=a,a&expires=e`), /^columns= must be different/);
    const many = Array.from({ length: 33 }, (_, i) => `c${i}`).join(",");
    assert.match(problemOf(`${base}?table=t&id=id&columns=${many}&expires=e`), /at most 32$/);
  });

  it("needs an end of sessions, one of bytes and row, and times that there are", () => {
    assert.equal(problemOf(`${base}?table=t&id=id&data=data`), "it lacks expires=");
    assert.equal(problemOf(base), "it lacks table=, id=, expires=");
    for (const query of ["table=t&id=id&expires=e", `${options}&columns=a`]) {
      assert.equal(problemOf(`${base}?${query}`), "it must have one of data= and columns=");
    }
    assert.match(problemOf(`${base}?${options}&lifetime=999999999`), /above ten years/);
    for (const zone of ["Mars/Olympus", "'; DROP", "+01:00:00x"]) {
      assert.match(problemOf(`${base}?${options}&zone=${zone}`), /^zone= must be a time zone/);
    }
  });

  it("has a preset's options where it has none, and what belongs together from one of both", () => {
    const known = {
      table: "sessions",
      id: "id",
      data: "payload",
      expires: "last",
      lifetime: "7200",
      zone: "UTC",
    };
    assert.deepEqual(read(base, known).table, {
      ...{ names: ["sessions"], id: "id", data: "payload", zone: "UTC", expires: "last", lifetime: 7200 },
    });
    // A lifetime that was meant for another column would keep sessions alive that have ended.
    assert.deepEqual(read(`${base}?expires=ends`, known).table, {
      ...{ names: ["sessions"], id: "id", data: "payload", expires: "ends", lifetime: 0 },
    });
    const { data, columns } = read(`${base}?columns=user_id`, known).table;
    assert.deepEqual([data, columns], [undefined, ["user_id"]]);
    const { table } = read(`${base}?data=bytes&lifetime=60`, { ...known, data: undefined, columns: "a" });
    assert.deepEqual([table.data, table.columns, table.lifetime], ["bytes", undefined, 60]);
  });
});
