// PHP's tickets, from real PHP: that the JOSE library reads them, that the function takes them, and what the route says.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { compactDecrypt } from "jose";
import { escapeLocalpart } from "../../../inspector/localpart.ts";
import { ticketOpener } from "../../../inspector/ticket.ts";
import { readTicketKeys, type TicketKeys } from "../../../inspector/ticket-keys.ts";
import { needing } from "../../real/parts.ts";
import { runPhp } from "../../real/php.ts";

const library = fileURLToPath(new URL("../../../infra/php/inspectord.php", import.meta.url));
const sid = "alice0session0of0the0test0";
const key = randomBytes(32);
const keys = `2026-11:${key.toString("base64url")},old:${randomBytes(32).toString("base64url")}`;

/** Runs PHP with the library, and returns what it prints. */
function php(code: string, input: unknown = {}): string {
  const prelude = `require ${JSON.stringify(library)}; $in = json_decode(stream_get_contents(STDIN), true);`;
  return runPhp(`${prelude} ${code}`, {}, JSON.stringify(input)).toString();
}

const nowSeconds = () => Date.now() / 1000;
const open = ticketOpener(readTicketKeys(keys) as TicketKeys, 300);

describe("a ticket of PHP", () => {
  const { it } = needing("php");

  it("opens to the session id, on its host and in its time", () => {
    const ticket = php('echo inspectord_ticket("example.org", $in["keys"], 60, $in["sid"]);', { keys, sid });
    assert.deepEqual(open(ticket, { host: "example.org", nowSeconds: nowSeconds() }), { sessionId: sid });
    assert.deepEqual(open(ticket, { host: "example.net", nowSeconds: nowSeconds() }), {
      problem: "ticket-other-host",
    });
    assert.deepEqual(open(ticket, { host: "example.org", nowSeconds: nowSeconds() + 61 }), {
      problem: "ticket-expired",
    });
  });

  it("is a JWE to the JOSE library, with these claims and no other", async () => {
    const ticket = php('echo inspectord_ticket("example.org", $in["keys"], 60, $in["sid"]);', { keys, sid });
    const { plaintext, protectedHeader } = await compactDecrypt(ticket, key);
    assert.deepEqual(protectedHeader, { alg: "dir", enc: "A256GCM", typ: "inspectord", kid: "2026-11" });
    const { exp, jti, ...claims } = JSON.parse(Buffer.from(plaintext).toString());
    assert.deepEqual(claims, { sid, aud: "example.org" });
    assert.match(jti, /^[A-Za-z0-9_-]{16}$/);
    assert.ok(Math.abs(exp - nowSeconds() - 60) < 30);
  });

  it("is another one each time, of the session that PHP has started", () => {
    const code =
      'ini_set("session.save_path", sys_get_temp_dir()); session_id($in["sid"]); session_start(["read_and_close" => true]);' +
      'echo inspectord_ticket("example.org", $in["keys"]), "\\n", inspectord_ticket("example.org", $in["keys"]);';
    const tickets = php(code, { keys, sid }).split("\n");
    assert.notEqual(tickets[0], tickets[1]);
    for (const ticket of tickets) {
      assert.deepEqual(open(ticket, { host: "example.org", nowSeconds: nowSeconds() }), { sessionId: sid });
    }
  });

  it("is not made without a session, a key or a sane time, and no message holds one of them", () => {
    const wrong = [
      { keys, sid: "", seconds: 60 },
      { keys, sid: "x y", seconds: 60 },
      { keys, sid: `${sid}\n`, seconds: 60 },
      { keys, sid, seconds: 9 },
      { keys, sid, seconds: 601 },
      { keys: "", sid, seconds: 60 },
      { keys: `1:${key.toString("base64url").slice(1)}`, sid, seconds: 60 },
      { keys: `a b:${key.toString("base64url")}`, sid, seconds: 60 },
    ];
    const code =
      'foreach ($in as $one) { try { inspectord_ticket("h", $one["keys"], $one["seconds"], $one["sid"]); echo "made\\n"; }' +
      ' catch (InvalidArgumentException $e) { echo $e->getMessage(), "\\n"; } }';
    const lines = php(code, wrong).trim().split("\n");
    assert.equal(lines.length, wrong.length);
    for (const line of lines) {
      assert.match(line, /^inspectord_ticket: /);
      assert.ok(!line.includes(sid) && !line.includes(key.toString("base64url").slice(1)), line);
    }
  });
});

describe("the JID that PHP hands out", () => {
  const { it } = needing("php");

  it("has the name escaped as the function escapes it", () => {
    const names = ["alice", "john doe", "o'neil", "a@b", "c\\20d", "x\\y", '<&>"/:', "Jürgen", "\\5c"];
    const jids = php('foreach ($in as $name) echo inspectord_jid($name, "h"), "\\n";', names);
    assert.deepEqual(
      jids.trim().split("\n"),
      names.map((name) => `${escapeLocalpart(name)}@h`),
    );
  });
});

describe("the route of a page", () => {
  const { it } = needing("php");
  const ask = (name: string | null, site?: string) =>
    php(
      `${site === undefined ? "" : `$_SERVER["HTTP_SEC_FETCH_SITE"] = ${JSON.stringify(site)};`}` +
        'inspectord_ticket_response($in["name"], "example.org", $in["keys"], 25, 60, $in["sid"]);' +
        'echo "\\n", http_response_code();',
      { name, keys, sid },
    ).split("\n");

  it("hands out the user's JID and a ticket", () => {
    const [body = ""] = ask("john doe", "same-origin");
    const { jid, password, ...others } = JSON.parse(body);
    assert.equal(jid, "john\\20doe@example.org");
    assert.deepEqual(open(password, { host: "example.org", nowSeconds: nowSeconds() }), { sessionId: sid });
    assert.deepEqual(others, { spreadSeconds: 25 });
  });

  it("says 401 where nobody is logged in, and 403 to another site", () => {
    assert.deepEqual(ask(null), ['{"error":"not-authenticated"}', "401"]);
    assert.deepEqual(ask(""), ['{"error":"not-authenticated"}', "401"]);
    for (const site of ["cross-site", "same-site", "none"]) {
      assert.deepEqual(ask("alice", site), ['{"error":"other-site"}', "403"]);
    }
  });
});
