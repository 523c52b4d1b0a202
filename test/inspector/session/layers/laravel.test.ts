import assert from "node:assert/strict";
import { createCipheriv, createHmac, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { toDocument } from "../../../../inspector/session/document.ts";
import { laravelDecoder } from "../../../../inspector/session/layers/laravel.ts";
import { type LaravelKey, readLaravelKey } from "../../../../inspector/session/layers/laravel-key.ts";
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
  const cipher = createCipheriv("aes-256-cbc", withKey, iv);
  const value = Buffer.concat([cipher.update(serialized(text)), cipher.final()]).toString("base64");
  const signed = { iv: iv.toString("base64"), value, tag: "", ...changes };
  const mac = createHmac("sha256", withKey)
    .update(signed.iv + signed.value)
    .digest("hex");
  return Buffer.from(JSON.stringify({ mac, ...signed })).toString("base64");
}

function read(text: string, withKey?: LaravelKey): unknown {
  try {
    return JSON.parse(JSON.stringify(toDocument(laravelDecoder(withKey)(Buffer.from(text)))));
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, String(error));
    return error.code;
  }
}

describe("a Laravel session", () => {
  it("is its attributes, serialized once or twice", () => {
    assert.deepEqual(read(attributes), { user: 7 });
    assert.deepEqual(read(serialized(attributes)), { user: 7 });
    assert.deepEqual(read(""), {});
    assert.equal(read(serialized(serialized(attributes))), "malformed");
  });

  it("is nothing else", () => {
    for (const text of [
      "i:1;",
      "N;",
      'user|s:5:"alice";',
      `${attributes}x`,
      'O:1:"A":0:{}',
      encrypted(attributes),
    ]) {
      assert.equal(read(text), "malformed", text);
    }
  });

  it("is read by its key where it is encrypted, cached in redis or not", () => {
    assert.deepEqual(read(encrypted(attributes), key), { user: 7 });
    assert.deepEqual(read(serialized(encrypted(attributes)), key), { user: 7 });
    assert.deepEqual(read("", key), {});
  });

  it("is refused where it should be encrypted and is not", () => {
    for (const text of [attributes, serialized(attributes), "x", "e30=", "bnVsbA==", "W10="]) {
      assert.equal(read(text, key), "bad-encryption", text);
    }
  });

  it("is refused where another key made it, or somebody changed it", () => {
    assert.equal(read(encrypted(attributes, randomBytes(32)), key), "bad-encryption");
    for (const changes of [
      { mac: "0".repeat(64) },
      { mac: "" },
      { mac: null },
      { tag: "AAAA" },
      { iv: "AAAA" },
      { iv: 5 },
      { value: "" },
      { value: "AAAA" },
      { value: {} },
    ]) {
      assert.equal(read(encrypted(attributes, keyBytes, changes), key), "bad-encryption", inspect(changes));
    }
    const payload = JSON.parse(Buffer.from(encrypted(attributes), "base64").toString());
    const isRead = (changed: object) => read(Buffer.from(JSON.stringify(changed)).toString("base64"), key);
    assert.deepEqual(isRead(payload), { user: 7 });
    fc.assert(
      fc.property(
        fc.constantFrom("iv", "value", "mac"),
        fc.nat(),
        fc.constantFrom(..."Af0/"),
        (name, at, char) => {
          const text: string = payload[name];
          const place = at % text.length;
          const changed = text.slice(0, place) + char + text.slice(place + 1);
          if (changed !== text) assert.equal(isRead({ ...payload, [name]: changed }), "bad-encryption");
        },
      ),
    );
  });

  it("is refused at what was encrypted but is no session", () => {
    assert.equal(read(encrypted("i:1;"), key), "malformed");
    assert.equal(read(encrypted(encrypted(attributes)), key), "malformed");
  });
});

describe("Laravel's key", () => {
  it("is base64: and 32 bytes, and shows nothing of itself", () => {
    const text = keyBytes.toString("base64");
    for (const wrong of [
      "",
      text,
      "base64:",
      `base64:${text}=`,
      `base64:${text} `,
      "base64:YWJj",
      `hex:${text}`,
    ]) {
      assert.equal(readLaravelKey(wrong), undefined, wrong);
    }
    assert.doesNotMatch(inspect(key, { showHidden: true, depth: 9 }) + JSON.stringify(key), /[0-9a-f]{8}/i);
  });
});
