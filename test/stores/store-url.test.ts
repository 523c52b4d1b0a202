import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { readStoreUrl } from "../../stores/store-url.ts";

describe("SESSION_STORE", () => {
  it("names memcached nodes, in their order and as they are written", () => {
    assert.deepEqual(readStoreUrl("memcached://10.0.0.2:11211,Cache-1.example.org:11212,[::1]:11213"), {
      kind: "memcached",
      nodes: [
        { host: "10.0.0.2", port: 11211, weight: 1 },
        { host: "Cache-1.example.org", port: 11212, weight: 1 },
        { host: "::1", port: 11213, weight: 1 },
      ],
      isEncrypted: false,
    });
  });

  it("has a node's weight behind its port, as ext-memcached's save_path has it", () => {
    assert.deepEqual(readStoreUrl("memcached://10.0.0.2:11211:3,[::1]:11213:10000"), {
      kind: "memcached",
      nodes: [
        { host: "10.0.0.2", port: 11211, weight: 3 },
        { host: "::1", port: 11213, weight: 10000 },
      ],
      isEncrypted: false,
    });
  });

  it("asks for encryption by one letter more, whoever runs the nodes", () => {
    const serverless = "sessions-abc123.serverless.euc1.cache.amazonaws.com";
    assert.deepEqual(readStoreUrl(`memcacheds://${serverless}:11211`), {
      kind: "memcached",
      nodes: [{ host: serverless, port: 11211, weight: 1 }],
      isEncrypted: true,
    });
    assert.deepEqual(readStoreUrl("memcacheds://10.0.0.2:11211:3,b:2"), {
      kind: "memcached",
      nodes: [
        { host: "10.0.0.2", port: 11211, weight: 3 },
        { host: "b", port: 2, weight: 1 },
      ],
      isEncrypted: true,
    });
  });

  it("names an ElastiCache cluster by its id", () => {
    for (const clusterId of ["sessions", "A-1-b", "a".repeat(50)]) {
      assert.deepEqual(readStoreUrl(`elasticache://${clusterId}`), { kind: "elasticache", clusterId });
    }
    const wrong = ["", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a/b", "a:1", "a b", "ä", "a".repeat(51)];
    for (const clusterId of wrong)
      assert.equal(readStoreUrl(`elasticache://${clusterId}`), undefined, clusterId);
  });

  it("names Redis servers, their database, and who asks", () => {
    const node = { host: "cache.example.org", port: 6379, weight: 1 };
    const plain = { kind: "redis", nodes: [node], isEncrypted: false, database: 0, isCluster: false };
    assert.deepEqual(readStoreUrl("redis://cache.example.org:6379"), plain);
    assert.deepEqual(readStoreUrl("rediss://cache.example.org:6379/15"), {
      ...plain,
      isEncrypted: true,
      database: 15,
    });
    assert.deepEqual(readStoreUrl("redis://reader@cache.example.org:6379"), { ...plain, user: "reader" });
    assert.deepEqual(readStoreUrl("redis://10.0.0.2:6379:3,[::1]:6380/1"), {
      ...plain,
      nodes: [
        { host: "10.0.0.2", port: 6379, weight: 3 },
        { host: "::1", port: 6380, weight: 1 },
      ],
      database: 1,
    });
  });

  it("says of Redis servers that they are a cluster", () => {
    for (const text of ["redis://a:1?cluster=true", "rediss://:secret@a:1,b:2/0?cluster=true"]) {
      const url = readStoreUrl(text);
      assert.ok(url?.kind === "redis" && url.isCluster, text);
      assert.equal(url.nodes.at(-1)?.weight, 1);
    }
  });

  it("has a password percent-encoded, and shows it nowhere", () => {
    const accessOf = (text: string) => {
      const url = readStoreUrl(text);
      assert.ok(url?.kind === "redis", text);
      assert.doesNotMatch(inspect(url, { depth: 9, showHidden: true }) + JSON.stringify(url), /geheim/);
      return [url.user, url.password?.()];
    };
    assert.deepEqual(accessOf("redis://:geheim@a:1"), [undefined, "geheim"]);
    assert.deepEqual(accessOf("rediss://alice:geheim@a:1,b:2/3"), ["alice", "geheim"]);
    assert.deepEqual(accessOf("redis://a%40b:geheim%2f%3A%40%25%C3%A4@a:1"), ["a@b", "geheim/:@%ä"]);
    assert.deepEqual(accessOf("redis://@a:1"), [undefined, undefined]);
  });

  it("names a DynamoDB table, and its attributes where they are not aws-sdk-php's own", () => {
    const plain = { kind: "dynamodb", hashKey: "id", dataAttribute: "data", expiryAttribute: "expires" };
    assert.deepEqual(readStoreUrl("dynamodb://sessions"), { ...plain, table: "sessions" });
    assert.deepEqual(readStoreUrl("dynamodb://My.table_2-x?data_attribute=payload"), {
      ...plain,
      table: "My.table_2-x",
      dataAttribute: "payload",
    });
    assert.deepEqual(
      readStoreUrl("dynamodb://sss?session_lifetime_attribute=ttl&hash_key=key&data_attribute=value"),
      { kind: "dynamodb", table: "sss", hashKey: "key", dataAttribute: "value", expiryAttribute: "ttl" },
    );
  });

  it("names a directory by its absolute path", () => {
    assert.deepEqual(readStoreUrl("files:///var/lib/php/sessions"), {
      kind: "files",
      directory: "/var/lib/php/sessions",
    });
    assert.deepEqual(readStoreUrl("files:///"), { kind: "files", directory: "/" });
  });

  it("names the user that PHP runs as beside its directory", () => {
    for (const uid of [0, 33, 2 ** 32 - 2]) {
      const found = { kind: "files", directory: "/var/lib/php/sessions", uid };
      assert.deepEqual(readStoreUrl(`files:///var/lib/php/sessions?uid=${uid}`), found);
    }
  });

  it("is nothing else", () => {
    const wrong = [
      ...["memcacheds://", "memcacheds:a:1", "memcachedss://a:1"],
      ...["", "memcached://", "memcached://a", "memcached://a:", "memcached://a:0", "memcached://a:65536"],
      ...[
        "memcached://a:1,",
        "memcached://a:1,,b:2",
        "memcached://a:1/",
        "memcached://u:p@a:1",
        "memcached:a:1",
      ],
      ...["memcached://a b:1", "memcached://a:1x", "memcached://::1:11211", "files://relative"],
      ...["redis://", "redis://a", "redis://a:0", "redis://a:1/", "redis://a:1/x", "redis://a:1/-1"],
      ...["redis://a:1/100000", "redis://a:1/1/2", "redis://a:1,", "redis://a:1:0", "redis://a:1?weight=2"],
      ...[
        "redis://u:@a:1",
        "redis://:p/q@a:1",
        "redis://u:p:q@a:1",
        "redis://u:p@q@a:1",
        "redis://u:%ff@a:1",
      ],
      ...[
        "redis://u:%@a:1",
        "redis://a:1?cluster",
        "redis://a:1?cluster=false",
        "redis://a:1?cluster=true&x",
        "redis://u p@a:1",
        "redis:a:1",
        "redisss://a:1",
        "valkey://a:1",
      ],
      ...[
        "dynamodb://",
        "dynamodb://ab",
        "dynamodb://a b",
        "dynamodb://abc/",
        "dynamodb://abc?",
        "dynamodb:abc",
      ],
      ...["dynamodb://abc?hash_key", "dynamodb://abc?hash_key=", "dynamodb://abc?region=x", "dynamodb://a:b"],
      ...[
        "dynamodb://abc?hash_key=a&hash_key=b",
        "dynamodb://abc?hash_key=a&",
        "dynamodb://abc?hash_key=a%20",
      ],
      `dynamodb://${"a".repeat(256)}`,
      ...["files:/var", "file:///var", "files://", "files:///a?", "files:///a?uid=", "files:///a?uid=-1"],
      ...["files:///a?uid=www-data", "files:///a?uid=1.5", "files:///a?uid=033", "files:///a?uid=4294967295"],
      ...[
        "files:///a?uid=33&uid=0",
        "files:///a?uid=33?uid=0",
        "files:///a?gid=33",
        "files://a?uid=33",
        "MEMCACHED://a:1",
        " memcached://a:1",
      ],
      ...["memcached://a:1:", "memcached://a:1:0", "memcached://a:1:10001", "memcached://a:1:-1"],
      ...["memcached://a:1:1.5", "memcached://a:1:2:3", "memcached://a:1?weight=2", "memcached://a::2"],
      `memcached://${Array.from({ length: 301 }, () => "a:1").join(",")}`,
    ];
    for (const text of wrong) assert.equal(readStoreUrl(text), undefined, text);
  });
});
