import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findSurroundings, hiddenDirectories, readAccount } from "../../../relay/doctor/account.ts";

describe("ejabberd's account", () => {
  it("is found in /etc/passwd's text", () => {
    const passwd =
      "root:x:0:0:root:/root:/bin/bash\n# no account\nejabberd:x:105:108::/var/lib/ejabberd:/bin/sh\n";
    const account = { name: "ejabberd", uid: 105, gid: 108, home: "/var/lib/ejabberd" };
    assert.deepEqual(
      readAccount(passwd, ({ name }) => name === "ejabberd"),
      account,
    );
    assert.deepEqual(
      readAccount(passwd, ({ uid }) => uid === 105),
      account,
    );
    assert.equal(
      readAccount(passwd, ({ name }) => name === "nobody"),
      undefined,
    );
  });
});

describe("what ejabberd gives its programs", () => {
  it("is as near as may be where none runs with this file, and is said to be no more", () => {
    const { environment, finding, user } = findSurroundings("/nonexistent.yml", { PATH: "/bin", HOME: "/" });
    assert.equal(environment["PATH"], "/bin");
    assert.equal(finding.level, "warn");
    assert.ok(finding.says.includes(user));
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
