// `npm run demo` as somebody types it, in a real browser: two users chat, one logs out on the site, and that chat ends.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it as itAlways } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Browser, FrameLocator, Page } from "playwright-core";
import { freePort, isFree } from "../../../infra/local/ports.ts";
import { startBrowser } from "../../real/browser.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const withinMs = 60_000;

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + 2 * withinMs;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
}

/** Copies the tree, so that what is built here is in no other test's way. */
function copyOfTree(): string {
  const copy = temporaryDirectory();
  for (const name of readdirSync(root)) {
    if (![".git", "node_modules", "dist", "test", "bench", "coverage"].includes(name)) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Returns the command lines of this process' group. */
function groupOf({ pid = 0 }: ChildProcess): string[] {
  return readdirSync("/proc").flatMap((entry) => {
    try {
      const stat = readFileSync(`/proc/${Number(entry)}/stat`, "utf8");
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(group) !== pid || state === "Z") return [];
      return [readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ")];
    } catch {
      return [];
    }
  });
}

describe("npm run demo", () => {
  const { it, before, after } = needing("memcached", "php", "ejabberd", "chromium");
  const temporary = temporaryDirectory();
  let port: number;
  let demo: ChildProcess;
  let output = "";
  let browser: Browser;
  let page: Page;
  let one: FrameLocator;
  let other: FrameLocator;
  const errors: string[] = [];

  before(async () => {
    port = await freePort();
    demo = spawn("npm", ["run", "demo", "--silent", "--", "--port", String(port)], {
      cwd: copyOfTree(),
      env: { ...process.env, TMPDIR: temporary },
      // A group of its own, to which ^C goes as it does in a terminal.
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    demo.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    browser = await startBrowser();
    page = await browser.newPage({ viewport: { width: 1280, height: 580 } });
    page.on("pageerror", ({ message }) => errors.push(message));
    await until(() => output.includes("^C ends it") || demo.exitCode !== null, "the demo is there");
    assert.equal(demo.exitCode, null, output);
    await page.goto(/http:\S+/.exec(output)?.[0] ?? "");
    one = page.frameLocator("iframe >> nth=0");
    other = page.frameLocator("iframe >> nth=1");
  });
  after(async () => {
    await browser?.close();
    try {
      process.kill(-(demo?.pid ?? 0), "SIGKILL");
    } catch {
      // The group has ended.
    }
  });

  const events = async () =>
    (await page.locator("#events tr").allInnerTexts()).map((row) => row.split("\t").slice(0, 2).join(" "));
  const sees = (window: FrameLocator, text: string | RegExp) =>
    window.getByText(text).first().waitFor({ timeout: withinMs });

  it("says what it does while it starts", () => {
    for (const step of ["Building", "memcached", "PHP", "the API", "the relay", "ejabberd"]) {
      assert.match(
        output,
        new RegExp(`^[A-Z][a-z]+.*${step}.* \\.\\.\\. \\d+\\.\\d s$|^${step}`, "m"),
        output,
      );
    }
  });

  it("lets two users of the site chat, each in a window of their own", async () => {
    await one.getByText("Log in as Alice").click();
    await other.getByText("Log in as Bob").click();
    for (const window of [one, other]) await sees(window, "The chat is open.");
    await sees(one, "Bob is here");
    await one.locator("#text").fill("Are you there, <b>Bob</b>?");
    await one.getByText("Send").click();
    await sees(other, "Are you there, <b>Bob</b>?");
    await other.locator("#text").fill("I am.");
    await other.getByText("Send").click();
    await sees(one, "I am.");
  });

  it("refuses a login by another one's ticket, and shows each login's verdict, reason and times", async () => {
    await other.getByText("Try to be Alice with this ticket").click();
    await sees(other, "a login as Alice with Bob's ticket was refused");
    const rows = page.locator("#events tr");
    await rows.nth(2).waitFor({ timeout: withinMs });
    assert.deepEqual((await events()).toSorted(), [
      "alice allowed",
      "alice refused other-user",
      "bob allowed",
    ]);
    await until(async () => {
      const cells = (await rows.allInnerTexts()).flatMap((row) => row.split("\t").slice(2));
      return cells.length === 12 && cells.every((cell) => /^\d+\.\d$/.test(cell));
    }, "the times at all hops");
  });

  it("ends the chat of who logs out on the site, and nobody else's", async () => {
    await one.getByText("Log out on the site").click();
    await sees(one, /The chat host ended this chat \d+\.\d s after the logout\./);
    await sees(other, "Alice is gone");
    await sees(other, "The chat is open.");
    await page.locator("#events tr.ended").waitFor({ timeout: withinMs });
    assert.match((await events())[0] ?? "", /^alice the chat ended, \d+\.\d s after the logout$/);
    assert.ok((await page.screenshot()).length > 10_000);
    assert.deepEqual(errors, []);
  });

  it("lets them in again after a new login", async () => {
    await one.getByText("Log in again").click();
    await one.getByText("Log in as Alice").click();
    await sees(one, "The chat is open.");
    await sees(other, "Alice is here");
  });

  it("shows no ticket and no session id, and ends all that it started", async () => {
    assert.doesNotMatch(output, /eyJ|[?&]|sess/);
    for (const part of ["memcached", "site.php", "offline start", "relay.mjs", "ejabberd"]) {
      assert.ok(
        groupOf(demo).some((line) => line.includes(part)),
        part,
      );
    }
    const exit = once(demo, "exit");
    process.kill(demo.pid ?? 0, "SIGTERM");
    await exit;
    await until(() => groupOf(demo).length === 0, "all processes of its group have ended");
    assert.ok(await isFree(port));
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith("inspectord-demo")),
      [],
    );
  });
});

describe("npm run demo, before it starts anything", () => {
  const run = (cwd: string, ...args: string[]) =>
    spawnSync("npm", ["run", "demo", "--silent", "--", ...args], { cwd, encoding: "utf8" });

  itAlways("says how it is used before anything is installed", () => {
    const clone = temporaryDirectory();
    for (const directory of [".ci", "infra/demo"]) mkdirSync(join(clone, directory), { recursive: true });
    for (const name of ["package.json", ".ci/prepare.mjs", "infra/demo/demo.mjs", "infra/demo/usage.txt"]) {
      cpSync(join(root, name), join(clone, name));
    }
    const { status, stdout, stderr } = run(clone, "--help");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^usage: npm run demo/);
    assert.ok(stdout.split("\n").every((line) => line.length <= 120));
    assert.ok(!existsSync(join(clone, "node_modules")));
  });

  itAlways("says of a taken port and of a wrong option what to change", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    // In a process of its own, this one's server can answer nobody meanwhile: it need not.
    const taken = run(root, "--port", String(port));
    server.close();
    assert.equal(taken.status, 1);
    assert.match(taken.stderr, new RegExp(`Port ${port} is taken\\. .*--port ${port + 1}`));
    for (const args of [["--port", "0"], ["--port", "x"], ["--nonsense"]]) {
      const { status, stderr } = run(root, ...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, /npm run demo -- --help says more/);
    }
  });
});
