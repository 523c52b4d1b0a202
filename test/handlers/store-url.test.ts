import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readStoreUrl } from "../../handlers/store-url.ts";

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

  it("names a directory by its absolute path", () => {
    assert.deepEqual(readStoreUrl("files:///var/lib/php/sessions"), {
      kind: "files",
      directory: "/var/lib/php/sessions",
    });
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
      ...[
        "memcached://a b:1",
        "memcached://a:1x",
        "memcached://::1:11211",
        "redis://a:1",
        "files://relative",
      ],
      ...["files:/var", "file:///var", "MEMCACHED://a:1", " memcached://a:1"],
      ...["memcached://a:1:", "memcached://a:1:0", "memcached://a:1:10001", "memcached://a:1:-1"],
      ...["memcached://a:1:1.5", "memcached://a:1:2:3", "memcached://a:1?weight=2", "memcached://a::2"],
      `memcached://${Array.from({ length: 301 }, () => "a:1").join(",")}`,
    ];
    for (const text of wrong) assert.equal(readStoreUrl(text), undefined, text);
  });
});
