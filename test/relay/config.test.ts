import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "../../relay/config.ts";

function problemOf(...args: string[]): string {
  const config = readConfig(args);
  return "problem" in config ? config.problem : "none";
}

describe("the relay's command line", () => {
  it("takes the route's URL and waits ten seconds for a login unless told", () => {
    const config = readConfig(["https://id.execute-api.eu-central-1.amazonaws.com/auth"]);
    assert.ok("url" in config);
    assert.equal(config.url.href, "https://id.execute-api.eu-central-1.amazonaws.com/auth");
    assert.equal(config.deadlineMs, 10_000);
    assert.ok(Object.isFrozen(config));
  });

  it("takes plain http to this machine itself, and to no other", () => {
    for (const host of ["127.0.0.1", "127.8.9.10:3000", "[::1]:3000", "localhost", "LOCALHOST:80"]) {
      assert.equal(problemOf(`http://${host}/auth`), "none", host);
    }
    for (const host of [
      "example.org",
      "10.0.0.1",
      "localhost.example.org",
      "127.0.0.1.example.org",
      "[::2]",
      "0.0.0.0",
    ]) {
      assert.match(problemOf(`http://${host}/auth`), /plain http to another machine/, host);
    }
  });

  it("says what is wrong with a URL", () => {
    assert.match(problemOf(), /missing/);
    assert.match(problemOf("auth"), /cannot be read/);
    assert.match(problemOf("ftp://example.org/auth"), /begins neither/);
    assert.match(problemOf("https://example.org"), /names no route/);
    assert.match(problemOf("https://example.org/auth", "https://example.org/auth"), /more than one/);
    for (const url of [
      "https://u@example.org/a",
      "https://:p@example.org/a",
      "https://example.org/a?b",
      "https://example.org/a#b",
    ]) {
      assert.match(problemOf(url), /takes none/, url);
    }
  });

  it("never repeats a password that stands in a URL", () => {
    assert.ok(!problemOf("https://user:geheim@example.org/auth").includes("geheim"));
  });

  it("takes a deadline in milliseconds, from 100 to 20000", () => {
    const config = readConfig(["https://example.org/auth", "--deadline-ms", "100"]);
    assert.equal("deadlineMs" in config && config.deadlineMs, 100);
    for (const wrong of ["99", "20001", "1.5", "ten", "", "-1", "NaN"]) {
      assert.match(problemOf("https://example.org/auth", `--deadline-ms=${wrong}`), /--deadline-ms/, wrong);
    }
  });

  it("says which flag it does not know", () => {
    assert.match(problemOf("https://example.org/auth", "--verbose"), /--verbose/);
  });
});
