// The relay's systemd unit: systemd's own tools read it, and its command starts the relay.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { localKey } from "../../../infra/local/api.ts";
import { startProcess } from "../../../infra/local/process.ts";
import { frame, relayPath } from "../../../infra/local/relay-caller.ts";
import { readConfig } from "../../../relay/config.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { allowGood, badSession, goodSession, startStandIn } from "../../stand-in/api-gateway.ts";

const file = (name: string) =>
  readFileSync(new URL(`../../../infra/ejabberd/${name}`, import.meta.url), "utf8");
const unit = file("inspectord-relay.service");
const socketPath = "/run/inspectord/relay.sock";
const setting = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1] ?? "";

describe("the relay's unit in systemd's eyes", () => {
  const { it } = needing("systemd");
  const directory = temporaryDirectory();
  // The machine of a test may have its Node elsewhere.
  const here = unit.replace("/usr/bin/node", process.execPath);

  function analyze(text: string, ...args: string[]): { said: string; status: number | null } {
    const path = join(directory, "inspectord-relay.service");
    writeFileSync(path, text);
    const { status, stdout, stderr } = spawnSync("systemd-analyze", [...args, path], { encoding: "utf8" });
    return { said: stdout + stderr, status };
  }

  it("has no line that is not understood", () => {
    assert.deepEqual(analyze(here, "verify"), { said: "", status: 0 });
    assert.match(analyze(`${here}Unheard=of\n`, "verify").said, /Unheard/);
  });

  it("is exposed to no more than 2.0 of 10, and would be without its hardening", () => {
    const exposure = ["security", "--offline=true", "--no-pager", "--threshold=20"];
    assert.equal(analyze(here, ...exposure).status, 0);
    const hardening = /^(NoNew|Capability|Protect|Private|Lock|Restrict|Remove|SystemCall).*\n/gm;
    assert.notEqual(analyze(here.replace(hardening, ""), ...exposure).status, 0);
  });
});

describe("the relay's unit", () => {
  it("starts the relay, on a socket of its group's", async () => {
    const api = await startStandIn(allowGood);
    const path = join(temporaryDirectory(), "relay.sock");
    const [node, relay, ...args] = setting("ExecStart").split(" ");
    assert.deepEqual([node, relay], ["/usr/bin/node", "/opt/inspectord/relay.mjs"]);
    const given: Readonly<Record<string, string>> = {
      "${INSPECTORD_URL}": api.url,
      [socketPath]: path,
    };
    const running = await startProcess({
      command: process.execPath,
      args: [relayPath, ...args.map((arg) => given[arg] ?? arg)],
      env: {
        ...process.env,
        ...Object.fromEntries(
          setting("Environment")
            .split(" ")
            .map((pair) => pair.split(/=(.*)/)),
        ),
        ...localKey,
        AWS_REGION: "eu-central-1",
      },
      isReady: (output) => output.includes("listening"),
    });
    try {
      assert.equal(statSync(path).mode & 0o777, 0o660);
      assert.equal(await ask(path, `auth:alice:localhost:${goodSession}`), "00020001");
      assert.equal(await ask(path, `auth:alice:localhost:${badSession}`), "00020000");
    } finally {
      await running.stop();
      await api.stop();
    }
    assert.equal(running.child.exitCode, 0);
  });

  it("listens where the recommended ejabberd.yml connects to, in a directory that is made for it", () => {
    assert.ok(setting("ExecStart").endsWith(` --listen ${socketPath}`));
    assert.equal(`/run/${setting("RuntimeDirectory")}/relay.sock`, socketPath);
    assert.ok(file("ejabberd.yml").includes(`UNIX-CONNECT:${socketPath},`));
  });

  it("gives the relay more time to end than a login may take", () => {
    const longest = ["http://127.0.0.1/auth", "--region", "eu-central-1", "--deadline-ms"];
    assert.ok("config" in readConfig([...longest, "20000"]));
    assert.ok("problem" in readConfig([...longest, "20001"]));
    assert.ok(Number(setting("TimeoutStopSec")) * 1_000 > 20_000);
  });
});

/** Asks one question over the socket, and gives the answer's bytes. */
function ask(path: string, payload: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("data", (bytes: Buffer) => {
      socket.destroy();
      resolve(bytes.toString("hex"));
    });
    socket.write(frame(payload));
  });
}
