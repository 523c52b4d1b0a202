import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { filesOfModules, findInstallation, installationOf } from "../../doctor/installation.ts";
import { temporaryDirectory } from "../real/directory.ts";

const directory = temporaryDirectory();
mkdirSync(join(directory, "lib", "ejabberd-24.12-3+deb13u2"), { recursive: true });
const write = (name: string, text: string) => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};

describe("where ejabberd's code is", () => {
  it("is what the process that runs was started with", () => {
    const environment = { ERL_LIBS: join(directory, "lib"), ROOTDIR: "/usr/lib/erlang" };
    const args = ["-root", "/x", "-pa", "/a/ejabberd", "/b", "-s", "ejabberd", "-pz", "/c"];
    const running = { pid: 1, uid: 0, environment, directory: "/", program: "", args, listeners: [] };
    assert.deepEqual(installationOf(running), {
      erl: ["/usr/lib/erlang/bin/erl", "erl"],
      libraries: join(directory, "lib"),
      paths: [
        { flag: "-pa", directory: "/a/ejabberd" },
        { flag: "-pa", directory: "/b" },
        { flag: "-pz", directory: "/c" },
      ],
      version: "24.12",
      environment: {},
    });
  });

  it("is what ejabberdctl and its settings say, and none of it is run", () => {
    const marker = join(directory, "has-run");
    const script = write(
      "ejabberdctl",
      `#!/bin/sh\nERL="/usr/bin/erl"\ntouch ${marker}\n: "\${X:=1}"\nERL_LIBS='${directory}/lib'\nexport ERL_LIBS\n`,
    );
    const settings = write(
      "ejabberdctl.cfg",
      `# -pa /no\nERL_OPTIONS="-env ERL_CRASH_DUMP_BYTES 0 -pa /usr/local/lib/ejabberd"\nexport EJABBERD_MACRO_PORT=5222\nCONTRIB_MODULES_CONF_DIR=/etc/ejabberd/modules.d # here\nOTHER=$(touch ${marker})\n`,
    );
    const found = findInstallation([join(directory, "absent"), script], [settings]);
    assert.deepEqual(found, {
      erl: ["/usr/bin/erl", "erl"],
      libraries: `${directory}/lib`,
      paths: [{ flag: "-pa", directory: "/usr/local/lib/ejabberd" }],
      version: "24.12",
      environment: { EJABBERD_MACRO_PORT: "5222", CONTRIB_MODULES_CONF_DIR: "/etc/ejabberd/modules.d" },
    });
    assert.throws(() => write("has-run/x", ""), { code: "ENOENT" });
  });
});

describe("the files of contributed modules", () => {
  it("lie where the environment says, or below ejabberd's home", () => {
    mkdirSync(join(directory, "conf"));
    mkdirSync(join(directory, ".ejabberd-modules", "conf"), { recursive: true });
    for (const name of ["conf/b.yml", "conf/a.yaml", "conf/c.txt", ".ejabberd-modules/conf/d.yml"])
      write(name, "");
    const files = filesOfModules({ CONTRIB_MODULES_CONF_DIR: join(directory, "conf") });
    assert.deepEqual(files, [join(directory, "conf/a.yaml"), join(directory, "conf/b.yml")]);
    assert.deepEqual(filesOfModules({ HOME: directory }), [join(directory, ".ejabberd-modules/conf/d.yml")]);
    assert.deepEqual(filesOfModules({ HOME: "/nonexistent" }), []);
  });
});
