import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import {
  type LayerName,
  layerNames,
  maxLayers,
  readLayers,
} from "../../../../inspector/session/layers/layer-names.ts";
import { openLayers } from "../../../../inspector/session/layers/open-layers.ts";
import { maxSessionBytes, maxWrappedBytes } from "../../../../inspector/session/limits.ts";
import { UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";

const session = 'user|s:5:"alice";authenticated|b:1;';

/** The session below these layers, or the code of the error. */
function read(bytes: Uint8Array | string, ...layers: LayerName[]): string {
  try {
    return Buffer.from(openLayers(layers)(Buffer.from(bytes as string, "latin1"))).toString("latin1");
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, String(error));
    return error.code;
  }
}

function hex(...parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "hex") : part)));
}

const bytesOf = (text: string) => Buffer.from(text, "latin1");
const serialized = (text: string) => `s:${text.length}:"${text}";`;

/** Literals alone, as both compressions can write them. */
function lzfOf(text: string): Buffer {
  const runs = text.match(/[\s\S]{1,32}/g) ?? [];
  return Buffer.concat(runs.map((run) => Buffer.concat([Buffer.from([run.length - 1]), bytesOf(run)])));
}

function lz4BlockOf(text: string): Buffer {
  assert.ok(text.length >= 15 && text.length < 270);
  return hex("f0", Buffer.from([text.length - 15]), bytesOf(text));
}

/** The header of phpredis, whose checksum was computed by phpredis itself for these lengths. */
const phpredisHeaders: Readonly<Record<number, string>> = { 35: "3b23000000" };

function lengthOf(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return length;
}

/** By the layer's name: the session as PHP writes it below that layer. Zstandard has a test of its own. */
const samples: Readonly<Record<Exclude<LayerName, "zstd">, Buffer>> = {
  gzip: zlib.gzipSync(session),
  zlib: zlib.deflateSync(session),
  deflate: zlib.deflateRawSync(session),
  lzf: lzfOf(session),
  lz4: hex(phpredisHeaders[session.length] ?? "", lz4BlockOf(session)),
  magento: hex(bytesOf(":gz:"), zlib.deflateSync(session)),
  serialize: bytesOf(serialized(session)),
  igbinary: hex("000000021123", bytesOf(session)),
  msgpack: hex("d923", bytesOf(session)),
  yii2: bytesOf(`a:2:{i:0;${serialized(session)}i:1;N;}`),
  base64: bytesOf(Buffer.from(session).toString("base64")),
};

describe("SESSION_LAYERS", () => {
  it("is none, or names of layers, outermost first, of four at most", () => {
    assert.deepEqual(readLayers("none"), []);
    for (const name of layerNames) assert.deepEqual(readLayers(name), [name]);
    assert.deepEqual(readLayers("lzf, serialize"), ["lzf", "serialize"]);
    assert.deepEqual(readLayers(Array(maxLayers).fill("gzip").join())?.length, maxLayers);
    for (const wrong of ["", " ", "GZIP", "gzip;lzf", "none,gzip", "gzip,,lzf", "constructor"]) {
      assert.equal(readLayers(wrong), undefined, wrong);
    }
    assert.equal(
      readLayers(
        Array(maxLayers + 1)
          .fill("gzip")
          .join(),
      ),
      undefined,
    );
  });
});

describe("a layer", () => {
  for (const [name, bytes] of Object.entries(samples) as [LayerName, Buffer][]) {
    it(`${name} is taken off, and nothing that is less or more`, () => {
      assert.equal(read(bytes, name), session);
      for (let length = 1; length < bytes.length; length++) {
        const found = read(bytes.subarray(0, length), name);
        // A literal run of LZF, base64 and Magento's mark can end earlier: what is left is no session then.
        if (["lzf", "base64", "magento"].includes(name)) assert.notEqual(found, session, `${length}`);
        else assert.match(found, /^(?:truncated|malformed|bad-compression)$/, `${length}`);
      }
      const more = read(Buffer.concat([bytes, Buffer.from("x")]), name);
      assert.match(more, /^(?:truncated|malformed|bad-compression)$/);
    });

    it(`${name} is not taken for another`, () => {
      for (const other of Object.keys(samples) as LayerName[]) {
        if (other === name) continue;
        const found = read(bytes, other);
        // Magento's own session is one without a mark.
        if (other === "magento") assert.equal(found, bytes.toString("latin1"));
        else assert.match(found, /^(?:truncated|malformed|bad-compression)$/, other);
      }
    });
  }

  it("around nothing is nothing: a new session is empty", () => {
    for (const name of layerNames) assert.equal(read("", name), "");
    assert.equal(read('s:0:"";', "serialize", "gzip"), "");
  });

  it("within another is taken off after it", () => {
    const inner = zlib.gzipSync(session).toString("latin1");
    assert.equal(read(serialized(inner), "serialize", "gzip"), session);
    assert.equal(read(zlib.gzipSync(serialized(session)), "gzip", "serialize"), session);
    assert.match(read(serialized(inner), "gzip", "serialize"), /bad-compression/);
    assert.equal(
      read(Buffer.from(serialized(inner), "latin1").toString("base64"), "base64", "serialize", "gzip"),
      session,
    );
  });

  it("holds one string, and no other value", () => {
    for (const text of ["i:1;", "N;", "a:0:{}", `a:1:{i:0;${serialized(session)}}`, 'O:8:"stdClass":0:{}']) {
      assert.equal(read(text, "serialize"), "malformed", text);
    }
    for (const bytes of ["0000000200", "000000021400", "0000000214010600", "00000003110161", "0000000111"]) {
      assert.match(read(hex(bytes), "igbinary"), /^(?:malformed|truncated)$/, bytes);
    }
    for (const bytes of ["c0", "90", "81a161a162", "c40161", "01"]) {
      assert.match(read(hex(bytes), "msgpack"), /^(?:malformed|truncated)$/, bytes);
    }
    for (const text of [
      "a:0:{}",
      `a:1:{i:0;${serialized(session)}}`,
      `a:2:{i:0;${serialized(session)}i:1;i:0;}`,
      `a:2:{i:0;${serialized(session)}i:2;N;}`,
      `a:2:{i:0;i:7;i:1;N;}`,
      `a:3:{i:0;${serialized(session)}i:1;N;i:2;N;}`,
      serialized(session),
    ]) {
      assert.equal(read(text, "yii2"), "malformed", text);
    }
  });

  it("holds strings of every length that its format has", () => {
    for (const length of [0, 1, 31, 32, 255, 256, 65_535, 65_536]) {
      const text = "x".repeat(length);
      const size = (bytes: number) => Buffer.from(length.toString(16).padStart(2 * bytes, "0"), "hex");
      const fits = (bytes: number) => length < 256 ** bytes;
      for (const [bytes, igbinary, msgpack] of [
        [1, "11", "d9"],
        [2, "12", "da"],
        [4, "13", "db"],
      ] as const) {
        if (!fits(bytes)) continue;
        assert.equal(read(hex("00000001", igbinary, size(bytes), bytesOf(text)), "igbinary"), text);
        assert.equal(read(hex(msgpack, size(bytes), bytesOf(text)), "msgpack"), text);
      }
    }
    assert.equal(read(hex("000000020d"), "igbinary"), "");
    assert.equal(read(hex("a0"), "msgpack"), "");
  });

  it("magento is what its mark says, or nothing", () => {
    const l4 = hex(bytesOf(":l4:"), lengthOf(session), lz4BlockOf(session));
    assert.equal(read(l4, "magento"), session);
    assert.equal(read(hex(bytesOf(":lz:"), lzfOf(session)), "magento"), session);
    assert.equal(read(session, "magento"), session);
    assert.equal(read(`:sn:${session}`, "magento"), "snappy-unsupported");
    assert.equal(read(`:zs:${session}`, "magento"), "bad-compression");
    assert.equal(read(`:gz:${session}`, "magento"), "bad-compression");
    // Once: what was compressed is not looked at for a mark.
    assert.equal(read(hex(bytesOf(":gz:"), zlib.deflateSync(`:gz:${session}`)), "magento"), `:gz:${session}`);
  });

  it("gzip is one member: of several, PHP reads the first alone", () => {
    const two = Buffer.concat([zlib.gzipSync(session), zlib.gzipSync("x")]);
    assert.equal(read(two, "gzip"), "bad-compression");
  });

  it("is read or refused by a code, whatever the bytes", () => {
    const bytes = fc.uint8Array({ maxLength: 300, size: "max" });
    const layers = fc.array(fc.constantFrom(...layerNames), { minLength: 1, maxLength: maxLayers });
    fc.assert(
      fc.property(bytes, layers, (input, names) => {
        read(input, ...names);
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("what a layer makes", () => {
  const megabytes = 50_000_000;
  /** A match of LZF that copies 264 bytes from one back, and one of LZ4 that copies as many as it is told. */
  const lzfBomb = hex("0061", Buffer.alloc(3 * 200_000, hex("e0ff00")));
  const lz4BombOf = (length: number) => {
    const more = Math.floor((length - 24) / 255);
    return hex(
      "1f61",
      "0100",
      Buffer.alloc(more, 0xff),
      Buffer.from([(length - 24) % 255]),
      "50",
      bytesOf("aaaaa"),
    );
  };
  const sized = (length: number, block: Buffer) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length);
    return Buffer.concat([head, block]);
  };

  const bombs: readonly (readonly [LayerName, Buffer])[] = [
    ["gzip", zlib.gzipSync(Buffer.alloc(megabytes))],
    ["zlib", zlib.deflateSync(Buffer.alloc(megabytes))],
    ["deflate", zlib.deflateRawSync(Buffer.alloc(megabytes))],
    ["lzf", lzfBomb],
    ["lz4", hex("48", sized(megabytes, lz4BombOf(megabytes)))],
    ["zstd", hex("28b52ffda0", lengthOf("").fill(0xff), "00")],
    ["magento", hex(bytesOf(":gz:"), zlib.deflateSync(Buffer.alloc(megabytes)))],
    ["magento", hex(bytesOf(":l4:"), sized(megabytes, lz4BombOf(megabytes)))],
    ["magento", hex(bytesOf(":lz:"), lzfBomb)],
    ["magento", hex(bytesOf(":zs:"), hex("28b52ffda0", lengthOf("").fill(0xff), "00"))],
  ];

  for (const [name, bomb] of bombs) {
    it(`is at most a session's limit: ${name} of ${bomb.length} bytes`, () => {
      assert.equal(read(bomb, name), "too-large");
    });
  }

  it("is at most 256 times as much, but for small sessions", () => {
    const half = maxSessionBytes / 2;
    for (const [name, bytes] of [
      ["gzip", zlib.gzipSync(Buffer.alloc(half))],
      ["zlib", zlib.deflateSync(Buffer.alloc(half))],
      ["deflate", zlib.deflateRawSync(Buffer.alloc(half))],
      ["zstd", hex("28b52ffda0", sized(half, Buffer.alloc(9)))],
    ] as const) {
      assert.equal(read(bytes, name), "too-compressed", name);
    }
    const small = Buffer.alloc(65_536, 0x61);
    assert.equal(read(zlib.gzipSync(small), "gzip").length, small.length);
  });

  it("is nothing of a value that is larger than any session with what stands around it", () => {
    for (const name of layerNames) assert.equal(read(Buffer.alloc(maxWrappedBytes + 1), name), "too-large");
  });

  it("is never more than a session's limit where nothing is compressed", () => {
    const text = "x".repeat(maxSessionBytes);
    assert.equal(read(serialized(text), "serialize"), "too-large");
    assert.equal(read(Buffer.from(serialized(text)).toString("base64"), "base64", "serialize"), "too-large");
  });
});
