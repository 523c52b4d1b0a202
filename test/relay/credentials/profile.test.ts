import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { CredentialsError } from "../../../relay/credentials/credentials.ts";
import { maxDocumentBytes } from "../../../relay/credentials/credentials-document.ts";
import { fromProfile } from "../../../relay/credentials/profile.ts";
import { longestRunMs } from "../../../relay/credentials/program.ts";
import { temporaryDirectory } from "../../real/directory.ts";

const directory = temporaryDirectory();

/** The environment of somebody whose home holds these two files. */
function home(files: { credentials?: string; config?: string }) {
  const path = mkdtempSync(join(directory, "home-"));
  mkdirSync(join(path, ".aws"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, ".aws", name), text);
  return { HOME: path, PATH: process.env["PATH"] };
}

/** A real program that this command line starts. */
function program(text: string): string {
  const path = join(mkdtempSync(join(directory, "program-")), "program.sh");
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

function withProcess(text: string) {
  return home({ config: `[profile chat]\ncredential_process = ${program(text)}\n` });
}

function faultOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => assert.fail("there were credentials"),
    ({ code, detail }: CredentialsError) => `${code}: ${detail}`,
  );
}

const keys = "aws_access_key_id = A\naws_secret_access_key = S\n";

describe("credentials of a profile", () => {
  it("are those of the one called default, unless another is asked for", async () => {
    const environment = home({
      credentials: `[default]\n${keys}\n[chat]\naws_access_key_id=B\naws_secret_access_key=T\naws_session_token=U\n`,
    });
    assert.deepEqual(await fromProfile(environment, undefined), { accessKeyId: "A", secretAccessKey: "S" });
    assert.deepEqual(await fromProfile(environment, "chat"), {
      accessKeyId: "B",
      secretAccessKey: "T",
      sessionToken: "U",
    });
  });

  it("may stand in the config file, and those in the credentials file go first", async () => {
    const config = `[profile chat]\n${keys}[profile other]\n${keys}`;
    const environment = home({
      config,
      credentials: "[other]\naws_access_key_id=B\naws_secret_access_key=T\n",
    });
    assert.equal((await fromProfile(environment, "chat"))?.accessKeyId, "A");
    assert.equal((await fromProfile(environment, "other"))?.accessKeyId, "B");
  });

  it("are read from the files that the variables name", async () => {
    const { HOME } = home({ credentials: `[default]\n${keys}` });
    const named = { HOME: directory, AWS_SHARED_CREDENTIALS_FILE: join(HOME, ".aws", "credentials") };
    assert.equal((await fromProfile(named, undefined))?.accessKeyId, "A");
    const fromHome = { HOME, AWS_SHARED_CREDENTIALS_FILE: "~/.aws/credentials" };
    assert.equal((await fromProfile(fromHome, undefined))?.accessKeyId, "A");
  });

  it("are read anew each time: keys are rotated in place", async () => {
    const environment = home({ credentials: `[default]\n${keys}` });
    assert.equal((await fromProfile(environment, undefined))?.accessKeyId, "A");
    writeFileSync(join(environment.HOME, ".aws", "credentials"), `[default]\n${keys.replace("= A", "= B")}`);
    assert.equal((await fromProfile(environment, undefined))?.accessKeyId, "B");
  });

  it("are none where nothing is asked for and nothing is there", async () => {
    assert.equal(await fromProfile({ HOME: join(directory, "nowhere") }, undefined), undefined);
    assert.equal(
      await fromProfile(home({ config: "[default]\nregion = eu-central-1\n" }), undefined),
      undefined,
    );
  });

  it("are missing where the profile that is asked for is not there or is empty", async () => {
    const environment = home({ config: "[profile chat]\nregion = eu-central-1\n" });
    for (const name of ["chat", "other", "__proto__"]) {
      assert.equal(
        await faultOf(fromProfile(environment, name)),
        `credentials-missing: profile ${name}: not there, or without credentials`,
      );
    }
  });

  it("are at fault where a file that a variable names cannot be read", async () => {
    for (const name of ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"]) {
      const path = join(directory, "nowhere", "file");
      const asked = fromProfile({ HOME: directory, [name]: path }, undefined);
      assert.equal(await faultOf(asked), `credentials-unreadable: ${path} cannot be read (ENOENT)`);
    }
  });

  it("are at fault where the asked-for profile's file is another user's, in place of passing it over", async () => {
    const environment = home({ credentials: `[chat]\n${keys}` });
    // Root may read all, so the home is no directory at all.
    const notThere = { HOME: join(environment.HOME, ".aws", "credentials") };
    assert.match(await faultOf(fromProfile(notThere, "chat")), /^credentials-unreadable: .*\(ENOTDIR\)$/);
    assert.equal(await fromProfile(notThere, undefined), undefined);
  });

  it("that need a role or a sign-on are refused by name, with what serves them", async () => {
    const needs = [
      "role_arn = arn:aws:iam::1:role/chat\nsource_profile = default",
      `role_arn = arn:aws:iam::1:role/chat\nsource_profile = chat\n${keys}`,
      "sso_session = work\nsso_account_id = 1",
      "sso_start_url = https://example.org",
      "web_identity_token_file = /token",
      "login_session = arn:aws:iam::1:user/chat",
    ];
    for (const need of needs) {
      const environment = home({ config: `[profile chat]\n${need}\n`, credentials: `[default]\n${keys}` });
      assert.match(
        await faultOf(fromProfile(environment, "chat")),
        /^credentials-unreadable: profile chat: \w+ is not read here: add credential_process = aws configure export-credentials --profile chat$/,
      );
    }
  });
});

describe("credentials of a profile's program", () => {
  const document = `{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2030-01-01T00:00:00Z"}`;
  const all = {
    accessKeyId: "A",
    secretAccessKey: "S",
    sessionToken: "T",
    expiration: new Date(Date.UTC(2030, 0, 1)),
  };

  it("are what it writes, and a profile that needs a role may have one", async () => {
    assert.deepEqual(await fromProfile(withProcess(`echo '${document}'`), "chat"), all);
    const environment = home({
      config: `[profile chat]\nrole_arn = arn:x\nsource_profile = chat\n${keys}credential_process = echo '${document}'\n`,
    });
    assert.deepEqual(await fromProfile(environment, "chat"), all);
  });

  it("are asked for in the relay's environment", async () => {
    const written = withProcess(
      `printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"S"}' "$KEY_NAME"`,
    );
    assert.equal((await fromProfile({ ...written, KEY_NAME: "K" }, "chat"))?.accessKeyId, "K");
  });

  it("are at fault where it fails, is not there, or writes something else; what it writes is not repeated", async () => {
    const programs: Readonly<Record<string, string>> = {
      "echo thesecret; echo thesecret >&2; exit 3": "credential_process ended with 3",
      "exec /nowhere/at/all": "credential_process ended with 127",
      "echo thesecret": "not JSON",
      'echo \'{"AccessKeyId":"A","SecretAccessKey":"thesecret"}\'': "Version is not 1",
      'echo \'{"Version":1,"SecretAccessKey":"thesecret"}\'': "no AccessKeyId or no SecretAccessKey",
    };
    for (const [text, says] of Object.entries(programs)) {
      const said = await faultOf(fromProfile(withProcess(text), "chat"));
      assert.equal(said, `credentials-unreadable: profile chat: ${says}`);
    }
  });

  it("are given up when it writes without end", async () => {
    const said = await faultOf(fromProfile(withProcess(`yes ${"x".repeat(maxDocumentBytes / 64)}`), "chat"));
    assert.equal(said, "credentials-unreadable: profile chat: credential_process writes too much");
  });

  it("are given up when it hangs, and nothing of it runs on", async (t) => {
    const seconds = `86${process.pid}`;
    const environment = withProcess(`trap '' TERM\nsleep ${seconds} &\nsleep ${seconds}`);
    const isRunning = () =>
      execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(`sleep ${seconds}`);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const asked = faultOf(fromProfile(environment, "chat"));
    while (!isRunning()) await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(longestRunMs);
    assert.equal(
      await asked,
      `credentials-unreadable: profile chat: credential_process has not ended within ${longestRunMs}ms`,
    );
    t.mock.timers.reset();
    const endsAt = performance.now() + 5_000;
    while (isRunning()) {
      assert.ok(performance.now() < endsAt, "it runs on");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});
