import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readAccounts } from "../../doctor/accounts.ts";
import { Machine, type MachineOptions, thisMachine } from "../../doctor/machine.ts";
import { Proc } from "../../doctor/proc.ts";

const accounts = readAccounts(`root:x:0:0:root:/root:/bin/bash
# no account
ejabberd:x:105:108::/nonexistent:/bin/sh
alice:x:1000:1000:Alice:/home/alice:/bin/sh
chat:x:1001:1001::/:/bin/sh
inspectord:x:1002:108::/:/bin/sh
`);
const own = { PATH: "/bin", HOME: "/root" };
const environment = { AWS_REGION: "x" };
const running = { pid: 7, uid: 1001, environment, directory: "/spool", program: "", args: [], listeners: [] };

const machineOf = (more: Partial<MachineOptions> = {}) =>
  new Machine({
    proc: new Proc(),
    own,
    ownUid: 0,
    accounts,
    ejabberdUnit: undefined,
    relayUnit: undefined,
    ...more,
  });

describe("what ejabberd gives its programs", () => {
  it("is what the one that runs has, whoever its user is", () => {
    const found = machineOf().surroundingsOf(running);
    assert.equal(found.environment, running.environment);
    assert.equal(found.directory, "/spool");
    assert.equal(found.user, "chat");
    assert.equal(found.mayRunPrograms, true);
    assert.deepEqual(found.finding.level, "ok");
  });

  it("is near to this shell's environment where none runs", () => {
    const found = machineOf().surroundingsOf(undefined);
    const expected = { PATH: "/bin", HOME: "/nonexistent", USER: "ejabberd", LOGNAME: "ejabberd" };
    assert.deepEqual(found.environment, expected);
    assert.equal(found.directory, "/");
    assert.equal(found.finding.level, "warn");
    assert.match(found.finding.says, /everything is tried as ejabberd, with this shell's environment/);
  });

  it("is its unit's user's", () => {
    assert.equal(
      machineOf({ ejabberdUnit: "[Service]\nUser=chat\n" }).surroundingsOf(undefined).user,
      "chat",
    );
    assert.equal(
      machineOf({ ejabberdUnit: "[Service]\nUser=1001\n" }).surroundingsOf(undefined).user,
      "chat",
    );
    assert.equal(machineOf({ ejabberdUnit: "[Service]\n" }).surroundingsOf(undefined).user, "ejabberd");
  });

  it("is not seen by another user, who stays what he is", () => {
    const found = machineOf({ ownUid: 1000 }).surroundingsOf(undefined);
    assert.equal(found.environment, own);
    assert.equal(found.user, "alice");
    assert.match(found.finding.says, /tried as alice: only root and ejabberd can see what ejabberd may do/);
    found.become();
  });

  it("is not known where there is no user ejabberd, and root then runs no program", () => {
    const found = machineOf({ ownUid: 4711, accounts: [] }).surroundingsOf(undefined);
    assert.equal(found.user, "uid 4711");
    assert.equal(found.mayRunPrograms, true);
    assert.match(found.finding.says, /has no user ejabberd: everything is tried as uid 4711/);
    found.become();
    const asRoot = machineOf({ accounts: [] }).surroundingsOf(undefined);
    assert.equal(asRoot.mayRunPrograms, false);
    assert.match(asRoot.finding.says, /root runs none of its programs/);
  });

  it("is looked for on this machine", () => {
    const machine = thisMachine(own);
    const { environment: found, finding, user } = machine.surroundingsOf(undefined);
    assert.equal(found["PATH"], "/bin");
    assert.equal(finding.level, "warn");
    assert.ok(finding.says.includes(user));
    assert.deepEqual(machine.ejabberds("/nonexistent.yml"), []);
    assert.equal(machine.socketHolder("/nonexistent.sock").kind, "unseen");
  });
});

describe("the users of this machine", () => {
  it("may say what ejabberd runs if they are root, ejabberd, or who asks", () => {
    const machine = machineOf({ ownUid: 1000, relayUnit: "User=inspectord" });
    for (const [uid, may] of [
      [0, true],
      [105, true],
      [1000, true],
      [1001, false],
      [1002, false],
    ] as const) {
      assert.equal(machine.isEjabberdsOrRoots(uid), may, String(uid));
    }
    assert.equal(machine.nameOf(1001), "chat");
    assert.equal(machine.nameOf(7), "uid 7");
  });
});
