// Layers as real PHP writes them: phpredis' own compressions and serializers, and PHP's functions. Damaged streams are
// read by both.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";
import fc from "fast-check";
import type { LayerName } from "../../../../inspector/session/layers/layer-names.ts";
import { openLayers } from "../../../../inspector/session/layers/open-layers.ts";
import { UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";
import { needing, nodePath } from "../../../real/parts.ts";
import { runPhp } from "../../../real/php.ts";
import { type Redis, startRedis } from "../../../real/redis.ts";

const sizes = [1, 2, 11, 12, 13, 100, 1999, 2500, 10_000, 65_535, 65_536, 100_000, 300_000];
// Text, noise, long runs and repetitions from far away: every instruction of the compressors is used.
const content =
  "function content($size) { mt_srand($size); $text = ''; while (strlen($text) < $size) {" +
  " switch (mt_rand(0, 4)) {" +
  "  case 0: for ($i = mt_rand(1, 40); $i > 0; $i--) $text .= chr(mt_rand(0, 255)); break;" +
  "  case 1: $text .= str_repeat(chr(mt_rand(0, 255)), mt_rand(1, 2000)); break;" +
  "  case 2: $text .= 'user|s:5:\"alice\";authenticated|b:1;' . mt_rand(); break;" +
  "  default: $text .= substr($text, mt_rand(0, strlen($text)), mt_rand(3, 600)); } }" +
  " return substr($text, 0, $size); } ";

/** PHP's expressions that put `$text` below these layers. `$redis` is connected. */
const writers: readonly (readonly [readonly LayerName[], string])[] = [
  [["gzip"], "gzencode($text)"],
  [["zlib"], "gzcompress($text)"],
  [["deflate"], "gzdeflate($text)"],
  [["serialize"], "serialize($text)"],
  [["igbinary"], "igbinary_serialize($text)"],
  [["msgpack"], "msgpack_pack($text)"],
  [["yii2"], "serialize([$text, null])"],
  [["base64"], "base64_encode($text)"],
  [["lzf"], "pack_by($redis, Redis::COMPRESSION_LZF, Redis::SERIALIZER_NONE, $text)"],
  [["lz4"], "pack_by($redis, Redis::COMPRESSION_LZ4, Redis::SERIALIZER_NONE, $text)"],
  [["lzf", "serialize"], "pack_by($redis, Redis::COMPRESSION_LZF, Redis::SERIALIZER_PHP, $text)"],
  [["lz4", "igbinary"], "pack_by($redis, Redis::COMPRESSION_LZ4, Redis::SERIALIZER_IGBINARY, $text)"],
  [["serialize", "gzip"], "serialize(gzencode($text))"],
  [["magento"], "':gz:' . gzcompress($text, 1)"],
  [["magento"], "':lz:' . pack_by($redis, Redis::COMPRESSION_LZF, Redis::SERIALIZER_NONE, $text)"],
];
const packBy =
  "function pack_by($redis, $compression, $serializer, $text) {" +
  " $redis->setOption(Redis::OPT_COMPRESSION, $compression); $redis->setOption(Redis::OPT_SERIALIZER, $serializer);" +
  " return $redis->_pack($text); } ";

describe("a layer that real PHP put around a session", () => {
  const { it, before, after } = needing("php", "redis", "nodes");
  let redis: Redis;

  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  const php = (code: string, input = "") =>
    runPhp(
      `$redis = new Redis; $redis->connect('127.0.0.1', ${redis.port}); ${packBy}${content}${code}`,
      {},
      input,
    );

  /** For each size a line: the hash of the text, and the text below the layers in base64. */
  const written = (expression: string) =>
    php(
      `foreach ([${sizes}] as $size) { $text = content($size); ` +
        `echo hash('sha256', $text), ' ', base64_encode(${expression}), PHP_EOL; }`,
    )
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]);

  for (const [layers, expression] of writers) {
    it(`${layers.join(", ")} is taken off: ${expression}`, () => {
      const lines = written(expression);
      assert.equal(lines.length, sizes.length);
      for (const [place, [hash, base64]] of lines.entries()) {
        const bytes = openLayers(layers)(Buffer.from(base64, "base64"));
        assert.equal(sha256(bytes), hash, `${sizes[place]}`);
      }
    });
  }

  it("zstd is taken off by a Node.js that has it", () => {
    const lines = written("pack_by($redis, Redis::COMPRESSION_ZSTD, Redis::SERIALIZER_NONE, $text)");
    const script =
      `import { openLayers } from ${JSON.stringify(layersModule)};` +
      "import { createHash } from 'node:crypto'; import { readFileSync } from 'node:fs';" +
      "for (const line of readFileSync(0, 'utf8').split('\\n')) {" +
      " let said; try { said = createHash('sha256').update(openLayers(['zstd'])(Buffer.from(line, 'base64'))).digest('hex'); }" +
      " catch (error) { said = error.code; } console.log(said); }";
    const damaged = [
      // Two frames, of which PHP's header check sees the first; garbage behind one; a length that is not the content's.
      Buffer.concat([frameOf(lines, 5), frameOf(lines, 5)]),
      Buffer.concat([frameOf(lines, 5), Buffer.from("x")]),
      withByte(frameOf(lines, 5), 5, 0xff),
      frameOf(lines, 5).subarray(0, -3),
    ];
    const input = [...lines.map(([, base64]) => base64), ...damaged.map((bytes) => bytes.toString("base64"))];
    const { stdout, stderr } = spawnSync(
      nodePath("24"),
      ["--input-type=module", "--disable-warning=ExperimentalWarning", "-e", script],
      { input: input.join("\n"), encoding: "utf8" },
    );
    const said = stdout.trim().split("\n");
    assert.deepEqual(
      said.slice(0, lines.length),
      lines.map(([hash]) => hash),
      stderr,
    );
    assert.deepEqual(
      said.slice(lines.length),
      damaged.map(() => "bad-compression"),
    );
    if (!("zstdDecompressSync" in zlib)) {
      assert.equal(codeOf(["zstd"], frameOf(lines, 5)), "zstd-unsupported");
    }
  });

  for (const [layer, compression] of [
    ["lzf", "LZF"],
    ["lz4", "LZ4"],
  ] as const) {
    it(`${layer}, damaged, is what phpredis makes of it, or refused`, () => {
      const texts = [
        "hello ".repeat(20),
        'user|s:5:"alice";authenticated|b:1;',
        "x".repeat(300),
        "abcdefgh".repeat(9),
      ];
      const packed = php(
        "foreach (json_decode(stream_get_contents(STDIN)) as $text) " +
          `echo base64_encode(pack_by($redis, Redis::COMPRESSION_${compression}, Redis::SERIALIZER_NONE, $text)), PHP_EOL;`,
        JSON.stringify(texts),
      )
        .toString()
        .trim()
        .split("\n")
        .map((base64) => Buffer.from(base64, "base64"));
      const streams = fc
        .sample(damagedOf(packed), 4000)
        .filter((stream) => layer === "lzf" || isLengthBearable(stream));
      const lines = php(
        `$redis->setOption(Redis::OPT_COMPRESSION, Redis::COMPRESSION_${compression});` +
          "foreach (explode(' ', stream_get_contents(STDIN)) as $stream) " +
          "try { echo base64_encode(@$redis->_uncompress(base64_decode($stream))), PHP_EOL; } " +
          "catch (RedisException) { echo '-', PHP_EOL; }",
        streams.map((bytes) => bytes.toString("base64")).join(" "),
      )
        .toString()
        .split("\n");
      let same = 0;
      for (const [place, stream] of streams.entries()) {
        const ours = codeOf([layer], stream);
        const phps = lines[place];
        if (typeof ours !== "string") {
          assert.equal(Buffer.from(ours).toString("base64"), phps, stream.toString("hex"));
          same++;
        } else if (layer === "lzf") {
          // For lz4, phpredis does not ask whether the content has the length that its header says.
          assert.equal(phps, "-", `${ours}: ${stream.toString("hex")}`);
        }
      }
      assert.ok(same > 200, `${same}`);
    });
  }
});

const layersModule = fileURLToPath(
  new URL("../../../../inspector/session/layers/open-layers.ts", import.meta.url),
);

/** The bytes below the layers, or the code of the error. */
function codeOf(layers: readonly LayerName[], bytes: Uint8Array): Uint8Array | string {
  try {
    return openLayers(layers)(bytes);
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, String(error));
    return error.code;
  }
}

/** Whether phpredis, which makes room for as much as an LZ4 header says, survives it. */
function isLengthBearable(stream: Buffer): boolean {
  const length = stream.length < 5 ? 0 : stream.readInt32LE(1);
  return length >= 0 && length < 1_000_000;
}

/** Streams with bytes changed, cut, doubled or added. */
function damagedOf(streams: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const change = fc.tuple(fc.constantFrom("set", "cut", "add", "none"), fc.nat(), fc.nat(255));
  return fc.tuple(fc.constantFrom(...streams), fc.array(change, { maxLength: 3 })).map(([stream, changes]) =>
    changes.reduce<Buffer>((bytes, [kind, at, byte]) => {
      const place = bytes.length === 0 ? 0 : at % bytes.length;
      if (kind === "set") return withByte(bytes, place, byte);
      if (kind === "cut") return bytes.subarray(0, place + 1);
      if (kind === "add")
        return Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), bytes.subarray(place)]);
      return bytes;
    }, stream),
  );
}

function withByte(bytes: Buffer, place: number, byte: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[place] = byte;
  return changed;
}

function frameOf(lines: readonly (readonly [string, string])[], place: number): Buffer {
  return Buffer.from(lines[place]?.[1] ?? "", "base64");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
