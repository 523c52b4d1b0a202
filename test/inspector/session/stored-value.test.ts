import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import * as zlib from "node:zlib";
import fc from "fast-check";
import { decoders } from "../../../inspector/session/formats/formats.ts";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { sessionBytesOf } from "../../../inspector/session/stored-value.ts";
import { UnreadableSessionError } from "../../../inspector/session/unreadable.ts";
import { connectPlain } from "../../../stores/memcached/plain.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createPlacement } from "../../../stores/placement/placement.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { runPhp } from "../../real/php.ts";

const session = 'user|s:5:"alice";authenticated|b:1;';

function text(bytes: Uint8Array, flags: number): string {
  return Buffer.from(sessionBytesOf({ bytes, flags })).toString("latin1");
}

function codeOf(bytes: Uint8Array | string, flags: number, handler?: string): string {
  try {
    sessionBytesOf({ bytes: Buffer.from(bytes as string, "latin1"), flags }, handler);
    return "readable";
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, String(error));
    return error.code;
  }
}

/** What \Memcached puts before a payload: the original's length. */
function withLength(length: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(length);
  return Buffer.concat([head, payload]);
}

function openStore({ host, port }: Memcached): NodeStore {
  const nodes = [{ host, port, weight: 1 }];
  return new NodeStore({
    connect: connectPlain,
    nodes,
    placement: createPlacement("ketama", nodes, 0),
    keyOf: (id) => id,
    nowMs: () => performance.now(),
    timeoutMs: 2000,
  });
}

describe("a stored value", () => {
  it("is the session itself where there are no flags, whatever the bytes", () => {
    assert.equal(text(Buffer.from(session), 0), session);
    assert.equal(text(zlib.deflateSync(session), 0), zlib.deflateSync(session).toString("latin1"));
  });

  it("is decompressed as \\Memcached's flags say", () => {
    assert.equal(text(withLength(session.length, zlib.deflateSync(session)), 0x30), session);
    assert.equal(text(withLength(3, Uint8Array.of(2, 0x61, 0x62, 0x63)), 0x50), "abc");
  });

  it("is decompressed as pecl-memcache's flag says", () => {
    assert.equal(text(zlib.deflateSync(session), 2), session);
  });

  it("was serialized twice at type 4, if it is a string still", () => {
    const twice = `s:${session.length}:"${session}";`;
    assert.equal(text(Buffer.from(twice), 4), session);
    assert.equal(text(withLength(twice.length, zlib.deflateSync(twice)), 0x34), session);
    for (const value of ["b:1;", "N;", 'O:8:"stdClass":0:{}']) assert.equal(codeOf(value, 4), "malformed");
    assert.equal(codeOf(`${twice} `, 4), "malformed");
  });

  it("is an array's bytes at type 4 or 5, if the serialize handler is the client's", () => {
    const array = Buffer.from('a:1:{s:4:"user";s:5:"alice";}');
    const igbinary = Buffer.from("0000000214011104757365721105616c696365", "hex");
    for (const [bytes, type, handler] of [
      [array, 4, "php_serialize"],
      [igbinary, 5, "igbinary"],
    ] as const) {
      const packed = withLength(bytes.length, zlib.deflateSync(bytes));
      assert.deepEqual(sessionBytesOf({ bytes, flags: type }, handler), bytes);
      assert.deepEqual(Buffer.from(sessionBytesOf({ bytes: packed, flags: 0x30 + type }, handler)), bytes);
      for (const other of ["php", "php_binary", "php_serialize", "igbinary", "msgpack", "json", "laravel"]) {
        if (other !== handler) assert.equal(codeOf(bytes, type, other), "array-of-client", other);
      }
      assert.equal(codeOf(bytes, type), "array-of-client");
    }
    // pecl-memcache, and MediaWiki's own client.
    assert.deepEqual(sessionBytesOf({ bytes: array, flags: 1 }, "php_serialize"), array);
    assert.deepEqual(
      Buffer.from(sessionBytesOf({ bytes: zlib.deflateSync(array), flags: 3 }, "php_serialize")),
      array,
    );
    for (const other of ["php", "php_binary", "igbinary", "msgpack", "json", "laravel"]) {
      assert.equal(codeOf(array, 1, other), "array-of-client", other);
      assert.equal(codeOf(zlib.deflateSync(array), 3, other), "array-of-client", other);
    }
    // A string that was serialized twice is undone for every handler.
    assert.equal(codeOf(`s:${array.length}:"${array}";`, 4, "php_serialize"), "readable");
  });

  it("is refused with any other flags", () => {
    const known = new Set([0, 1, 2, 3, 4, 5, 0x30, 0x34, 0x35, 0x50, 0x54, 0x55, 0x90, 0x94, 0x95]);
    for (let flags = 0; flags < 0x1000; flags++) {
      if (!known.has(flags)) assert.equal(codeOf(session, flags), "unknown-flags", `${flags}`);
    }
    for (const flags of [0x10000, 0x10030, 0x80000000, 0xffffffff, -1]) {
      assert.equal(codeOf(session, flags), "unknown-flags", `${flags}`);
    }
  });

  it("is refused where it cannot be decompressed to its length", () => {
    const payload = zlib.deflateSync(session);
    for (const flags of [0x30, 0x50]) {
      assert.equal(codeOf("\x01\x00", flags), "truncated");
      assert.equal(codeOf(withLength(session.length + 1, payload), flags), "bad-compression");
      assert.equal(codeOf(withLength(session.length - 1, payload), flags), "bad-compression");
      assert.equal(codeOf(withLength(session.length, payload.subarray(0, -5)), flags), "bad-compression");
      assert.equal(codeOf(withLength(session.length, Buffer.from(session)), flags), "bad-compression");
    }
    assert.equal(codeOf(session, 2), "bad-compression");
  });

  it("is never decompressed past a session's limit", () => {
    const bomb = zlib.deflateSync(Buffer.alloc(50_000_000));
    assert.ok(bomb.length < 60_000);
    assert.equal(codeOf(bomb, 2), "too-large");
    assert.equal(codeOf(withLength(50_000_000, bomb), 0x30), "too-large");
    assert.equal(codeOf(withLength(100, bomb), 0x30), "too-large");
    assert.equal(codeOf(withLength(0xffffffff, Buffer.alloc(9)), 0x50), "too-large");
    assert.equal(codeOf(withLength(maxSessionBytes + 1, Buffer.alloc(9)), 0x50), "too-large");
  });

  it("is decompressed by Zstandard where Node.js can, and refused by name where not", () => {
    const { zstdCompressSync } = zlib as {
      readonly zstdCompressSync?: (
        data: string | Uint8Array,
        options: { readonly pledgedSrcSize: number },
      ) => Buffer;
    };
    if (zstdCompressSync === undefined) {
      // By PHP's zstd: "hello " twenty times.
      const frame = Buffer.from("28b52ffd20786d00003068656c6c6f2001002f692902", "hex");
      assert.equal(codeOf(withLength(120, frame), 0x90), "zstd-unsupported");
      return;
    }
    // PHP's clients always say in the frame how long its content is.
    const compress = (data: string | Uint8Array) => zstdCompressSync(data, { pledgedSrcSize: data.length });
    assert.equal(text(withLength(session.length, compress(session)), 0x90), session);
    const bomb = compress(Buffer.alloc(50_000_000));
    assert.equal(codeOf(withLength(100, bomb), 0x90), "too-large");
    assert.equal(codeOf(withLength(100, Buffer.from(session)), 0x90), "bad-compression");
  });

  it("is read or refused by a code, whatever the bytes", () => {
    const flags = fc.constantFrom(2, 4, 0x30, 0x34, 0x50, 0x54);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200, size: "max" }),
        fc.nat(2000),
        flags,
        (bytes, length, flag) => {
          codeOf(bytes, flag);
          codeOf(withLength(length, bytes), flag);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

// Text, noise, long runs and repetitions from far away: every instruction of the compressors is used.
const sizes = [0, 1, 1999, 2001, 2500, 10_000, 65_535, 65_536, 66_000, 70_000, 100_000, 200_000, 300_000];
const content =
  "function content($size) { mt_srand($size); $text = ''; while (strlen($text) < $size) {" +
  " switch (mt_rand(0, 4)) {" +
  "  case 0: $text .= random_bytes(mt_rand(1, 40)); break;" +
  "  case 1: $text .= str_repeat(chr(mt_rand(0, 255)), mt_rand(1, 2000)); break;" +
  "  case 2: $text .= 'user|s:5:\"alice\";authenticated|b:1;' . mt_rand(); break;" +
  "  default: $text .= substr($text, mt_rand(0, strlen($text)), mt_rand(3, 600)); } }" +
  " return substr($text, 0, $size); } ";
const report = "echo $size, ' ', hash('sha256', $value), PHP_EOL;";

interface Written {
  readonly size: number;
  readonly sha256: string;
}

function written(output: Buffer): Written[] {
  const lines = output.toString().trim().split("\n");
  return lines.map((line) => ({
    size: Number.parseInt(line, 10),
    sha256: line.slice(line.indexOf(" ") + 1),
  }));
}

describe("a value that real PHP stored", () => {
  const { it, before, after } = needing("php", "memcached");
  let memcached: Memcached;

  before(async () => {
    memcached = await startMemcached();
  });
  after(() => memcached.stop());

  const idOf = (size: number) => `session0of0${String(size).padStart(20, "0")}`;

  /** Reads all of these back, and gives the flags that were met. */
  async function readAll(values: readonly Written[]): Promise<Set<number>> {
    const store = openStore(memcached);
    const flags = new Set<number>();
    assert.equal(values.length, sizes.length);
    for (const { size, sha256 } of values) {
      const stored = await store.getData(idOf(size));
      assert.ok(stored !== null, `${size}`);
      flags.add(stored.flags);
      const bytes = sessionBytesOf(stored);
      assert.equal(bytes.length, size);
      assert.equal(
        createHash("sha256").update(bytes).digest("hex"),
        sha256,
        `${size} bytes, flags ${stored.flags}`,
      );
    }
    store.close();
    return flags;
  }

  const key = "sprintf('session0of0%020d', $size)";
  const forAll = (set: string) =>
    `${content} foreach ([${sizes}] as $size) { $value = content($size); ${set} ${report} }`;

  for (const [name, flag] of [
    ["FASTLZ", 0x50],
    ["ZLIB", 0x30],
  ] as const) {
    it(`by \\Memcached with ${name} is the same again, from nothing to 300 KB`, async () => {
      const open = `$m = new Memcached; $m->addServer('127.0.0.1', ${memcached.port}); $m->setOption(Memcached::OPT_COMPRESSION_TYPE, Memcached::COMPRESSION_${name});`;
      const output = runPhp(`${open} ${forAll(`$m->set(${key}, $value) or exit(1);`)}`);
      assert.deepEqual(await readAll(written(output)), new Set([0, flag]));
    });
  }

  it("by \\Memcached has type 0 whatever the serializer: a session is a string", async () => {
    for (const serializer of ["PHP", "IGBINARY", "MSGPACK", "JSON"]) {
      const open = `$m = new Memcached; $m->addServer('127.0.0.1', ${memcached.port}); @$m->setOption(Memcached::OPT_SERIALIZER, Memcached::SERIALIZER_${serializer});`;
      const output = runPhp(`${open} ${forAll(`$m->set(${key}, $value) or exit(1);`)}`);
      assert.deepEqual(await readAll(written(output)), new Set([0, 0x50]), serializer);
    }
  });

  it("as an array is what the serialize handler reads, whichever client and serializer it is", async () => {
    const array = "['user' => 'alice', 'filler' => str_repeat('x', 5000)]";
    const store = openStore(memcached);
    const flagsOf = async (id: string, handler: "php_serialize" | "igbinary") => {
      const stored = await store.getData(id);
      assert.ok(stored !== null, id);
      const { variables } = decoders[handler](sessionBytesOf(stored, handler));
      assert.equal(variables.get("user"), "alice");
      assert.throws(() => sessionBytesOf(stored), { code: "array-of-client" });
      return stored.flags;
    };
    for (const [serializer, handler, flags] of [
      ["PHP", "php_serialize", 0x54],
      ["IGBINARY", "igbinary", 0x55],
    ] as const) {
      const id = `array0of0${serializer.padEnd(20, "0")}`;
      runPhp(
        `$m = new Memcached; $m->addServer('127.0.0.1', ${memcached.port});` +
          `$m->setOption(Memcached::OPT_SERIALIZER, Memcached::SERIALIZER_${serializer}); $m->set('${id}', ${array});`,
      );
      assert.equal(await flagsOf(id, handler), flags);
    }
    for (const [flag, flags] of [
      ["0", 1],
      ["MEMCACHE_COMPRESSED", 3],
    ] as const) {
      const id = `array0of0pecl0${flags}00000000`;
      runPhp(
        `$m = new Memcache; $m->addServer('127.0.0.1', ${memcached.port}); $m->set('${id}', ${array}, ${flag});`,
      );
      assert.equal(await flagsOf(id, "php_serialize"), flags);
    }
    store.close();
  });

  it("by pecl-memcache is the same again", async () => {
    const open = `$m = new Memcache; $m->addServer('127.0.0.1', ${memcached.port});`;
    const output = runPhp(`${open} ${forAll(`$m->set(${key}, $value, MEMCACHE_COMPRESSED) or exit(1);`)}`);
    assert.deepEqual(await readAll(written(output)), new Set([0, 2]));
  });

  it("by pecl-memcache's save handler is the same again", async () => {
    const ini = {
      "session.save_handler": "memcache",
      "session.save_path": `tcp://127.0.0.1:${memcached.port}`,
      "memcache.session_redundancy": 1,
      "session.serialize_handler": "php_serialize",
    };
    // The session's bytes are this size: the rest is around the text.
    const around = 'a:1:{s:1:"x";s::"";}'.length;
    // Another id than the other tests': PHP would read their values first.
    const id = (size: number) => `handler0of0${String(size).padStart(20, "0")}`;
    const set = `$digits = 1; while (strlen((string) ($size - ${around} - $digits)) > $digits) $digits++; session_id(sprintf('handler0of0%020d', $size)); session_start(); $_SESSION = ['x' => content($size - ${around} - $digits)]; $value = session_encode(); session_write_close();`;
    const big = sizes.filter((size) => size > 1000);
    const output = runPhp(
      `${content} foreach ([${big}] as $size) { ${set} echo strlen($value), ' ', $size, PHP_EOL; }`,
      ini,
    );
    for (const line of written(output)) assert.equal(line.size, Number(line.sha256));
    const store = openStore(memcached);
    const flags = new Set<number>();
    for (const size of big) {
      const stored = await store.getData(id(size));
      assert.ok(stored !== null);
      flags.add(stored.flags);
      const bytes = Buffer.from(sessionBytesOf(stored));
      assert.equal(bytes.length, size);
      assert.equal(bytes.subarray(0, 12).toString(), 'a:1:{s:1:"x"');
    }
    store.close();
    assert.deepEqual(flags, new Set([0, 2]));
  });
});
