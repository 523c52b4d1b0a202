import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isOfCluster } from "../../../stores/redis/cluster.ts";

describe("the hosts of a Redis Cluster", () => {
  const of = (host: string, ...names: readonly string[]) =>
    isOfCluster(
      host,
      names.map((name) => ({ host: name, port: 6379, weight: 1 })),
    );

  it("are those that are configured, whatever their case", () => {
    assert.ok(of("10.0.0.1", "10.0.0.2", "10.0.0.1"));
    assert.ok(of("::1", "::1"));
    assert.ok(of("Cache.Example.org", "cache.example.ORG"));
    assert.ok(of("localhost", "localhost"));
    assert.ok(!of("10.0.0.3", "10.0.0.2", "10.0.0.1"));
    assert.ok(!of("10.0.0.1"));
  });

  it("are all of the domain that a configured name lies in", () => {
    const configured = "clustercfg.site.abc123.euc1.cache.amazonaws.com";
    assert.ok(of("site-0001-002.site.abc123.euc1.cache.amazonaws.com", configured));
    assert.ok(of("a.b.site.abc123.euc1.cache.amazonaws.com", configured));
    assert.ok(of("B.example.org", "a.EXAMPLE.org"));
    assert.ok(!of("site-0001-002.other.abc123.euc1.cache.amazonaws.com", configured));
    assert.ok(!of("evil.org", "a.example.org"));
    assert.ok(!of("evilexample.org", "a.example.org"));
    assert.ok(!of("example.org", "a.example.org"));
    assert.ok(!of("example.org.evil.org", "a.example.org"));
  });

  it("are not those of a domain of one label, nor of an address", () => {
    assert.ok(!of("evil.org", "example.org"));
    assert.ok(!of("evil.internal", "cache.internal"));
    assert.ok(!of("evil", "cache"));
    assert.ok(!of("10.0.0.2", "10.0.0.1"));
    assert.ok(!of("evil.0.0.1", "10.0.0.1"));
  });

  it("have names that are names", () => {
    for (const host of [
      "",
      ".example.org",
      "a..example.org",
      "a b.example.org",
      "a:1@b.example.org",
      "ä.example.org",
    ]) {
      assert.ok(!of(host, "a.example.org"), host);
    }
  });
});
