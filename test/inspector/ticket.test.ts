import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { CompactEncrypt } from "jose";
import { ticketOpener } from "../../inspector/ticket.ts";
import { readTicketKeys, type TicketKeys } from "../../inspector/ticket-keys.ts";
import { fuzzTickets } from "../fuzz/tickets.ts";
import { sealTicket } from "./seal-ticket.ts";

const sid = "alice0session0of0the0test0";
const now = 1_800_000_000;
const host = "example.org";
const key = randomBytes(32);
const otherKey = randomBytes(32);
const keysOf = (text: string) => readTicketKeys(text) as TicketKeys;
const keys = keysOf(`2:${key.toString("base64url")},1:${otherKey.toString("base64url")}`);
const open = ticketOpener(keys, 300);
const at = { host, nowSeconds: now };

const header = { alg: "dir", enc: "A256GCM", typ: "inspectord", kid: "2" };
const claims = { sid, aud: host, exp: now + 60, jti: "abcdefgh" };

/** A ticket by hand, from any header and any claims. */
const seal = (head: unknown, body: unknown, secret = key, tagBytes = 16) =>
  sealTicket(head, body, secret, tagBytes);

describe("a ticket", () => {
  it("opens to the session id that was sealed in it, by any of the keys", () => {
    assert.deepEqual(open(seal(header, claims), at), { sessionId: sid });
    assert.deepEqual(open(seal({ ...header, kid: "1" }, claims, otherKey), at), { sessionId: sid });
  });

  it("opens whatever its end, for a connection that is open", () => {
    const later = { host, nowSeconds: undefined };
    for (const exp of [0, now - 1, now + 60, now + 86_400]) {
      assert.deepEqual(open(seal(header, { ...claims, exp }), later), { sessionId: sid });
    }
    assert.deepEqual(open(seal(header, { ...claims, exp: "soon" }), later), { problem: "ticket-malformed" });
    assert.deepEqual(open(seal(header, { ...claims, aud: "other" }), later), {
      problem: "ticket-other-host",
    });
    assert.deepEqual(open(seal(header, claims, otherKey), later), { problem: "ticket-forged" });
  });

  it("opens where the JOSE library made it", async () => {
    const ticket = await new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader(header)
      .encrypt(key);
    assert.deepEqual(open(ticket, at), { sessionId: sid });
  });

  it("is malformed with another header, and with a member more or less", () => {
    const heads: unknown[] = [
      { ...header, alg: "none" },
      { ...header, alg: "A256KW" },
      { ...header, enc: "A128GCM" },
      { ...header, enc: "none" },
      { ...header, typ: "JWT" },
      { ...header, zip: "DEF" },
      { ...header, crit: [] },
      { ...header, kid: 2 },
      { ...header, kid: undefined },
      { ...header, typ: undefined },
      [header],
      null,
      "no JSON",
      "",
    ];
    for (const head of heads) {
      assert.deepEqual(open(seal(head, claims), at), { problem: "ticket-malformed" }, JSON.stringify(head));
    }
  });

  it("is malformed in another shape", () => {
    const [head = "", , iv = "", text = "", tag = ""] = seal(header, claims).split(".");
    const shapes = [
      ".",
      "....",
      [head, iv, text, tag].join("."),
      [head, "", iv, text, tag, ""].join("."),
      [head, "AAAA", iv, text, tag].join("."),
      [head, "", iv, text, tag.slice(0, 16)].join("."),
      [head, "", iv, text, ""].join("."),
      [head, "", `${iv}AAAA`, text, tag].join("."),
      [head, "", "", text, tag].join("."),
      [`${head}=`, "", iv, text, tag].join("."),
      [head, "", iv, `${text} `, tag].join("."),
      [head, "", iv, text, `${tag}==`].join("."),
      [head, "", iv.replace(/./, "+"), text, tag].join("."),
    ];
    for (const shape of shapes) assert.deepEqual(open(shape, at), { problem: "ticket-malformed" }, shape);
  });

  it("is malformed with a short tag, though the key made it", () => {
    for (const bytes of [4, 8, 12, 15]) {
      assert.deepEqual(open(seal(header, claims, key, bytes), at), { problem: "ticket-malformed" });
    }
  });

  it("is malformed with other claims, though the key made it", () => {
    const bodies: unknown[] = [
      { ...claims, sid: undefined },
      { ...claims, sid: "short" },
      { ...claims, sid: "../../etc/passwd0000000000" },
      { ...claims, sid: [sid] },
      { ...claims, aud: [host] },
      { ...claims, exp: String(now + 60) },
      { ...claims, exp: now + 60.5 },
      { ...claims, exp: 1e300 },
      { ...claims, exp: null },
      { ...claims, jti: undefined },
      { ...claims, sub: "admin" },
      [claims],
      "no JSON",
      "",
    ];
    for (const body of bodies) {
      assert.deepEqual(open(seal(header, body), at), { problem: "ticket-malformed" }, JSON.stringify(body));
    }
  });

  it("is forged with any character of its parts changed, and by another key", () => {
    const ticket = seal(header, claims);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const start = ticket.indexOf("..") + 2;
    for (let place = start; place < ticket.length; place++) {
      if (ticket[place] === ".") continue;
      for (const letter of alphabet) {
        if (letter === ticket[place]) continue;
        const changed = ticket.slice(0, place) + letter + ticket.slice(place + 1);
        const opened = open(changed, at);
        assert.ok("problem" in opened, changed);
        assert.match(opened.problem, /^ticket-(?:forged|malformed)$/);
      }
    }
    assert.deepEqual(open(seal(header, claims, otherKey), at), { problem: "ticket-forged" });
  });

  it("is bound to its header: that of another ticket does not fit", () => {
    const [, , ...rest] = seal({ ...header, kid: "1" }, claims, otherKey).split(".");
    const head = Buffer.from(JSON.stringify(header)).toString("base64url");
    assert.deepEqual(open([head, "", ...rest].join("."), at), { problem: "ticket-forged" });
  });

  it("of an unknown key is told apart from a forged one", () => {
    for (const kid of ["3", "", "__proto__", "toString"]) {
      assert.deepEqual(open(seal({ ...header, kid }, claims), at), { problem: "ticket-key-unknown" });
    }
  });

  it("counts on its host alone, until its end, and not for longer than may be", () => {
    assert.deepEqual(open(seal(header, claims), { ...at, host: "example.net" }), {
      problem: "ticket-other-host",
    });
    for (const [exp, expected] of [
      [now + 300, { sessionId: sid }],
      [now + 301, { problem: "ticket-too-long" }],
      [now + 1, { sessionId: sid }],
      [now, { problem: "ticket-expired" }],
      [now - 86_400, { problem: "ticket-expired" }],
      [-1, { problem: "ticket-expired" }],
      [Number.MAX_SAFE_INTEGER, { problem: "ticket-too-long" }],
    ] as const) {
      assert.deepEqual(open(seal(header, { ...claims, exp }), at), expected, String(exp));
    }
  });

  it("opens unchanged alone, of thousands that were changed in its characters, bytes, parts and header", () => {
    const answers = fuzzTickets(1, 5000);
    for (const answer of ["opened", "ticket-malformed", "ticket-forged", "ticket-key-unknown"]) {
      assert.ok((answers.get(answer) ?? 0) > 20, answer);
    }
  });

  it("of any text is no ticket, and throws nothing", () => {
    const part = fc.string({ maxLength: 40 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 7 }), (parts) => "problem" in open(parts.join("."), at)),
      { numRuns: 2000 },
    );
  });
});

describe("the keys of tickets", () => {
  const one = key.toString("base64url");

  it("are read by their ids", () => {
    assert.deepEqual(
      [...keysOf(`a:${one}, b-2_:${one}`).entries()].map(([id]) => id),
      ["a", "b-2_"],
    );
  });

  it("are refused in another form, twice under one id, and beyond eight", () => {
    const nine = Array.from({ length: 9 }, (_, i) => `${i}:${one}`).join();
    const wrong = ["", ":", one, `:${one}`, `1:${one}=`, `1:${one.slice(1)}`, `1:${one}A`, `1 2:${one}`];
    for (const text of [...wrong, `1:${one},1:${one}`, `1:${one},`, nine, `1:${"A".repeat(42)}B`]) {
      assert.equal(readTicketKeys(text), undefined, text);
    }
  });

  it("are shown by nobody by mistake", () => {
    const shown =
      inspect(keysOf(`1:${one}`), { depth: 9, showHidden: true }) + JSON.stringify(keysOf(`1:${one}`));
    assert.ok(!shown.includes(one.slice(0, 8)));
    assert.doesNotMatch(shown, /Buffer|\d{2,}, ?\d{2,}/);
  });
});
