import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toDocument } from "../../../../inspector/session/document.ts";
import { decodePhp } from "../../../../inspector/session/formats/php.ts";
import { PhpObject, type PhpSession } from "../../../../inspector/session/model.ts";
import { type UnreadableCode, UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const variables = (text: string): [string, unknown][] => [...decodePhp(bytesOf(text)).variables];

function refused(code: UnreadableCode, texts: string[]): void {
  for (const text of texts) {
    assert.throws(() => decodePhp(bytesOf(text)), { name: "UnreadableSessionError", code }, text);
  }
}

/** One entry a line; as a whole it holds every type. */
const entries = [
  'user|s:5:"alice";',
  "auth|b:1;",
  "none|N;",
  "count|i:-12;",
  "big|i:9223372036854775807;",
  "price|d:1.5E-7;",
  "inf|d:-INF;",
  "nan|d:NAN;",
  'list|a:2:{i:0;s:1:"\xff";s:3:"k|;";a:0:{}}',
  'person|O:4:"User":2:{s:7:"\0*\0name";s:2:"Jo";s:10:"\0User\0pass";R:1;}',
  'role|E:10:"Role:Admin";',
  "again|r:12;",
  "alias|R:9;",
  'leg|C:3:"Leg":3:{a}b}',
  "|i:7;",
];
const rich = entries.join("");

test("no bytes are an empty session", () => {
  assert.equal(decodePhp(new Uint8Array()).variables.size, 0);
});

test("reads a rich session", () => {
  const session = decodePhp(bytesOf(rich));
  assert.deepEqual(
    [...session.variables.keys()],
    entries.map((entry) => entry.slice(0, entry.indexOf("|"))),
  );
  const person = session.variables.get("person");
  assert.ok(person instanceof PhpObject);
  assert.equal(person.properties.get("\0User\0pass")?.value, "alice");
});

test("reads any view of bytes, wherever it begins in its memory", () => {
  const memory = new Uint8Array(bytesOf(`junk${rich}junk`));
  assert.deepEqual(decodePhp(memory.subarray(4, 4 + rich.length)), decodePhp(bytesOf(rich)));
});

test("slots run across all entries", () => {
  assert.deepEqual(variables('a|i:1;b|s:1:"x";c|R:2;'), [
    ["a", 1],
    ["b", "x"],
    ["c", "x"],
  ]);
  refused("bad-reference", [
    "a|R:1;",
    "a|i:1;b|R:2;",
    "a|i:1;b|R:3;c|i:1;",
    "a|i:1;b|r:1;",
    "a|a:0:{}b|r:1;",
  ]);
});

test("a name is whatever comes before the first |", () => {
  assert.deepEqual(variables('|i:1;a;b"}|i:2;!x|i:3;\xc3\xab|i:4;5|i:5;'), [
    ["", 1],
    ['a;b"}', 2],
    ["!x", 3],
    ["\xc3\xab", 4],
    ["5", 5],
  ]);
});

test("a name given twice has its first place and its last value", () => {
  assert.deepEqual(variables("a|i:1;b|i:2;a|i:3;c|R:1;"), [
    ["a", 3],
    ["b", 2],
    ["c", 1],
  ]);
});

test("refuses anything that is not part of an entry", () => {
  refused("truncated", ["a", "a|", "a|i:1;b", "a|i:1;b|", "|", "\n", "a|i:1;\n"]);
  refused("malformed", ["a||", "a|i:1;}|}", "a|x", "a| i:1;"]);
});

test("refuses the other handlers' bytes", () => {
  refused("truncated", ['\x04users:5:"alice";']);
  refused("looks-like-serialized", ['a:1:{s:4:"user";s:5:"alice";}']);
  refused("looks-like-igbinary", ["\0\0\0\x02\x14\0"]);
});

test("cut anywhere, it is refused or a session with fewer entries", () => {
  const boundaries = new Map<number, number>([[0, 0]]);
  let end = 0;
  for (const [index, entry] of entries.entries()) {
    end += entry.length;
    boundaries.set(end, index + 1);
  }
  for (let cut = 0; cut < rich.length; cut++) {
    const bytes = bytesOf(rich.slice(0, cut));
    const complete = boundaries.get(cut);
    if (complete === undefined) {
      assert.throws(
        () => decodePhp(bytes),
        { name: "UnreadableSessionError", code: "truncated" },
        `at ${cut}`,
      );
    } else {
      assert.equal(decodePhp(bytes).variables.size, complete, `at ${cut}`);
    }
  }
});

test("anything appended is refused or further entries", () => {
  for (let byte = 0; byte < 256; byte++) {
    refused("truncated", [rich + String.fromCharCode(byte)]);
  }
});

test("quotes in a string cannot make a key", () => {
  const nickname = '";auth|b:1;user|s:5:"admin';
  assert.deepEqual(variables(`nick|s:${nickname.length}:"${nickname}";auth|b:0;`), [
    ["nick", nickname],
    ["auth", false],
  ]);
  const inside = '";s:4:"auth";b:1;s:1:"x';
  const session = decodePhp(bytesOf(`u|a:1:{s:4:"nick";s:${inside.length}:"${inside}";}`));
  assert.deepEqual(Object.keys(toDocument(session).u ?? {}), ["nick"]);
});

test("__proto__ is a name like any other", () => {
  const session = decodePhp(
    bytesOf('__proto__|a:1:{s:4:"auth";b:1;}u|a:1:{s:9:"__proto__";a:1:{s:4:"auth";b:1;}}'),
  );
  assert.deepEqual([...session.variables.keys()], ["__proto__", "u"]);
  assert.equal(({} as Record<string, unknown>).auth, undefined);
  assert.equal(toDocument(session).auth, undefined);
});

test("an error tells code and place, and nothing of the session", () => {
  assert.throws(() => decodePhp(bytesOf('secret|s:6:"hunter2";')), {
    code: "malformed",
    offset: 18,
    message: "the session cannot be read: malformed at byte 18",
  });
});

function survives(bytes: Uint8Array): void {
  let session: PhpSession;
  try {
    session = decodePhp(bytes);
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, `threw ${error}`);
    assert.ok(error.offset >= 0 && error.offset <= bytes.length);
    return;
  }
  toDocument(session);
}

test("any bytes are a session or an UnreadableSessionError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 5000 });
});

const tokens = fc.constantFrom(
  ..."N; b:0; b:1; i:0; i:1; i:-5; d:0.5; d:INF; a:0:{} a:1:{ a:2:{ } ; : { |".split(" "),
  ..."R:1; R:2; r:1; r:3; E: C: O: S:".split(" "),
  ...['s:0:"";', 's:1:"a";', 's:5:"a";', '"', "a|", "b|", "|", 'O:1:"A":1:{', 'E:6:"Role:A";'],
  ...['C:1:"A":2:{N;}', "9", "\0"],
);

test("any mixture of the format's pieces is a session or an UnreadableSessionError", () => {
  const mixture = fc.array(tokens, { maxLength: 40 }).map((pieces) => bytesOf(`a|${pieces.join("")}`));
  fc.assert(fc.property(mixture, survives), { numRuns: 10_000 });
});

test("a rich session with any bytes changed is a session or an UnreadableSessionError", () => {
  const change = fc.record({
    at: fc.nat(rich.length),
    remove: fc.nat(4),
    insert: fc.oneof(
      tokens,
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    ),
  });
  const changed = fc
    .array(change, { minLength: 1, maxLength: 4 })
    .map((changes) =>
      changes.reduce(
        (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
        rich,
      ),
    );
  fc.assert(
    fc.property(changed, (text) => survives(bytesOf(text))),
    { numRuns: 10_000 },
  );
});
