// What this process's user finds; what another user may not have is seen with the bundle (doctor.test.ts).

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { checkFiles } from "../../doctor/check-files.ts";
import { readCommand } from "../../doctor/extauth-command.ts";
import { temporaryDirectory } from "../real/directory.ts";

const directory = temporaryDirectory();
const at = { file: "/e.yml", line: 3 };
writeFileSync(join(directory, "program"), "#!/bin/sh\n", { mode: 0o755 });
writeFileSync(join(directory, "script.mjs"), "", { mode: 0o644 });
mkdirSync(join(directory, "hidden"));
writeFileSync(join(directory, "hidden", "program"), "#!/bin/sh\n", { mode: 0o755 });
symlinkSync(join(directory, "hidden", "program"), join(directory, "link"));

const hidden = [join(directory, "hidden")];

/** Returns what is said of this program, one line each. */
const foundOf = (text: string, path = directory) =>
  checkFiles(readCommand(text), { at, user: "ejabberd", path, directory, hidden }).map(
    ({ level, check, says }) => `${level} ${check} ${says}`,
  );

describe("the files that extauth_program names", () => {
  it("are well by a full path, from ejabberd's directory, and in PATH", () => {
    for (const text of [
      `${directory}/program URL`,
      "./program",
      "program",
      "sh -c 'sleep 2; exec ./program'",
    ]) {
      assert.match(foundOf(text).join(), /^ok program ejabberd may run/);
    }
    assert.match(
      foundOf("node script.mjs", process.env["PATH"]).join(),
      /^ok program ejabberd may run script\.mjs/,
    );
  });

  it("are named where they are absent, no file, or not to be run", () => {
    assert.deepEqual(foundOf(""), ["fail program extauth_program is empty"]);
    assert.match(foundOf("./absent").join(), /^fail program .*\/absent is not there$/);
    assert.match(foundOf("absent").join(), /is in no directory of ejabberd's PATH/);
    assert.match(foundOf("./hidden").join(), /\/hidden is no file$/);
    chmodSync(join(directory, "script.mjs"), 0o644);
    assert.match(
      foundOf("./script.mjs").join(),
      /ejabberd may not run .*\/script\.mjs \(mode 0644, uid \d+, gid \d+\)/,
    );
  });

  it("are found where the unit hides them, behind a link, too", () => {
    assert.match(
      foundOf("./hidden/program").join(),
      /lies below .*\/hidden, which ejabberd's systemd unit hides/,
    );
    assert.match(foundOf("./link").join(), /\/hidden\/program lies below/);
  });

  it("may be a socket: one that is there, absent, or something else", async () => {
    const server = createServer().listen(join(directory, "s.sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    assert.match(foundOf("program - UNIX-CONNECT:s.sock").join(), /^ok /);
    assert.match(
      foundOf("program - UNIX-CONNECT:absent.sock").join(),
      /^fail socket .*\/absent\.sock is not there/,
    );
    assert.match(foundOf("program - UNIX-CONNECT:script.mjs").join(), /^fail socket .* is no socket/);
    assert.match(
      foundOf(join(directory, "s.sock")).join(),
      /^fail program .* is a socket, and ejabberd would run it/,
    );
    server.close();
  });
});
