import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { crc32, fnv1a, md5, md5Words, oneAtATime } from "../../../stores/placement/hashes.ts";

const fox = "The quick brown fox jumps over the lazy dog";

describe("the hashes of PHP's memcached clients give their own published values", () => {
  it("Jenkins' one-at-a-time", () => {
    assert.equal(oneAtATime("a"), 0xca2e9442);
    assert.equal(oneAtATime(fox), 0x519e91f5);
    assert.equal(oneAtATime(""), 0);
  });

  it("CRC-32", () => {
    assert.equal(crc32("123456789"), 0xcbf43926);
    assert.equal(crc32(fox), 0x414fa339);
    assert.equal(crc32(""), 0);
  });

  it("FNV-1a", () => {
    assert.equal(fnv1a("a"), 0xe40c292c);
    assert.equal(fnv1a("foobar"), 0xbf9cf968);
    assert.equal(fnv1a(""), 0x811c9dc5);
  });

  it("MD5 (RFC 1321), as four little-endian words", () => {
    assert.deepEqual(md5Words("abc"), [0x98500190, 0xb04fd23c, 0x7d3f96d6, 0x727fe128]);
    assert.equal(md5("abc"), 0x98500190);
  });
});
