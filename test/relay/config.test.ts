import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Environment, options, type RelayConfig, readConfig } from "../../relay/config.ts";
import { version } from "../../relay/version.ts";
import { examplesOf } from "../examples-of.ts";

const environment: Environment = { AWS_REGION: "eu-central-1" };

function problemOf(...args: string[]): string {
  const read = readConfig(args, environment);
  return "problem" in read ? read.problem : "none";
}

function configOf(args: readonly string[], variables = environment): RelayConfig {
  const read = readConfig(args, variables);
  assert.ok("config" in read, JSON.stringify(read));
  return read.config;
}

describe("the relay's command line", () => {
  it("is right in each example of its help", () => {
    const read = readConfig(["--help"], {});
    const examples = examplesOf("help" in read ? read.help : "", "relay.mjs");
    assert.ok(examples.length >= 3);
    for (const example of examples) assert.ok("config" in readConfig(example, {}), example.join(" "));
  });

  it("takes the route's URL and waits ten seconds for a login unless told", () => {
    const config = configOf(["https://id.execute-api.eu-central-1.amazonaws.com/auth"]);
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

  it("takes HTTP on an address of the loopback with a secret, and on no other", () => {
    const url = "https://example.org/auth";
    const secretFile = "/etc/inspectord/http-secret";
    for (const [address, host, port] of [
      ["127.0.0.1:5290", "127.0.0.1", 5290],
      ["127.8.9.10:1", "127.8.9.10", 1],
      ["[::1]:65535", "::1", 65_535],
    ] as const) {
      const { http } = configOf([url, "--http", address, "--http-secret-file", secretFile]);
      assert.deepEqual(http, { host, port, secretFile });
    }
    for (const address of [
      "5290",
      "127.0.0.1",
      "127.0.0.1:0",
      "127.0.0.1:65536",
      "127.0.0.1:x",
      "::1:5290",
      "[::2]:5290",
      "0.0.0.0:5290",
      "10.0.0.1:5290",
      "localhost:5290",
      "127.0.0.1.example.org:5290",
      "",
    ]) {
      const problem = problemOf(url, `--http=${address}`, "--http-secret-file", secretFile);
      assert.match(problem, /not an address of the loopback/, address);
    }
    assert.match(problemOf(url, "--http", "127.0.0.1:5290"), /--http-secret-file is missing/);
    assert.match(problemOf(url, "--http-secret-file", secretFile), /for --http, which is missing/);
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
    assert.equal(configOf(["https://example.org/auth", "--deadline-ms", "100"]).deadlineMs, 100);
    for (const wrong of ["99", "20001", "1.5", "ten", "", "-1", "NaN"]) {
      assert.match(problemOf("https://example.org/auth", `--deadline-ms=${wrong}`), /--deadline-ms/, wrong);
    }
  });

  it("says which flag it does not know", () => {
    assert.match(problemOf("https://example.org/auth", "--verbose"), /--verbose/);
  });

  it("takes the region from API Gateway's name of the URL, from --region, or from AWS's variables", () => {
    const regionOf = (url: string, variables = {}, ...args: string[]) =>
      configOf([`https://${url}/auth`, ...args], variables).region;
    assert.equal(regionOf("id.execute-api.eu-west-1.amazonaws.com", environment), "eu-west-1");
    assert.equal(regionOf("id.execute-api.cn-north-1.amazonaws.com.cn"), "cn-north-1");
    assert.equal(regionOf("id.execute-api.us-gov-west-1.amazonaws.com"), "us-gov-west-1");
    assert.equal(regionOf("id.execute-api.us-east-1.api.aws"), "us-east-1");
    assert.equal(regionOf("chat.example.org", environment), "eu-central-1");
    assert.equal(regionOf("chat.example.org", { AWS_DEFAULT_REGION: "us-east-2" }), "us-east-2");
    assert.equal(regionOf("chat.example.org", environment, "--region", "ap-south-1"), "ap-south-1");
    for (const variables of [{}, { AWS_REGION: "" }, { AWS_REGION: "Frankfurt" }]) {
      const read = readConfig(["https://chat.example.org/auth"], variables);
      assert.match("problem" in read ? read.problem : "", /--region or AWS_REGION/);
    }
  });

  it("takes the socket, the log, the metrics' port and the authorities", () => {
    const {
      url: _,
      environment: __,
      ...config
    } = configOf([
      "https://example.org/auth",
      ...["--listen", "/run/relay.sock", "--profile", "chat", "--ca-file", "/etc/ca.pem", "--hedge"],
      ...[
        "--log-file",
        "/var/log/relay.log",
        "--log-format",
        "json",
        "--log-users",
        "--metrics-port",
        "9100",
        "--max-in-flight",
        "40",
      ],
    ]);
    assert.deepEqual(config, {
      region: "eu-central-1",
      deadlineMs: 10_000,
      listen: "/run/relay.sock",
      profile: "chat",
      caFile: "/etc/ca.pem",
      isHedgeGiven: true,
      logFile: "/var/log/relay.log",
      logFormat: "json",
      logUsers: true,
      metricsPort: 9100,
      maxInFlight: 40,
    });
    for (const port of ["0", "65536", "http", ""]) {
      assert.match(problemOf("https://example.org/auth", `--metrics-port=${port}`), /--metrics-port/);
    }
    for (const count of ["0", "1025", "many", "1.5"]) {
      assert.match(
        problemOf("https://example.org/auth", `--max-in-flight=${count}`),
        /--max-in-flight is not/,
      );
    }
    assert.match(problemOf("https://example.org/auth", "--log-format=xml"), /neither logfmt nor json/);
  });

  it("takes what isuser is answered with, all or none", () => {
    for (const policy of ["all", "none"] as const) {
      assert.equal(configOf(["https://example.org/auth", "--isuser", policy]).isUserPolicy, policy);
    }
    assert.equal(configOf(["https://example.org/auth"]).isUserPolicy, undefined);
    for (const wrong of ["", "some", "All", "no"]) {
      assert.match(problemOf("https://example.org/auth", `--isuser=${wrong}`), /--isuser is neither/);
    }
  });

  it("tells its release, and every option in its help", () => {
    assert.deepEqual(readConfig(["--version"], {}), { help: `inspectord-relay ${version}` });
    const read = readConfig(["--help"], {});
    const help = "help" in read ? read.help : "";
    for (const option of Object.keys(options)) assert.ok(help.includes(`--${option}`), option);
    assert.ok(help.split("\n").every((line) => line.length <= 118));
  });
});
