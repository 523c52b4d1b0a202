import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decoders,
  isSerializeHandler,
  type SerializeHandler,
} from "../../../../inspector/session/formats/formats.ts";
import { whoIsLoggedIn } from "../../../../inspector/who.ts";
import { type Handler, handlers } from "./mutants.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** `{user: 'alice', auth: true}`, as PHP writes it. */
const alice: Readonly<Record<Handler, string>> = {
  php: 'user|s:5:"alice";auth|b:1;',
  php_binary: '\x04users:5:"alice";\x04authb:1;',
  php_serialize: 'a:2:{s:4:"user";s:5:"alice";s:4:"auth";b:1;}',
  igbinary: "\0\0\0\x02\x14\x02\x11\x04user\x11\x05alice\x11\x04auth\x05",
  msgpack: "\x83\xc0\x01\xa4user\xa5alice\xa4auth\xc3",
};

/** Who is logged in with this session, or why nobody is. */
function who(handler: SerializeHandler, session: string): string {
  try {
    const found = whoIsLoggedIn(
      decoders[handler](bytesOf(session)),
      { authenticated: "auth", user: "user" },
      0,
    );
    return "userName" in found ? found.userName : found.reason;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("the decoders by name", () => {
  it("are PHP's handlers", () => {
    assert.deepEqual(Object.keys(decoders), [...handlers]);
    assert.ok(Object.isFrozen(decoders));
    for (const name of ["__proto__", "constructor", "toString", "wddx", ""]) {
      assert.equal(isSerializeHandler(name), false, name);
    }
  });

  it("read their own sessions, and no other handler's", () => {
    for (const writer of handlers) {
      for (const reader of handlers) {
        const found = who(reader, alice[writer]);
        if (reader === writer) assert.equal(found, "alice", reader);
        else
          assert.match(
            found,
            /^(?:malformed|truncated|binary-name|looks-like-.+)$/,
            `${writer} read as ${reader}`,
          );
      }
    }
  });

  it("take an empty value for an empty session: a new one is stored so", () => {
    for (const handler of handlers) {
      assert.equal(decoders[handler](new Uint8Array()).variables.size, 0, handler);
    }
  });
});

// A site of one handler, where Mallory chooses a nickname and more: her session as PHP writes it, and the
// handler that would take her words for variables.

/** A value as serialize() writes it. */
const text = (value: string): string => `s:${value.length}:"${value}";`;
const admin = 'user|s:5:"admin";auth|b:1;';
const binaryAdmin = '\x04users:5:"admin";\x04authb:1;';

const attacks: readonly { site: Handler; reader: Handler; session: string }[] = [
  {
    site: "php_serialize",
    reader: "php",
    session: `a:1:{s:4:"nick";${text(`x|N;${admin}z|a:1:{i:0;s:0:"`)}}`,
  },
  {
    site: "php_binary",
    reader: "php",
    session: `\x04nick${text(`x|N;${admin}z|s:0:"`)}`,
  },
  {
    site: "php",
    reader: "php_binary",
    // To php_binary the "n" says that a name of 110 bytes follows: `ick|s:134:"` and 99 of hers.
    session: `nick|${text(`${"x".repeat(99)}N;${binaryAdmin}\x01zs:0:"`)}`,
  },
];

describe("a session whose owner wrote another handler's variables into it", () => {
  it("makes nobody of her to the site's own handler, and is not read by the other one", () => {
    for (const { site, reader, session } of attacks) {
      assert.equal(who(site, session), "not-authenticated", `${site} as itself`);
      assert.match(
        who(reader, session),
        /^(?:binary-name|looks-like-.+)$/,
        `${site} as ${reader}: ${JSON.stringify(session)}`,
      );
    }
  });

  it("is text, whatever handler's variables she writes and wherever", () => {
    const words = [...Object.values(alice), admin, binaryAdmin, ...attacks.map(({ session }) => session)];
    for (const word of words) {
      const length = String.fromCharCode(word.length);
      const sessions: Readonly<Record<Handler, string>> = {
        php: `nick|${text(word)}`,
        php_binary: `\x04nick${text(word)}`,
        php_serialize: `a:1:{s:4:"nick";${text(word)}}`,
        igbinary: `\0\0\0\x02\x14\x01\x11\x04nick\x11${length}${word}`,
        msgpack: `\x82\xc0\x01\xa4nick${word.length < 32 ? String.fromCharCode(0xa0 + word.length) : `\xd9${length}`}${word}`,
      };
      for (const handler of handlers) {
        assert.equal(decoders[handler](bytesOf(sessions[handler])).variables.get("nick"), word);
        assert.notEqual(who(handler, sessions[handler]), "alice");
        assert.notEqual(who(handler, sessions[handler]), "admin");
      }
    }
  });
});
