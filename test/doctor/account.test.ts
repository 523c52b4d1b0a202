import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findSurroundings, hiddenDirectories, surroundingsOf } from "../../doctor/account.ts";

const passwd = `root:x:0:0:root:/root:/bin/bash
# no account
ejabberd:x:105:108::/nonexistent:/bin/sh
alice:x:1000:1000:Alice:/home/alice:/bin/sh
chat:x:1001:1001::/:/bin/sh
`;
const own = { PATH: "/bin", HOME: "/root" };
const running = { pid: 7, uid: 1001, environment: { AWS_REGION: "x" }, directory: "/spool" };

describe("what ejabberd gives its programs", () => {
  it("is told by the one that runs, whoever its user is", () => {
    const found = surroundingsOf({ own, ownUid: 0, passwd, running });
    assert.equal(found.environment, running.environment);
    assert.equal(found.directory, "/spool");
    assert.equal(found.user, "chat");
    assert.deepEqual(found.finding.level, "ok");
  });

  it("is near to this shell's environment where none runs", () => {
    const found = surroundingsOf({ own, ownUid: 0, passwd, running: undefined });
    const environment = { PATH: "/bin", HOME: "/nonexistent", USER: "ejabberd", LOGNAME: "ejabberd" };
    assert.deepEqual(found.environment, environment);
    assert.equal(found.directory, "/");
    assert.equal(found.finding.level, "warn");
    assert.match(found.finding.says, /all is tried as ejabberd, with this shell's environment/);
  });

  it("is not seen by another user, who stays what he is", () => {
    const found = surroundingsOf({ own, ownUid: 1000, passwd, running: undefined });
    assert.equal(found.environment, own);
    assert.equal(found.user, "alice");
    assert.match(
      found.finding.says,
      /what ejabberd may do is seen by root and by ejabberd only: .* as alice/,
    );
    found.become();
  });

  it("is not known where there is no user ejabberd", () => {
    const found = surroundingsOf({ own, ownUid: 4711, passwd: "", running: undefined });
    assert.equal(found.user, "4711");
    assert.match(found.finding.says, /there is no user ejabberd here: all is tried as 4711/);
    found.become();
  });

  it("is looked for on this machine", () => {
    const { environment, finding, user } = findSurroundings("/nonexistent.yml", own);
    assert.equal(environment["PATH"], "/bin");
    assert.equal(finding.level, "warn");
    assert.ok(finding.says.includes(user));
    assert.equal(findSurroundings(undefined, own).finding.level, "warn");
  });
});

describe("ejabberd's unit", () => {
  it("hides homes and temporary directories where it says so", () => {
    const homes = ["/home", "/root", "/run/user"];
    const temporary = ["/tmp", "/var/tmp"];
    assert.deepEqual(hiddenDirectories("[Service]\nPrivateTmp=true\nProtectHome=true\n"), [
      ...homes,
      ...temporary,
    ]);
    assert.deepEqual(hiddenDirectories("ProtectHome = tmpfs"), homes);
    assert.deepEqual(hiddenDirectories("PrivateTmp=yes"), temporary);
    assert.deepEqual(hiddenDirectories("ProtectHome=read-only\n#PrivateTmp=true"), []);
    assert.deepEqual(hiddenDirectories(""), []);
  });

  it("is overruled by what comes later", () => {
    assert.deepEqual(hiddenDirectories("ProtectHome=true\n[Service]\nProtectHome=false"), []);
  });
});
