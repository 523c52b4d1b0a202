import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hashesWith } from "../../stores/key-hashes.ts";
import { keysByTemplate, keysWithPrefix, readKeyTemplate } from "../../stores/session-key.ts";
import { needing } from "../real/parts.ts";
import { runPhp } from "../real/php.ts";

const secret = "0123456789abcdefcore-session-backend";

function keyOf(template: string, sessionId: string): string | undefined {
  const read = readKeyTemplate(template);
  return (
    read &&
    keysByTemplate(
      read,
      hashesWith(() => secret),
    )(sessionId)
  );
}

describe("the key of a session", () => {
  it("is its id after a prefix, whatever that is", () => {
    assert.equal(keysWithPrefix("memc.sess.key.")("ID"), "memc.sess.key.ID");
    assert.equal(keysWithPrefix("{tag}{id}")("ID"), "{tag}{id}ID");
    assert.equal(keysWithPrefix("")("ID"), "ID");
  });

  it("has its id wherever a template says", () => {
    assert.equal(keyOf("{id}", "ID"), "ID");
    assert.equal(keyOf("a:{id}", "ID"), "a:ID");
    assert.equal(keyOf("{id}/{id}.b", "ID"), "ID/ID.b");
    // What replaces text by a pattern would take these for more than they are.
    assert.equal(keyOf("a{id}b", "$&$1{id}"), "a$&$1{id}b");
  });

  it("is of published keys what those are", () => {
    const yii = '5ac1e{md5:["yii\\\\redis\\\\Session","{id}"]}';
    assert.equal(keyOf(yii, "75e1288ddcdbda54ab1a68105206c0c9"), "5ac1e3f738a62e61add37196cf8a805cfd0c6");
    const typo3 =
      "typo3_ses_FE_fe5567e8d769550852182cdf69d74bb16dff8e29_{hmac-sha3-256:SESSION_KEY_SECRET:{id}}";
    assert.equal(
      keyOf(typo3, "f60d2e705a91407dfec6899c604952ac"),
      "typo3_ses_FE_fe5567e8d769550852182cdf69d74bb16dff8e29_30666eb73746f8f9d4c49e4d0e5375983bf5eaf1d8e9997f5764b176e4822827",
    );
    // A test vector of HMAC-SHA-256 that Wikipedia has.
    assert.equal(
      keysByTemplate(
        readKeyTemplate("{hmac-sha256:SESSION_KEY_SECRET:{id}}") ?? assert.fail(),
        hashesWith(() => "key"),
      )("The quick brown fox jumps over the lazy dog"),
      "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
    );
    // md5(serialize(['yii\\web\\CacheSession', '75e1288ddcdbda54ab1a68105206c0c9']))
    const serialized = '{md5:a:2:{open}i:0;s:20:"yii\\web\\CacheSession";i:1;s:32:"{id}";{close}}';
    assert.equal(keyOf(serialized, "75e1288ddcdbda54ab1a68105206c0c9"), "a4925501cdcfcb8063e9cebbb3ad1dc3");
    assert.equal(keyOf("{open}tag{close}:{id}", "ID"), "{tag}:ID");
    assert.equal(keyOf("{sha256-base64url:{id}}", "abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    assert.equal(keyOf("{sha1:{id}}", "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  });

  it("can be a hash of a hash, to four levels", () => {
    const md5 = (text: string) => keyOf("{md5:{id}}", text) ?? "";
    assert.equal(keyOf("{md5:{md5:{id}}}", "a"), md5(md5("a")));
    assert.equal(keyOf("{md5:x{sha1:{id}} y}z", "a"), `${md5(`x${keyOf("{sha1:{id}}", "a")} y`)}z`);
    const nested = (levels: number) => `${"{md5:".repeat(levels)}{id}${"}".repeat(levels)}`;
    assert.equal(keyOf(nested(4), "a"), md5(md5(md5(md5("a")))));
    assert.equal(keyOf(nested(5), "a"), undefined);
  });

  it("is not one without an id in it: that would be everybody's", () => {
    for (const template of ["", "a", "{md5:a}", "a{sha1:b}c", "{hmac-sha256:SESSION_KEY_SECRET:a}"]) {
      assert.equal(readKeyTemplate(template), undefined, template);
    }
  });

  it("is by nothing else", () => {
    const wrong = [
      ...[
        "{",
        "}",
        "{id",
        "id}",
        "{id}}",
        "{{id}",
        "{ID}",
        "{id }",
        "{id:}",
        "{:id}",
        "{}{id}",
        "{x}{id}",
        "{open}",
        "{open:}{id}",
        "{opened}{id}",
      ],
      ...[
        "{md5}{id}",
        "{md5:}{id}",
        "{md5:{id}",
        "{md5:{id}}}",
        "{MD5:{id}}",
        "{sha256:{id}}",
        "{md5 :{id}}",
      ],
      ...["{hmac-sha3-256:{id}}", "{hmac-sha3-256:SECRET:{id}}", "{hmac-sha3-256:SESSION_KEY_SECRET}{id}"],
      ...["{hmac-sha3-256:SESSION_KEY_SECRET:}{id}", "{hmac-md5:SESSION_KEY_SECRET:{id}}"],
      ...["{hmac-sha256:{id}}", "{hmac-sha256:SECRET:{id}}", "{hmac-sha256}{id}"],
      ...["a {id}", "{id} ", "{id}\n", "ä{id}", "{md5:ä{id}}", "{md5:\n{id}}", "\0{id}", "{id}\x7f"],
      `${"x".repeat(1021)}{id}`,
    ];
    for (const template of wrong)
      assert.equal(readKeyTemplate(template), undefined, JSON.stringify(template));
    assert.equal(keyOf(`${"x".repeat(1020)}{id}`, "ID")?.length, 1022);
  });

  it("says whether it is hashed, needs a secret, or is a prefix alone", () => {
    const saying = (template: string) => {
      const { isHashed, needsSecret, isPrefix } = readKeyTemplate(template) ?? {};
      return [isHashed, needsSecret, isPrefix];
    };
    assert.deepEqual(saying("{id}"), [false, false, true]);
    assert.deepEqual(saying("a{id}"), [false, false, true]);
    assert.deepEqual(saying("a{id}b"), [false, false, false]);
    assert.deepEqual(saying("{id}{id}"), [false, false, false]);
    assert.deepEqual(saying("{md5:{id}}"), [true, false, false]);
    assert.deepEqual(saying("{md5:a}{id}"), [true, false, false]);
    for (const keyed of ["hmac-sha256", "hmac-sha3-256"])
      assert.deepEqual(saying(`{md5:{${keyed}:SESSION_KEY_SECRET:{id}}}`), [true, true, false]);
  });
});

describe("the hashes in a key", () => {
  const { it } = needing("php");

  it("are those that PHP makes", () => {
    const ids = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(22 + (i % 3) * 117, "aZ,-"));
    const code = `[$ids, $secret] = json_decode(stream_get_contents(STDIN), true);
      foreach ($ids as $id) {
        $base64 = rtrim(strtr(base64_encode(hash("sha256", "a b" . $id, true)), "+/", "-_"), "=");
        $keyed = [hash_hmac("sha256", "a b$id", $secret), hash_hmac("sha3-256", "a b$id", $secret)];
        echo json_encode([md5("a b$id"), sha1("a b$id"), $base64, ...$keyed]), "\\n";
      }`;
    for (const key of [secret, "s", "x".repeat(200), "geheim ä"]) {
      const lines = runPhp(code, {}, JSON.stringify([ids, key]))
        .toString()
        .trim()
        .split("\n");
      const hash = hashesWith(() => key);
      for (const [i, id] of ids.entries()) {
        const ours = (["md5", "sha1", "sha256-base64url", "hmac-sha256", "hmac-sha3-256"] as const).map(
          (name) => hash(name, `a b${id}`),
        );
        assert.deepEqual(ours, JSON.parse(lines[i] ?? ""), id);
      }
    }
  });
});
