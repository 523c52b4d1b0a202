// What a real ejabberd passes to its external-auth program for the users of a site.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { escapeLocalpart, localpartOfUserName } from "../../inspector/localpart.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type ChatServer, prepareDirectory, startChatServer } from "./chain.ts";

describe("a user of the site in ejabberd's hands", () => {
  const { it, before, after } = needing("ejabberd", "openssl");
  const directory = temporaryDirectory();
  const record = join(directory, "record");
  let chat: ChatServer;

  before(async () => {
    const own = join(directory, "ejabberd");
    mkdirSync(own);
    writeFileSync(record, "");
    const program = [fileURLToPath(new URL("../real/recording-program.mjs", import.meta.url)), record];
    chat = await startChatServer(own, directory, prepareDirectory(directory), { program });
  });
  after(() => chat?.ejabberd.stop());

  /** Logs in with the localpart as a client sends it, and gives the user that the program was asked about. */
  async function userPassedOn(sent: string): Promise<string | undefined> {
    const before = readFileSync(record, "utf8").length;
    assert.equal(await logInByTcp(chat.tcpPort, "LocalHost", sent, "secret"), "failure");
    const lines = readFileSync(record, "utf8").slice(before).trim();
    if (lines === "") return undefined;
    const [operation, user, server, password] = (JSON.parse(lines.split("\n")[0] ?? "") as string).split(":");
    assert.deepEqual([operation, server, password], ["auth", "localhost", "secret"]);
    return user;
  }

  const names = [
    ...[
      "alice",
      "Alice",
      "ALICE",
      "4711",
      "john doe",
      "alice@example.org",
      "o'neil",
      'the "boss"',
      "a/b",
      "a&b",
    ],
    ...["<b>", "a:b", "a\\20b", "under_score", "dot.ted", "hy-phen", "plus+sign", "100%", "a=b", "(x)"],
    ...[
      "Jürgen",
      "JÜRGEN",
      "François",
      "Łukasz",
      "Iñigo",
      "Ørsted",
      "Išmaël",
      "Νίκος",
      "ΝΊΚΟΣ",
      "Алёна",
      "Їжак",
    ],
    ...["Işık", "דוד", "محمد", "ราม", "王小明", "김철수", "たろう", "Հայկ"],
  ];
  for (const name of names) {
    it(`is known by the same name: ${name}`, async () => {
      const prepared = localpartOfUserName(name);
      assert.ok("localpart" in prepared, JSON.stringify(prepared));
      assert.equal(await userPassedOn(escapeLocalpart(name)), prepared.localpart);
    });
  }

  // Names that would reach the JID of another user of the site, or that ejabberd itself does not take.
  const doubtful: Readonly<Record<string, string | undefined>> = {
    ａlice: "alice",
    "ali\u00adce": "alice",
    ﬁona: "fiona",
    straße: "strasse",
    "Ju\u0308rgen": "jürgen",
    "al😀ice": undefined,
    "a\u0007b": undefined,
    דוד2: undefined,
  };
  for (const [name, reached] of Object.entries(doubtful)) {
    const other = reached === undefined ? "nobody" : `the JID of ${reached}`;
    it(`is refused by us where its name would reach ${other}: ${JSON.stringify(name)}`, async () => {
      assert.ok("problem" in localpartOfUserName(name));
      assert.equal(await userPassedOn(escapeLocalpart(name)), reached);
    });
  }
});
