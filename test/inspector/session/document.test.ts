import assert from "node:assert/strict";
import { test } from "node:test";
import { search } from "@aws-lambda-powertools/jmespath";
import { type Document, type DocumentObject, toDocument } from "../../../inspector/session/document.ts";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import { decodePhpSerialize } from "../../../inspector/session/formats/php-serialize.ts";
import { PhpArray, type PhpValue } from "../../../inspector/session/model.ts";
import { cpuMsOf } from "../../cpu-time.ts";

function documentOf(text: string): DocumentObject {
  return toDocument(decodePhp(Buffer.from(text, "latin1")));
}

/** What the value alone becomes, as JSON would have it. */
function shown(value: string): unknown {
  return JSON.parse(JSON.stringify(documentOf(`v|${value}`).v));
}

function object(document: Document | undefined): DocumentObject {
  assert.ok(typeof document === "object" && document !== null && !Array.isArray(document));
  return document;
}

test("a session is an object without a prototype, even when empty", () => {
  assert.equal(Object.getPrototypeOf(documentOf("")), null);
  assert.deepEqual(Object.keys(documentOf("")), []);
  assert.equal(Object.getPrototypeOf(documentOf("0|i:1;")), null);
});

test("scalars are themselves", () => {
  const document = documentOf('a|N;b|b:1;c|i:-5;d|d:0.5;e|s:2:"\xc3\xab";f|d:-0;g|i:9007199254740991;');
  assert.deepEqual(Object.values(document), [null, true, -5, 0.5, "ë", -0, 9007199254740991]);
});

test("what JSON lacks is marked", () => {
  assert.deepEqual(shown("i:9223372036854775807;"), { $int: "9223372036854775807" });
  assert.deepEqual(shown("i:-9007199254740992;"), { $int: "-9007199254740992" });
  assert.deepEqual(shown("d:NAN;"), { $float: "NAN" });
  assert.deepEqual(shown("d:INF;"), { $float: "INF" });
  assert.deepEqual(shown("d:-INF;"), { $float: "-INF" });
  assert.deepEqual(shown('s:2:"\xff\xfe";'), { $base64: "//4=" });
  assert.deepEqual(shown('E:10:"Role:Admin";'), { $enum: "Role::Admin" });
  assert.deepEqual(shown('C:3:"Leg":2:{ab}'), { $class: "Leg", $serialized: "ab" });
  assert.deepEqual(shown('C:3:"Leg":1:{\xff}'), { $class: "Leg", $serialized: { $base64: "/w==" } });
});

test("text is UTF-8 to the letter: no overlong forms, no surrogates, no replacement characters", () => {
  for (const bytes of ["\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "a\xffb"]) {
    const base64 = Buffer.from(bytes, "latin1").toString("base64");
    assert.deepEqual(shown(`s:${bytes.length}:"${bytes}";`), { $base64: base64 });
  }
  assert.equal(shown('s:4:"\xf0\x9f\x98\x80";'), "😀");
  assert.equal(shown('s:4:"\xef\xbb\xbfa";'), "\ufeffa");
  assert.equal(shown('s:2:"a\0";'), "a\0");
});

test("an array with keys 0..n-1 in order is an array, any other an object", () => {
  assert.deepEqual(shown("a:0:{}"), []);
  assert.deepEqual(shown('a:2:{i:0;s:1:"a";s:1:"1";N;}'), ["a", null]);
  assert.deepEqual(shown("a:2:{i:1;N;i:0;b:1;}"), { "1": null, "0": true });
  assert.deepEqual(shown("a:1:{i:1;N;}"), { "1": null });
  assert.deepEqual(shown("a:1:{i:-1;N;}"), { "-1": null });
  assert.deepEqual(shown('a:1:{s:2:"00";N;}'), { "00": null });
  assert.deepEqual(shown("a:1:{i:9223372036854775807;N;}"), { "9223372036854775807": null });
  assert.equal(Object.getPrototypeOf(documentOf("v|a:1:{i:1;N;}").v), null);
});

test("an object has its class and its properties", () => {
  assert.deepEqual(shown('O:4:"User":1:{s:1:"a";i:1;}'), { $class: "User", a: 1 });
  assert.deepEqual(shown('O:4:"User":1:{s:7:"\0User\0a";i:1;}'), { $class: "User", a: 1 });
  assert.deepEqual(shown('O:4:"User":3:{s:1:"a";i:1;s:4:"\0*\0b";i:2;s:7:"\0User\0c";i:3;}'), {
    $class: "User",
    a: 1,
    "User::b": 2,
    "User::c": 3,
  });
  assert.deepEqual(shown('O:4:"U\xe9er":0:{}'), { $class: { $base64: "Vellcg==" } });
});

test("no content can forge a mark", () => {
  assert.deepEqual(shown('O:4:"User":2:{s:6:"$class";s:5:"Admin";s:7:"$$class";i:1;}'), {
    $class: "User",
    $$class: "Admin",
    $$$class: 1,
  });
  for (const mark of ["$class", "$enum", "$base64", "$float", "$int", "$serialized", "$cycle"]) {
    assert.deepEqual(shown(`a:1:{s:${mark.length}:"${mark}";i:1;}`), { [`$${mark}`]: 1 });
    assert.deepEqual(Object.keys(documentOf(`${mark}|i:1;`)), [`$${mark}`]);
  }
});

test("a key that no mark can be confused with stands as it is in PHP", () => {
  const keys = ["$", "$$", "$name", "$$name", "$Class", "$class ", "$classes", "class", "a$class"];
  for (const key of keys) {
    assert.deepEqual(shown(`a:1:{s:${key.length}:"${key}";i:1;}`), { [key]: 1 });
    assert.deepEqual(Object.keys(documentOf(`${key}|i:1;`)), [key]);
  }
});

test("a key that is not UTF-8 collides with no other", () => {
  assert.deepEqual(shown('a:3:{s:1:"\xff";i:1;s:12:"$base64:/w==";i:2;s:13:"$$base64:/w==";i:3;}'), {
    "$base64:/w==": 1,
    "$$base64:/w==": 2,
    "$$$base64:/w==": 3,
  });
  const session = decodePhpSerialize(Buffer.from('a:1:{s:1:"\xff";i:1;}', "latin1"));
  assert.deepEqual(Object.keys(toDocument(session)), ["$base64:/w=="]);
});

test("prototype names are keys like any other", () => {
  const text = 'a:3:{s:9:"__proto__";a:1:{s:4:"auth";b:1;}s:11:"constructor";i:1;s:6:"length";i:2;}';
  const document = documentOf(`__proto__|${text}v|${text}`);
  assert.deepEqual(Object.keys(document), ["__proto__", "v"]);
  const inner = object(document.v);
  assert.deepEqual(Object.keys(inner), ["__proto__", "constructor", "length"]);
  assert.equal(inner.auth, undefined);
  assert.equal(document.auth, undefined);
  assert.equal(Object.getPrototypeOf(inner), null);
  assert.equal(({} as Record<string, unknown>).auth, undefined);
});

test("what is shared stays shared, and a cycle stays a cycle", () => {
  const document = documentOf('a|a:1:{i:0;i:1;}b|R:1;c|O:1:"A":1:{s:1:"x";r:3;}d|r:3;e|a:1:{i:0;R:6;}');
  assert.equal(document.a, document.b);
  assert.equal(document.c, document.d);
  assert.equal(object(document.c).x, document.c);
  assert.equal((document.e as Document[])[0], document.e);
});

test("references that double at each step stay linear", () => {
  let text = "v0|a:0:{}";
  for (let step = 1, slot = 1; step < 1000; step++, slot++) {
    text += `v${step}|a:2:{i:0;R:${slot};i:1;R:${slot};}`;
  }
  const document = documentOf(text);
  const last = document.v999 as Document[];
  assert.equal(last[0], document.v998);
  assert.equal(last[1], document.v998);
});

test("a long string met ten thousand times is converted once", () => {
  const long = "\xff".repeat(200_000);
  const references = Array.from({ length: 10_000 }, (_, index) => `i:${index};R:1;`).join("");
  let list: Document[] = [];
  const cpuMs = cpuMsOf(() => {
    list = documentOf(`a|s:${long.length}:"${long}";b|a:10000:{${references}}`).b as Document[];
  });
  assert.equal(list[0], list[9999]);
  assert.ok(cpuMs < 1000, `took ${cpuMs} ms`);
});

test("a model of any depth is no danger to the stack", () => {
  let value: PhpValue = null;
  for (let depth = 0; depth < 200_000; depth++) {
    const array: PhpArray = new PhpArray();
    array.entries.set(0, value);
    value = array;
  }
  let depth = 0;
  let document: Document | undefined = toDocument({ variables: new Map([["v", value]]) }).v;
  for (; Array.isArray(document); document = document[0]) depth++;
  assert.equal(depth, 200_000);
});

test("expressions find own keys only", () => {
  const document = documentOf(
    'u|O:4:"User":1:{s:10:"\0User\0name";s:5:"alice";}l|a:1:{i:0;s:1:"x";}symfony/user|b:1;',
  );
  assert.equal(search("u.name", document), "alice");
  assert.equal(search('u."$class"', document), "User");
  assert.equal(search("l[0]", document), "x");
  assert.equal(search('"symfony/user"', document), true);
  for (const expression of [
    "@.constructor",
    "@.__proto__",
    "u.constructor",
    "l.length",
    "u.__proto__",
    "u.name.length",
  ]) {
    assert.equal(search(expression, document), null, expression);
  }
});
