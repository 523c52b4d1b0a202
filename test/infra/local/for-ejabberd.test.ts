// What `npm start` tells an operator to do for ejabberd: its commands are run, and its line of ejabberd.yml by another user,
// with the directories hidden that Debian's unit of ejabberd hides.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type ForEjabberd, forEjabberd, nodeFor } from "../../../infra/local/for-ejabberd.ts";
import { frame, relayPath } from "../../../infra/local/relay-caller.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";

const about: ForEjabberd = {
  url: "http://127.0.0.1:1/auth",
  relay: relayPath,
  node: process.execPath,
  needsNode: false,
};

describe("the Node for ejabberd", () => {
  it("is Debian's where that is installed", () => {
    const node = nodeFor("/home/me/.nvm/node", (path) => path === "/usr/bin/node");
    assert.deepEqual(node, { node: "/usr/bin/node", needsNode: false });
  });

  it("is this one where ejabberd's unit can see it", () => {
    assert.deepEqual(
      nodeFor("/opt/node/bin/node", () => false),
      { node: "/opt/node/bin/node", needsNode: false },
    );
  });

  it("is to be installed where this one lies in a home directory or in /tmp", () => {
    for (const own of ["/home/me/.nvm/node", "/root/node", "/tmp/node/bin/node"]) {
      assert.deepEqual(
        nodeFor(own, () => false),
        { node: "/usr/bin/node", needsNode: true },
      );
    }
    assert.match(forEjabberd({ ...about, needsNode: true }), /^ {2}apt-get install nodejs$/m);
  });
});

describe("the commands for ejabberd", () => {
  const { it } = needing("root");

  it("make a relay that another user can run, by the line of ejabberd.yml and the unit's environment", () => {
    const text = forEjabberd(about);
    const commands = /as root:\n\n(.*?)\n\n/s.exec(text)?.[1]?.replace(/^ {2}/gm, "") ?? "";
    const line = /extauth_program: "(.*)"/.exec(text)?.[1] ?? "";
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "commands"), commands);
    writeFileSync(join(directory, "question"), frame("auth:alice:localhost:nobody0has0this0session0id"));
    // What is written stays in this mount namespace, and ends with it.
    const script = `
      set -e
      mkdir -p /opt /etc/systemd/system
      mount -t tmpfs tmpfs /opt
      mount -t tmpfs tmpfs /etc/systemd/system
      systemctl() { echo "systemctl $*" >&2; }
      . ${directory}/commands
      environment=$(sed -n 's/^Environment=//p' /etc/systemd/system/ejabberd.service.d/inspectord-local.conf)
      exec 3< ${directory}/question
      mount -t tmpfs tmpfs /root
      mount -t tmpfs tmpfs /home
      cd /
      exec setpriv --reuid=65534 --regid=65534 --clear-groups env -i $environment ${line} <&3`;
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      ["--mount", "--propagation", "private", "sh", "-c", script],
      { encoding: "latin1" },
    );
    assert.equal(status, 0, stderr);
    // A no, for nothing listens at port 1: the relay has its region and credentials, and asked.
    assert.equal(Buffer.from(stdout, "latin1").toString("hex"), "00020000", stderr);
    assert.match(stderr, /systemctl daemon-reload/);
    assert.match(stderr, /code=api-unreachable/);
  });
});
