import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { toDocument } from "../../../../inspector/session/document.ts";
import { decodeJson } from "../../../../inspector/session/formats/json.ts";
import { decodePhpSerialize } from "../../../../inspector/session/formats/php-serialize.ts";
import { maxDepth, maxSessionBytes, maxValues } from "../../../../inspector/session/limits.ts";
import { PhpArray, PhpFloat } from "../../../../inspector/session/model.ts";
import { UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";
import { whoIsLoggedIn } from "../../../../inspector/who.ts";
import { cpuMsOf } from "../../../cpu-time.ts";
import { missing } from "../../../real/parts.ts";
import { runPhp } from "../../../real/php.ts";

function decode(text: string | Uint8Array) {
  return decodeJson(Buffer.from(text as string));
}

function documentOf(text: string | Uint8Array): unknown {
  return JSON.parse(JSON.stringify(toDocument(decode(text))));
}

function codeOf(text: string | Uint8Array): string {
  try {
    decode(text);
    return "readable";
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, String(error));
    return error.code;
  }
}

/** The name of the user whose id stands in the session. */
function userOf(id: string): string {
  const who = whoIsLoggedIn(decode(`{"ok":true,"id":${id}}`), { authenticated: "ok", user: "id" }, 0);
  return "userName" in who ? who.userName : who.reason;
}

describe("a session as JSON", () => {
  it("is one object or array, and no bytes are an empty one", () => {
    assert.deepEqual(documentOf('{"user":"alice","list":[1,{"a":null}],"ok":true,"no":false}'), {
      user: "alice",
      list: [1, { a: null }],
      ok: true,
      no: false,
    });
    assert.deepEqual(documentOf('["a","b"]'), { 0: "a", 1: "b" });
    assert.deepEqual(documentOf(' {\n"a" :\t1\r} '), { a: 1 });
    for (const text of ["", "{}", "[]"]) assert.deepEqual(documentOf(text), {});
    for (const text of ["7", '"alice"', "true", "null", "1.5"]) assert.equal(codeOf(text), "malformed", text);
  });

  it("holds PHP's keys: text that is a number is that number", () => {
    const { variables } = decode('{"a":{"5":1,"05":2,"-0":3,"":4,"__proto__":5}}');
    const array = variables.get("a") as PhpArray;
    assert.ok(array instanceof PhpArray);
    assert.deepEqual([...array.entries.keys()], [5, "05", "-0", "", "__proto__"]);
  });

  it("holds ints exactly, to 64 bits", () => {
    for (const id of ["0", "-7", "9007199254740991", "9007199254740993", "-9007199254740993"]) {
      assert.equal(userOf(id), id);
    }
    assert.equal(userOf("9223372036854775807"), "9223372036854775807");
    assert.equal(userOf("-9223372036854775808"), "-9223372036854775808");
    // PHP makes floats of these.
    for (const id of ["9223372036854775808", "-9223372036854775809", "1".repeat(400)]) {
      assert.equal(userOf(id), "no-user-name", id);
    }
  });

  it("holds floats, of which none is a user", () => {
    for (const id of ["1.0", "1e0", "1E2", "-0", "-0.0", "7.5", "1e999", "0.1e1", "9007199254740993.0"]) {
      assert.equal(userOf(id), "no-user-name", id);
    }
    assert.deepEqual(documentOf('{"a":1.0,"b":-0,"c":1e25,"d":1e999,"e":1.5}'), {
      a: { $float: "1.0" },
      b: { $float: "-0.0" },
      c: { $float: "1.0E+25" },
      d: { $float: "INF" },
      e: 1.5,
    });
  });

  it("holds text by its bytes of UTF-8, however it is escaped", () => {
    const escaped = String.raw`{"a":"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00\u0000 é€😀"}`;
    assert.deepEqual(documentOf(escaped), { a: '"\\/\b\f\n\r\té€😀\0 é€😀' });
    assert.deepEqual(documentOf(String.raw`{"\u0061\u005f":1}`), { a_: 1 });
  });

  it("is refused where PHP refuses it", () => {
    const half = String.raw`{"a":"\ud800"}`;
    const wrong = [
      half,
      String.raw`{"a":"\ude00"}`,
      String.raw`{"a":"\ud800\u0041"}`,
      String.raw`{"a":"\ud800x"}`,
    ];
    wrong.push(
      '{"a":"\n"}',
      '{"a":"\0"}',
      String.raw`{"a":"\x41"}`,
      String.raw`{"a":"\u00g0"}`,
      String.raw`{"a":"\u12"}`,
    );
    wrong.push(
      "{'a':1}",
      "{a:1}",
      '{"a":1,}',
      "[1,]",
      "[,1]",
      '{"a" 1}',
      '{"a":}',
      '{"a":1}x',
      "[1 2]",
      '{"a":1}{}',
    );
    wrong.push(
      '{"a":01}',
      '{"a":+1}',
      '{"a":.5}',
      '{"a":1.}',
      '{"a":1e}',
      '{"a":0x1}',
      '{"a":NaN}',
      '{"a":-}',
    );
    wrong.push(
      '{"a":True}',
      '{"a":nul}',
      '{"a":truex}',
      "//\n{}",
      "\ufeff{}",
      "{1:2}",
      "{null:1}",
      '{"a":1]',
      "[1}",
    );
    for (const text of wrong) assert.match(codeOf(text), /^(?:malformed|truncated)$/, text);
    assert.equal(codeOf(Buffer.from('{"a":"\xff"}', "latin1")), "malformed");
    assert.equal(codeOf(Buffer.from('{"a":"\xc0\xaf"}', "latin1")), "malformed");
  });

  it("is refused with a name given twice, of which PHP would take the last", () => {
    for (const text of [
      '{"a":1,"a":2}',
      String.raw`{"a":1,"\u0061":2}`,
      '{"x":{"5":1,"5":2}}',
      '{"a":null,"a":1}',
    ]) {
      assert.equal(codeOf(text), "malformed", text);
    }
  });

  it("is refused at every cut", () => {
    const text = '{"a":[1,-2.5e3,"x\\u00e9"],"b":{"c":true,"d":null}}';
    for (let length = 1; length < text.length; length++) {
      assert.match(codeOf(text.slice(0, length)), /^(?:truncated|malformed)$/, text.slice(0, length));
    }
  });

  it("keeps to the limits of every session", () => {
    assert.equal(codeOf(`{"a":"${"x".repeat(maxSessionBytes)}"}`), "too-large");
    assert.equal(codeOf("[".repeat(maxDepth) + "]".repeat(maxDepth)), "readable");
    assert.equal(codeOf("[".repeat(maxDepth + 1) + "]".repeat(maxDepth + 1)), "too-deep");
    assert.equal(codeOf(`{"a":${"[".repeat(400_000)}`), "too-deep");
    assert.equal(codeOf(`[${"1,".repeat(maxValues - 2)}1]`), "readable");
    assert.equal(codeOf(`[${"1,".repeat(maxValues)}1]`), "too-many-values");
    // A long number is not turned into an int of its length first.
    assert.equal(codeOf(`[${"9".repeat(500_000)}]`), "readable");
  });

  it("takes time by its length, however its texts are made", () => {
    const half = maxSessionBytes / 2 - 10;
    for (const text of [
      `["${"\\n".repeat(half)}"]`,
      `["${'\\"'.repeat(half)}"]`,
      `["${"\\n".repeat(half)}`,
      `["${"\\u00e9".repeat(80_000)}"]`,
      `[${'"",'.repeat(99_000)}1]`,
      `["${"x".repeat(2 * half)}"]`,
      `[${"1".repeat(2 * half)}]`,
      " ".repeat(maxSessionBytes),
    ]) {
      const tookMs = cpuMsOf(() => codeOf(text));
      assert.ok(tookMs < 2000, `${text.slice(0, 10)} took ${tookMs} ms`);
    }
  });

  it("is what JSON.parse makes of JSON.stringify's text", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value);
        // JSON.parse takes -0 and 1e21 for the number that they are.
        fc.pre(!/-0[,\]}]|[0-9]e\+/.test(text) && !/\\ud[89a-f]/i.test(text));
        assert.deepEqual(plain(decode(text).variables), plain(JSON.parse(text)));
      }),
    );
  });

  it("is read as PHP reads it", { skip: missing("php") }, () => {
    const texts = fc.sample(fc.oneof(fc.json(), fc.string(), damaged()), 3000);
    const code =
      "foreach (json_decode(stream_get_contents(STDIN)) as $text) { $value = json_decode(base64_decode($text), true); " +
      "echo is_array($value) ? base64_encode(serialize($value)) : '-', PHP_EOL; }";
    const input = JSON.stringify(texts.map((text) => Buffer.from(text).toString("base64")));
    const lines = runPhp(code, { serialize_precision: -1 }, input).toString().trim().split("\n");
    let readable = 0;
    for (const [place, text] of texts.entries()) {
      const line = lines[place] ?? "";
      if (codeOf(text) === "readable" && text !== "") {
        assert.notEqual(line, "-", text);
        const php = decodePhpSerialize(Buffer.from(line, "base64"));
        assert.deepEqual(shapeOf(decode(text).variables), shapeOf(php.variables), text);
        readable++;
      } else if (line !== "-") {
        // A name given twice is the only thing that PHP takes and we do not.
        assert.ok(text !== "" && JSON.stringify(JSON.parse(text)).length < text.length, text);
      }
    }
    assert.ok(readable > 300, `${readable}`);
  });
});

/** The value by arrays of pairs, in its order, and a float that is a whole number as the number that it is. */
function shapeOf(value: unknown): unknown {
  if (value instanceof PhpArray) return shapeOf(value.entries);
  if (value instanceof Map) return [...value].map(([key, item]) => [key, shapeOf(item)]);
  return value instanceof PhpFloat ? value.value : value;
}

/** JSON with one character in the place of another. */
function damaged(): fc.Arbitrary<string> {
  return fc.tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[]",:\\u0eE-.1x ')).map(([text, at, char]) => {
    const place = at % text.length;
    return text.slice(0, place) + char + text.slice(place + 1);
  });
}

/** The same by arrays of pairs, for JSON's objects and PHP's arrays alike. */
function plain(value: unknown): unknown {
  if (value instanceof PhpArray) return plain(value.entries);
  if (value instanceof Map) {
    return [...value].map(([key, item]) => [String(key), plain(item)]).sort(byKey);
  }
  if (typeof value === "string") return Buffer.from(value, "latin1").toString();
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof PhpFloat) return value.value;
  return Object.entries(value)
    .map(([key, item]) => [Buffer.from(key).toString("latin1"), plainOf(item)])
    .sort(byKey);
}

function plainOf(value: unknown): unknown {
  return typeof value === "string" ? value : plain(value);
}

function byKey([a]: unknown[], [b]: unknown[]): number {
  return String(a) < String(b) ? -1 : 1;
}
