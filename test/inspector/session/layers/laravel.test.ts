import assert from "node:assert/strict";
import { type CipherGCMTypes, createCipheriv, createHmac, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { toDocument } from "../../../../inspector/session/document.ts";
import { laravelDecoder } from "../../../../inspector/session/layers/laravel.ts";
import {
  type LaravelKey,
  readLaravelKey,
  readLaravelKeys,
} from "../../../../inspector/session/layers/laravel-key.ts";
import { maxSessionBytes, maxWrappedBytes } from "../../../../inspector/session/limits.ts";
import { UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";

const attributes = 'a:1:{s:4:"user";i:7;}';
const keyBytes = randomBytes(32);
const key = readLaravelKey(`base64:${keyBytes.toString("base64")}`) as LaravelKey;

function serialized(text: string): string {
  return `s:${Buffer.byteLength(text)}:"${text}";`;
}

/** What Laravel's Encrypter makes of this text, with these changes to its payload. */
function encrypted(text: string, withKey = keyBytes, changes: Record<string, unknown> = {}): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv(`aes-${withKey.length * 8}-cbc`, withKey, iv);
  const value = Buffer.concat([cipher.update(serialized(text)), cipher.final()]).toString("base64");
  const signed = { iv: iv.toString("base64"), value, tag: "", ...changes };
  const mac = createHmac("sha256", withKey)
    .update(signed.iv + signed.value)
    .digest("hex");
  return Buffer.from(JSON.stringify({ mac, ...signed })).toString("base64");
}

function read(text: string, withKey?: LaravelKey | readonly LaravelKey[]): unknown {
  try {
    return JSON.parse(
      JSON.stringify(
        toDocument(laravelDecoder(withKey === undefined ? [] : [withKey].flat())(Buffer.from(text))),
      ),
    );
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, String(error));
    return error.code;
  }
}

/** The same by AES-GCM, whose payload has a tag and no MAC. */
function encryptedByGcm(text: string, withKey = keyBytes, changes: Record<string, unknown> = {}): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv(`aes-${withKey.length * 8}-gcm` as CipherGCMTypes, withKey, iv);
  const value = Buffer.concat([cipher.update(serialized(text)), cipher.final()]).toString("base64");
  const tag = cipher.getAuthTag().toString("base64");
  const payload = { iv: iv.toString("base64"), value, mac: "", tag, ...changes };
  return Buffer.from(JSON.stringify(payload)).toString("base64");
}

const json = '{"user":7}';

describe("a Laravel session", () => {
  it("is its attributes, in PHP's format or as JSON", () => {
    assert.deepEqual(read(attributes), { user: 7 });
    assert.deepEqual(read(json), { user: 7 });
    assert.deepEqual(read("[]"), {});
    assert.deepEqual(read(""), {});
  });

  it("is nothing else", () => {
    for (const text of [
      "i:1;",
      "N;",
      'user|s:5:"alice";',
      `${attributes}x`,
      `${json}x`,
      ` ${json}`,
      'O:1:"A":0:{}',
      serialized(attributes),
      serialized(json),
      encrypted(attributes),
      encryptedByGcm(json),
    ]) {
      assert.equal(read(text), "malformed", text);
    }
  });

  it("is read by its key where it is encrypted, in either format", () => {
    for (const text of [attributes, json]) {
      assert.deepEqual(read(encrypted(text), key), { user: 7 });
      assert.deepEqual(read(encryptedByGcm(text), key), { user: 7 });
    }
    assert.deepEqual(read("", key), {});
  });

  it("is read by AES-128, too, whose key is shorter", () => {
    const bytes = randomBytes(16);
    const short = readLaravelKey(`base64:${bytes.toString("base64")}`) as LaravelKey;
    assert.deepEqual(read(encrypted(json, bytes), short), { user: 7 });
    assert.deepEqual(read(encryptedByGcm(json, bytes), short), { user: 7 });
    assert.equal(read(encrypted(json), short), "bad-encryption");
    assert.equal(read(encrypted(json, bytes), key), "bad-encryption");
  });

  it("is read by a previous key, and by none that is not told", () => {
    const before = randomBytes(32);
    const previous = readLaravelKey(`base64:${before.toString("base64")}`) as LaravelKey;
    for (const text of [encrypted(json, before), encryptedByGcm(json, before)]) {
      assert.deepEqual(read(text, [key, previous]), { user: 7 });
      assert.equal(read(text, [key]), "bad-encryption");
    }
    assert.deepEqual(read(encrypted(json), [key, previous]), { user: 7 });
  });

  it("is refused where it should be encrypted and is not", () => {
    for (const text of [attributes, json, serialized(attributes), "x", "e30=", "bnVsbA==", "W10="]) {
      assert.equal(read(text, key), "bad-encryption", text);
    }
  });

  it("is refused where another key made it, or somebody changed it", () => {
    assert.equal(read(encrypted(attributes, randomBytes(32)), key), "bad-encryption");
    assert.equal(read(encryptedByGcm(attributes, randomBytes(32)), key), "bad-encryption");
    for (const changes of [
      { mac: "0".repeat(64) },
      { mac: "" },
      { mac: null },
      { tag: "AAAA" },
      { tag: 7 },
      { iv: "AAAA" },
      { iv: 5 },
      { value: "" },
      { value: "AAAA" },
      { value: {} },
    ]) {
      assert.equal(read(encrypted(attributes, keyBytes, changes), key), "bad-encryption", inspect(changes));
    }
    for (const changes of [
      { tag: "" },
      { tag: "AAAA" },
      { tag: Buffer.alloc(16).toString("base64") },
      { tag: Buffer.alloc(12).toString("base64") },
      { mac: "0".repeat(64) },
      { iv: Buffer.alloc(16).toString("base64") },
      { value: "AAAA" },
      { value: "" },
    ]) {
      assert.equal(
        read(encryptedByGcm(attributes, keyBytes, changes), key),
        "bad-encryption",
        inspect(changes),
      );
    }
    for (const [text, names] of [
      [encrypted(attributes), ["iv", "value", "mac"]],
      [encryptedByGcm(attributes), ["iv", "value", "tag"]],
    ] as const) {
      const payload = JSON.parse(Buffer.from(text, "base64").toString());
      const isRead = (changed: object) => read(Buffer.from(JSON.stringify(changed)).toString("base64"), key);
      assert.deepEqual(isRead(payload), { user: 7 });
      fc.assert(
        fc.property(fc.constantFrom(...names), fc.nat(), fc.constantFrom(..."Af0/"), (name, at, char) => {
          const part: string = payload[name];
          const place = at % part.length;
          const changed = part.slice(0, place) + char + part.slice(place + 1);
          const isSame = Buffer.from(part, "base64").equals(Buffer.from(changed, "base64"));
          if (!isSame) assert.equal(isRead({ ...payload, [name]: changed }), "bad-encryption");
        }),
      );
    }
  });

  it("is refused where it is larger than any session", () => {
    assert.equal(read("A".repeat(maxWrappedBytes + 1), key), "too-large");
    assert.equal(read(encrypted(`{"a":"${"x".repeat(maxSessionBytes)}"}`), key), "too-large");
    assert.notEqual(read(encrypted(`{"a":"${"x".repeat(maxSessionBytes - 100)}"}`), key), "too-large");
  });

  it("is refused at what was encrypted but is no session", () => {
    for (const text of ["i:1;", "7", '"alice"', "null"]) {
      assert.equal(read(encrypted(text), key), "malformed");
      assert.equal(read(encryptedByGcm(text), key), "malformed");
    }
    assert.equal(read(encrypted(encrypted(attributes)), key), "malformed");
  });
});

describe("Laravel's keys", () => {
  const text = keyBytes.toString("base64");

  it("are base64: and 16 or 32 bytes, and show nothing of themselves", () => {
    for (const wrong of [
      "",
      text,
      "base64:",
      `base64:${text}=`,
      `base64:${text} `,
      "base64:YWJj",
      `base64:${randomBytes(24).toString("base64")}`,
      `hex:${text}`,
    ]) {
      assert.equal(readLaravelKey(wrong), undefined, wrong);
    }
    assert.doesNotMatch(inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify(key), /[0-9a-f]{8}/i);
  });

  it("are a list where they are previous ones, of ten at most", () => {
    const one = `base64:${text}`;
    assert.equal(readLaravelKeys(one)?.length, 1);
    assert.equal(readLaravelKeys(`${one}, ${one}`)?.length, 2);
    assert.equal(readLaravelKeys(Array(10).fill(one).join(","))?.length, 10);
    for (const wrong of ["", ",", `${one},`, `${one},base64:`, Array(11).fill(one).join(",")]) {
      assert.equal(readLaravelKeys(wrong), undefined);
    }
  });
});
