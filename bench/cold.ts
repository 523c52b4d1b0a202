// `npm run bench:cold`: what a cold start of the built function takes, beside that of a function that does nothing.
// Fresh processes, the two in turns, so that what else the machine does falls on both alike.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../infra/build.ts";
import { temporaryDirectory } from "../test/real/directory.ts";
import { startMemcached } from "../test/real/memcached.ts";
import { nodePath } from "../test/real/parts.ts";
import { entryBytes } from "./bundle-size.ts";
import { loginEvent, plainSettings, putSession, sessionId, smallSession } from "./login.ts";
import { requireParts } from "./require-parts.ts";
import { median, medianRatio, row } from "./table.ts";

requireParts(["memcached", "php", "nodes"]);

const rounds = 31;

const script = fileURLToPath(new URL("cold-process.mjs", import.meta.url));
const dist = fileURLToPath(new URL("../dist/auth", import.meta.url));

interface Start {
  readonly body: string;
  /** Of the import() alone. */
  readonly importMs: number;
  /** From the start of the process: Node's own start is part of every cold start. */
  readonly importedMs: number;
  readonly answeredMs: number;
}

interface Contender {
  readonly name: string;
  readonly handler: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly starts: Start[];
}

function start(node: string, { handler, settings }: Contender): Start {
  const { stdout, stderr } = spawnSync(node, [script, handler, JSON.stringify(loginEvent())], {
    env: { PATH: process.env["PATH"], ...settings },
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(`a cold start failed: ${stderr}`);
  // The function's own log lines come first.
  const found: Start = JSON.parse(stdout.slice(stdout.lastIndexOf("\n") + 1));
  if (found.body !== '{"allow":true}') throw new Error(`it answered ${found.body}`);
  return found;
}

/** Writes a handler with this text before it, and returns where it stands. */
function writeHandler(before: string): string {
  const directory = join(temporaryDirectory(), "handler");
  mkdirSync(directory);
  const path = join(directory, "handler.mjs");
  writeFileSync(
    path,
    `${before}export async function handler() { return { statusCode: 200, body: '{"allow":true}' }; }\n`,
  );
  return path;
}

await buildAll();
const memcached = await startMemcached();
const address = `${memcached.host}:${memcached.port}`;
const files = temporaryDirectory();
writeFileSync(join(files, `sess_${sessionId}`), smallSession);
await putSession(memcached, smallSession);

const handler = join(dist, "handler.mjs");
const oneNode = { ...plainSettings, SESSION_STORE: `memcached://${address}` };
const longer = { AUTHENTICATED_EXPRESSION: "authenticated && user.name != `null`" };
const rows: string[] = [];
for (const version of ["20", "24"] as const) {
  const contender = (name: string, handler: string, settings: Contender["settings"]): Contender => ({
    name,
    handler,
    settings,
    starts: [],
  });
  const empty = contender("an empty one", writeHandler(""), {});
  const contenders = [
    empty,
    contender("an empty one that imports node:net", writeHandler('import "node:net";\n'), {}),
    contender("memcached", handler, oneNode),
    contender("memcached, longer expressions", handler, { ...oneNode, ...longer }),
    contender("memcached, two nodes, longer expressions", handler, {
      ...oneNode,
      ...longer,
      // Twice the same one: wherever the session is placed, it is there.
      SESSION_STORE: `memcached://${address},${address}`,
    }),
    contender("files", handler, { ...plainSettings, SESSION_STORE: `files://${files}` }),
  ];
  for (let round = 0; round < rounds; round++) {
    for (const next of contenders) next.starts.push(start(nodePath(version), next));
  }
  for (const { name, starts } of contenders) {
    const cells = (["importMs", "importedMs", "answeredMs"] as const).flatMap((time) => {
      const times = starts.map((found) => found[time]);
      const ofEmpty = empty.starts.map((found) => found[time]);
      return [median(times).toPrecision(3), medianRatio(times, ofEmpty)];
    });
    rows.push(row([version, name, ...cells]));
  }
}
await memcached.stop();
process.stdout.write(`The entry: ${entryBytes(dist)} bytes without what is loaded lazily.
Milliseconds; medians of ${rounds} processes each. "x" is the median of each round's ratio to the empty one.

| Node | function | import alone | x | start to imported | x | start to first answer | x |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}
`);
