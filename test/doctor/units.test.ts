import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hiddenDirectories, readUnit, userOf } from "../../doctor/units.ts";
import { temporaryDirectory } from "../real/directory.ts";

describe("a unit", () => {
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
    assert.equal(userOf("User=a\nUser=b\n"), "b");
    assert.equal(userOf("User=a\nUser=\n"), "root");
    assert.equal(userOf("#User=a\nGroup=g\n"), "root");
  });

  it("is the first that there is, with the drop-ins of all directories, the first of each name", () => {
    const root = temporaryDirectory();
    const directories = ["etc", "run", "lib"].map((name) => join(root, name));
    const write = (path: string, text: string) => {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    assert.equal(readUnit("a.service", directories), undefined);
    write("lib/a.service", "User=lib\n");
    assert.equal(userOf(readUnit("a.service", directories) ?? ""), "lib");
    write("run/a.service", "User=run\n");
    assert.equal(userOf(readUnit("a.service", directories) ?? ""), "run");
    write("lib/a.service.d/20.conf", "User=last\n");
    write("etc/a.service.d/10.conf", "User=first\n");
    write("etc/a.service.d/30.txt", "User=no\n");
    assert.equal(userOf(readUnit("a.service", directories) ?? ""), "last");
    write("etc/a.service.d/20.conf", "User=etc\n");
    assert.equal(userOf(readUnit("a.service", directories) ?? ""), "etc");
  });
});
