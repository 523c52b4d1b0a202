// Bytes that another format wrote, given to a reader whose format they are not.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateSync, gzipSync } from "node:zlib";
import { decoders } from "../../../../inspector/session/formats/formats.ts";
import { whoIsLoggedIn } from "../../../../inspector/who.ts";
import { type Handler, handlers } from "./mutants.ts";

/** Who is logged in with this session, or why nobody is. */
function who(handler: Handler, bytes: Uint8Array): string {
  try {
    const found = whoIsLoggedIn(decoders[handler](bytes), { authenticated: "auth", user: "user" }, 0);
    return "userName" in found ? found.userName : found.reason;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** What is compressed: text that stays as it is, or a character so many times. */
type Piece = string | { readonly character: string; readonly count: number };

const lengthOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, piece) => sum + (typeof piece === "string" ? piece.length : piece.count), 0);

/** phpredis' header: see foreign.ts. */
function lz4Header(length: number): number[] {
  const bytes = [length & 0xff, (length >> 8) & 0xff, length >> 16, 0];
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x31 : 0)) & 0xff;
  }
  return [crc, ...bytes];
}

/** Text is literals; a character again and again is itself and a match one byte back. */
function lz4(pieces: readonly Piece[]): Buffer {
  const bytes = lz4Header(lengthOf(pieces));
  const more = (size: number) => {
    const rest: number[] = [];
    if (size >= 15) {
      for (let left = size - 15; ; left -= 255) {
        rest.push(Math.min(left, 255));
        if (left < 255) break;
      }
    }
    return rest;
  };
  let literals = "";
  const sequence = (matched: number) => {
    const match = matched === 0 ? 0 : matched - 4;
    bytes.push((Math.min(literals.length, 15) << 4) | Math.min(match, 15), ...more(literals.length));
    bytes.push(...bytesOf(literals));
    if (matched > 0) bytes.push(1, 0, ...more(match));
    literals = "";
  };
  for (const piece of pieces) {
    if (typeof piece === "string") literals += piece;
    else {
      literals += piece.character;
      sequence(piece.count - 1);
    }
  }
  sequence(0);
  return Buffer.from(bytes);
}

/** Raw blocks and blocks of one byte again and again. */
function zstd(pieces: readonly Piece[]): Buffer {
  const length = lengthOf(pieces);
  const bytes = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, length & 0xff, (length >> 8) & 0xff, length >> 16, 0];
  for (const [place, piece] of pieces.entries()) {
    const isText = typeof piece === "string";
    const size = isText ? piece.length : piece.count;
    const header = (size << 3) | (isText ? 0 : 2) | (place === pieces.length - 1 ? 1 : 0);
    bytes.push(header & 0xff, (header >> 8) & 0xff, header >> 16);
    bytes.push(...bytesOf(isText ? piece : piece.character));
  }
  return Buffer.from(bytes);
}

/** Runs of up to 32 literals, and matches one byte back. */
function lzf(pieces: readonly Piece[]): Buffer {
  const bytes: number[] = [];
  let literals = "";
  const flush = () => {
    for (; literals !== ""; literals = literals.slice(32)) {
      const run = bytesOf(literals.slice(0, 32));
      bytes.push(run.length - 1, ...run);
    }
  };
  for (const piece of pieces) {
    if (typeof piece === "string") {
      literals += piece;
      continue;
    }
    literals += piece.character;
    flush();
    for (let left = piece.count - 1; left > 0; left -= 264) {
      const match = Math.min(left, 264) - 2;
      bytes.push(...(match < 7 ? [match << 5, 0] : [7 << 5, match - 7, 0]));
    }
  }
  flush();
  return Buffer.from(bytes);
}

const compressors = { lz4, zstd, lzf };

const textHandlers = ["php", "php_binary", "php_serialize"] as const;
type TextHandler = (typeof textHandlers)[number];

/** A variable as it stands in a session. */
function variable(handler: TextHandler, name: string, value: string): string {
  if (handler === "php") return `${name}|${value}`;
  if (handler === "php_binary") return `${String.fromCharCode(name.length)}${name}${value}`;
  return `s:${name.length}:"${name}";${value}`;
}

/**
 * Bob's session, compressed, in which he chose the nickname and the motto: where its nickname is shorter than it says,
 * his motto is read as variables.
 */
function forgery(
  handler: TextHandler,
  pack: (pieces: readonly Piece[]) => Buffer,
  count: number,
  filler: number,
  hidden: number,
): Buffer {
  const write = (name: string, value: string) => variable(handler, name, value);
  const isArray = handler === "php_serialize";
  const words = `";${write("user", 's:5:"admin";')}${write("z", `s:${hidden}:"`)}`;
  const motto = "y".repeat(filler) + words;
  const rest = `${write("user", 's:3:"bob";')}${write("theme", 's:4:"dark";')}${isArray ? "}" : ""}`;
  return pack([
    `${isArray ? "a:4:{" : ""}${write("auth", "b:1;")}${write("nick", `s:${count}:"`)}`,
    { character: "A", count },
    `";${write("motto", `s:${motto.length}:"`)}${motto}";${rest}`,
  ]);
}

/** One that is admin's to a reader which begins with the text. */
function forgeryOf(handler: TextHandler, pack: (pieces: readonly Piece[]) => Buffer): Buffer | undefined {
  const start = { php: "auth|", php_binary: "\x04auth", php_serialize: "a:4:{" }[handler];
  for (let count = 200; count < 232; count++) {
    for (let filler = count - 80; filler < count; filler++) {
      for (let hidden = 30; hidden < 60; hidden++) {
        const bytes = forgery(handler, pack, count, filler, hidden);
        if (who(handler, bytes.subarray(bytes.indexOf(start, 1, "latin1"))) === "admin") return bytes;
      }
    }
  }
  return undefined;
}

describe("a compressed session of which nobody told us", () => {
  for (const [name, pack] of Object.entries(compressors)) {
    for (const handler of textHandlers) {
      it(`by ${name} is refused as ${handler}, though its user made it admin's`, () => {
        // In 32 bytes, the most that LZF keeps together, there is no room for a forgery of an array.
        const hasRoom = name !== "lzf" || handler !== "php_serialize";
        const bytes = hasRoom ? forgeryOf(handler, pack) : forgery(handler, pack, 200, 100, 30);
        assert.ok(bytes, "no forgery was found");
        const refusal = hasRoom ? "binary-name" : "malformed";
        assert.equal(who(handler, bytes), name === "lzf" ? refusal : `looks-like-${name}`);
      });
    }
  }

  it("by gzip or zlib at any level is refused as each handler", () => {
    const session = bytesOf('nick|s:4:"oooo";user|s:5:"alice";auth|b:1;');
    for (const handler of handlers) {
      assert.equal(who(handler, gzipSync(session)), "looks-like-gzip", handler);
      for (let level = 0; level <= 9; level++) {
        assert.equal(
          who(handler, deflateSync(session, { level })),
          "looks-like-zlib",
          `${handler}, ${level}`,
        );
        const marked = Buffer.concat([bytesOf(":gz:"), deflateSync(session, { level })]);
        assert.equal(who(handler, marked), "looks-like-magento", handler);
      }
    }
  });

  it("by phpredis 6 is refused", () => {
    const directory = new URL("../../../fixtures/phpredis/", import.meta.url);
    const expected = {
      "lz4-forged": "looks-like-lz4",
      "lz4-small": "looks-like-lz4",
      "lzf-small": "binary-name",
      "zstd-small": "looks-like-zstd",
    };
    assert.deepEqual(readdirSync(fileURLToPath(directory)).sort(), Object.keys(expected));
    for (const [name, code] of Object.entries(expected)) {
      assert.equal(who("php", readFileSync(new URL(name, directory))), code, name);
    }
  });

  it("by lz4 is refused as msgpack, whose keys its length could be", () => {
    let refused = 0;
    for (let length = 0xa1; length < 2 ** 18; length += 0x100) {
      const bytes = lz4(["\xa4user\xa5admin", { character: "A", count: length - 11 }]);
      if ((bytes[0] as number) >> 4 !== 8) continue;
      assert.equal(who("msgpack", bytes), "looks-like-lz4");
      refused++;
    }
    assert.ok(refused > 10);
  });
});

describe("a session of another handler", () => {
  const text = (value: string) => `s:${value.length}:"${value}";`;

  it("is refused, though a text in it makes it another handler's", () => {
    const text = (value: string) => `s:${value.length}:"${value}";`;
    const admin = 'user|s:5:"admin";auth|b:1;';
    const binaryAdmin = '\x04users:5:"admin";\x04authb:1;';
    const name = "!symfony/user/sfUser/authenticated";
    // What follows her words belongs to the payload of a class that only the site knows.
    const array = (words: string, size: number) =>
      `a:2:{s:4:"nick";${text(`${words}${size}:{`)}s:4:"last";N;}`;
    const sessions = [
      {
        site: "php_serialize",
        reader: "php",
        code: "looks-like-serialized",
        session: array(`x|N;${admin}z|C:1:"A":`, 15),
      },
      {
        site: "php_binary",
        reader: "php",
        code: "looks-like-php_binary",
        session: `${name}${text(`x|N;${admin}z|s:0:"`)}`,
      },
      {
        site: "php",
        reader: "php_binary",
        code: "looks-like-php",
        session: `nick|${text(`${"x".repeat(99)}N;${binaryAdmin}\x01zs:0:"`)}`,
      },
    ] as const;
    for (const { site, reader, code, session } of sessions) {
      assert.equal(who(site, bytesOf(session)), "not-authenticated", site);
      assert.equal(who(reader, bytesOf(session)), code, `${site} as ${reader}`);
      const wrapped = `s:${session.length}:"${session}";`;
      assert.equal(who("php", bytesOf(wrapped)), "looks-like-serialized", `${site}, wrapped`);
    }
  });

  it("is refused by its own mark", () => {
    const inner = 'user|s:5:"alice";auth|b:1;';
    const igbinary = `\0\0\0\x02\x11${String.fromCharCode(inner.length)}${inner}`;
    const padded = `${inner}pad|${text("x".repeat(120))}`;
    const messages = [
      `\xba${inner}`,
      `\xd9${String.fromCharCode(padded.length)}${padded}`,
      `\xda\x80\x20${`pad|${text("x".repeat(0x8020 - 15 - inner.length))}${inner}`}`,
      "\x83\xc0\x01\xa4user\xa5alice\xa4auth\xc3",
      "\x90",
    ];
    for (const handler of handlers) {
      if (handler !== "igbinary") {
        assert.equal(who(handler, bytesOf(igbinary)), "looks-like-igbinary", handler);
      }
      if (handler === "msgpack") continue;
      for (const message of messages) {
        assert.equal(who(handler, bytesOf(message)), "looks-like-msgpack", handler);
      }
    }
  });
});

describe("a session of the configured handler", () => {
  it("is read, however much its first name looks like something else", () => {
    const names = [
      "x",
      "x^",
      "x^name",
      "xz",
      "(",
      "(a",
      "8O",
      "hC",
      "HK",
      ":",
      ":gz",
      ":gz",
      "a",
      "s",
      "a:",
      "s:4",
      "O:",
      "BZh",
      "78",
      "\xc3\xab",
      "\xd9\x84\xd9\x85",
      "\xda\xaf",
      "\xde\x80",
      "!x",
      " ",
      "~",
    ];
    for (const name of names) {
      for (const value of ["N;", "i:5;", 's:5:"alice";', "a:0:{}", `s:300:"${"|".repeat(300)}";`]) {
        for (const handler of textHandlers) {
          const all = variable(handler, name, value) + variable(handler, "user", 's:5:"alice";');
          const bytes = bytesOf(handler === "php_serialize" ? `a:2:{${all}}` : all);
          assert.equal(
            decoders[handler](bytes).variables.get("user"),
            "alice",
            `${handler} ${name} ${value}`,
          );
        }
      }
    }
  });

  it("has names that are text", () => {
    for (const name of [
      "\0",
      "a\0",
      "\t",
      "a\n",
      "\x1f",
      "\x7f",
      "\xff",
      "a\xe9",
      "\xc3",
      "\xed\xa0\x80",
      "\xc0\x80",
    ]) {
      for (const handler of ["php", "php_binary"] as const) {
        for (const before of ["", variable(handler, "user", "N;")]) {
          const bytes = bytesOf(before + variable(handler, name, "N;"));
          assert.throws(() => decoders[handler](bytes), { code: "binary-name" });
          assert.throws(() => decoders[handler](bytes, []), { code: "binary-name" });
        }
      }
      const bytes = bytesOf(`a:1:{${variable("php_serialize", name, "N;")}}`);
      assert.equal(decoders.php_serialize(bytes).variables.size, 1);
    }
  });
});
