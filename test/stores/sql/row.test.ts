import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import { decodePhpSerialize } from "../../../inspector/session/formats/php-serialize.ts";
import { maxSessionBytes, maxWrappedBytes } from "../../../inspector/session/limits.ts";
import { sessionBytesOf } from "../../../inspector/session/stored-value.ts";
import { type Row, sessionsOfRows } from "../../../stores/sql/row.ts";
import type { SqlTable } from "../../../stores/sql/sql-url.ts";

const table: SqlTable = { names: ["t"], id: "id", data: "data", expires: "expires", lifetime: 0 };
const row: Row = {
  id: "abc",
  isTooLarge: false,
  values: ["user|N;"],
  expires: { seconds: 100 },
  lifetime: null,
};

function textOf(rows: readonly Row[], nowSeconds = 99, changes: Partial<SqlTable> = {}, key = "abc") {
  const [found] = sessionsOfRows([key], rows, { ...table, ...changes }, nowSeconds);
  return found && Buffer.from(found.bytes).toString();
}

describe("a row", () => {
  it("is the session of the key that its id is, byte by byte, and of no other", () => {
    assert.equal(textOf([row]), "user|N;");
    assert.equal(textOf([{ ...row, id: Buffer.from("abc") }]), "user|N;");
    assert.equal(textOf([{ ...row, id: 7n }], 99, {}, "7"), "user|N;");
    for (const id of [
      "ABC",
      "abc ",
      " abc",
      "a\u0301bc",
      "abc\0",
      "",
      null,
      0n,
      true,
      Buffer.from("abc\0"),
    ]) {
      assert.equal(textOf([{ ...row, id }]), null, String(id));
    }
    assert.equal(textOf([{ ...row, id: "ABC", values: ["other"] }, row]), "user|N;");
    assert.equal(textOf([]), null);
  });

  it("is none from the second on in which its time and its lifetime have passed", () => {
    assert.equal(textOf([row], 99.999), "user|N;");
    assert.equal(textOf([row], 100), null);
    assert.equal(textOf([row], 109, { lifetime: 10 }), "user|N;");
    assert.equal(textOf([row], 110, { lifetime: 10 }), null);
    const lasting = { lifetime: { column: "lasts" } };
    assert.equal(textOf([{ ...row, lifetime: 10n }], 109, lasting), "user|N;");
    assert.equal(textOf([{ ...row, lifetime: "10" }], 110, lasting), null);
    assert.equal(textOf([{ ...row, expires: null }], 0), null);
  });

  it("tells an operator what is wrong with its times", () => {
    const detailOf = (rows: readonly Row[], changes: Partial<SqlTable> = {}) => {
      try {
        return assert.fail(String(textOf(rows, 99, changes)));
      } catch (error) {
        return (error as { detail?: string }).detail;
      }
    };
    assert.match(detailOf([{ ...row, expires: undefined }]) ?? "", /expires= holds no time/);
    assert.match(detailOf([{ ...row, expires: { local: "2026-01-01 00:00:00" } }]) ?? "", /add &zone=/);
    assert.match(detailOf([{ ...row, expires: { local: "never" } }], { zone: "UTC" }) ?? "", /holds no time/);
    for (const lifetime of ["-1", "1e3", "", null, "9".repeat(13)]) {
      assert.match(
        detailOf([{ ...row, lifetime }], { lifetime: { column: "l" } }) ?? "",
        /lifetime= holds no seconds/,
      );
    }
  });

  it("is unreadable where another has the same id, and costs no other key its session", () => {
    const other = { ...row, id: "other" };
    const [doubled, found] = sessionsOfRows(["abc", "other"], [row, other, row], table, 99);
    assert.equal(doubled?.unreadable, "several-rows");
    assert.equal(found && Buffer.from(found.bytes).toString(), "user|N;");
  });

  it("has no bytes where its column is NULL, and too many where its value is too large", () => {
    assert.equal(textOf([{ ...row, values: [null] }]), "");
    const [found] = sessionsOfRows(["abc"], [{ ...row, isTooLarge: true, values: [null] }], table, 99);
    assert.equal(found?.bytes.length, maxWrappedBytes + 1);
  });

  it("is unreadable where the database may have changed the bytes of its text", () => {
    // A visitor's nickname. The connection of the site is in Latin 1: for it the nickname is the whole session.
    const behind = '";user|s:5:"admin";x|s:0:"';
    const forged = `nick|s:${2 * behind.length}:"${"ë".repeat(behind.length)}${behind}";`;
    assert.deepEqual([...decodePhp(Buffer.from(forged, "latin1")).variables.keys()], ["nick"]);
    assert.equal(decodePhp(Buffer.from(forged)).variables.get("user"), "admin");
    const unreadable = (value: string | Uint8Array, changes: Partial<SqlTable> = {}) =>
      sessionsOfRows(["abc"], [{ ...row, values: [value] }], { ...table, ...changes }, 99)[0]?.unreadable;
    assert.equal(unreadable(forged), "uncertain-charset");
    assert.equal(unreadable('user|s:3:"Zo\u00eb"', { charset: "utf8" }), undefined);
    assert.equal(unreadable('user|s:3:"\ufffd"', { charset: "utf8" }), "uncertain-charset");
    assert.equal(unreadable("user|N;\x7f\0"), undefined);
    assert.equal(unreadable(Buffer.from(forged)), undefined);
    const [found = null] = sessionsOfRows(["abc"], [{ ...row, values: [forged] }], table, 99);
    assert.ok(found);
    assert.throws(() => sessionBytesOf(found), { name: "UnreadableSessionError", code: "uncertain-charset" });
  });

  it("is a session that PHP's own format holds, whatever its columns hold", () => {
    const columns = ["a", "b$-_", "c", "d", "e", "f", "g"];
    const values = [-(2n ** 63n), 2n ** 63n, 'x";s:1:"y', Buffer.from([0, 34, 255]), true, null, "ë"];
    const { data: _, ...rest } = table;
    const [found] = sessionsOfRows(["abc"], [{ ...row, values }], { ...rest, columns }, 99);
    const { variables } = decodePhpSerialize(found?.bytes ?? new Uint8Array());
    assert.deepEqual(
      [...variables],
      [
        ["a", -(2n ** 63n)],
        ["b$-_", "9223372036854775808"],
        ["c", 'x";s:1:"y'],
        ["d", '\0"\xff'],
        ["e", true],
        ["f", null],
        ["g", "Ã«"],
      ],
    );
    const large = "x".repeat(maxSessionBytes / 2);
    const [tooLarge] = sessionsOfRows(
      ["abc"],
      [{ ...row, values: [large, large] }],
      { ...rest, columns: ["a", "b"] },
      99,
    );
    assert.equal(tooLarge?.bytes.length, maxWrappedBytes + 1);
  });
});
