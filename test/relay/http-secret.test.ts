import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { HttpSecretError, readHttpSecret } from "../../relay/http-secret.ts";
import { temporaryDirectory } from "../real/directory.ts";

const directory = temporaryDirectory();
const secret = "mongooseim:DzviNQw3qyGJDrJDu+ClyA";

function fileOf(text: string, mode = 0o600): string {
  const path = join(directory, "secret");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function problemOf(path: string): string {
  try {
    readHttpSecret(path);
    return "none";
  } catch (error) {
    assert.ok(error instanceof HttpSecretError);
    assert.doesNotMatch(error.message, /DzviNQw3/);
    return error.message;
  }
}

describe("the secret of HTTP callers", () => {
  it("is the file's one line", () => {
    for (const text of [secret, `${secret}\n`, `${secret}\r\n`])
      assert.equal(readHttpSecret(fileOf(text)), secret);
    assert.equal(readHttpSecret(fileOf(secret, 0o640)), secret);
    assert.equal(readHttpSecret(fileOf("a:b:c:d:e:f:g:h:i:j")), "a:b:c:d:e:f:g:h:i:j");
  });

  it("is not one that every user may read or write", () => {
    for (const mode of [0o604, 0o602, 0o644, 0o666]) {
      assert.match(problemOf(fileOf(secret, mode)), /chmod o-rwx/);
    }
  });

  it("is not one of another form, or one that can be guessed", () => {
    for (const text of [
      "",
      "\n",
      "secret",
      ":secretsecretsecret",
      "a b:secretsecretsecret",
      `${secret}\n${secret}`,
      "ä:secretsecretsecret",
    ]) {
      assert.match(problemOf(fileOf(text)), /not one line of NAME:PASSWORD/, text);
    }
    assert.match(problemOf(fileOf("mongooseim:123456789012345")), /fewer than 16 characters/);
    assert.match(problemOf(fileOf("a:".padEnd(2_000, "x"))), /more than 1024 bytes/);
  });

  it("is missed where there is no file", () => {
    assert.match(problemOf(join(directory, "none")), /cannot be read \(ENOENT\)/);
    assert.match(problemOf(directory), /is not a file/);
  });
});
