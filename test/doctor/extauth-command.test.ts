import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRelays, readCommand } from "../../doctor/extauth-command.ts";

const url = "https://id.execute-api.eu-central-1.amazonaws.com/auth";

describe("extauth_program", () => {
  it("is a program and its arguments", () => {
    assert.deepEqual(readCommand("/opt/inspectord/relay.mjs  URL --hedge"), {
      program: "/opt/inspectord/relay.mjs",
      script: undefined,
      args: ["URL", "--hedge"],
      socket: undefined,
    });
  });

  it("is an interpreter with its options, a script and that script's arguments", () => {
    const { program, script, args } = readCommand(`/usr/bin/node --jitless /opt/relay.mjs ${url}`);
    assert.deepEqual([program, script, args], ["/usr/bin/node", "/opt/relay.mjs", [url]]);
    assert.equal(readCommand("python3.11 -u auth.py").script, "auth.py");
    assert.equal(readCommand("node").script, undefined);
  });

  it("may quote its words", () => {
    assert.deepEqual(readCommand(`node "/opt/my relay.mjs" 'a b'`).args, ["a b"]);
    assert.equal(readCommand(`node "/opt/my relay.mjs" 'a b'`).script, "/opt/my relay.mjs");
  });

  it("may be a shell that runs it in the end", () => {
    const text =
      "sh -c 'sleep 2; exec socat - UNIX-CONNECT:/run/inspectord/relay.sock,retry=280,interval=0.1'";
    const { program, socket } = readCommand(text);
    assert.deepEqual([program, socket], ["socat", "/run/inspectord/relay.sock"]);
    assert.equal(readCommand(`/bin/sh -c "cd / && node /opt/relay.mjs ${url}"`).script, "/opt/relay.mjs");
  });

  it("may be socat, whose socket is found", () => {
    assert.equal(readCommand("socat - UNIX-CONNECT:/run/r.sock").socket, "/run/r.sock");
    assert.equal(readCommand("socat STDIO unix:/run/r.sock,retry=3").socket, "/run/r.sock");
    assert.equal(readCommand("socat - TCP:localhost:80").socket, undefined);
  });

  it("may be empty or unreadable, and nothing is thrown", () => {
    for (const text of ["", "  ", "'", "sh -c", "sh -c ''"]) assert.equal(readCommand(text).args.length, 0);
  });

  it("is a relay's if its arguments hold a URL", () => {
    assert.equal(isRelays([url]), true);
    assert.equal(isRelays(["--listen", "/run/r.sock"]), false);
  });
});
