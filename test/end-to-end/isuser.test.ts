// What a real ejabberd makes of ISUSER_POLICY for a user who is not online.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { type LocalApi, startApi } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { sampleSettings } from "../../infra/local/sample-logins.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { type Client, connectByTcp } from "../real/xmpp.ts";
import { type ChatServer, prepareDirectory, startChatServer } from "./chain.ts";

const modules = ["mod_offline: {}", "mod_roster: {}", "mod_mam: {default: always}"];
const sessions = { alice: "alice0session0of0the0samples", bob: "bob0session0of0the0samples00" };

interface Happened {
  readonly fate: string;
  /** Whose messages came back to who sent them. */
  readonly returned: readonly string[];
  readonly spooled: boolean;
  readonly archived: boolean;
  readonly subscription: boolean;
}

const expected: Readonly<Record<"all" | "none", Happened>> = {
  all: {
    fate: "is kept for a user who is not online, and for a name that nobody has",
    returned: [],
    spooled: true,
    archived: true,
    subscription: true,
  },
  none: {
    fate: "goes back to who sent it, and a wish to subscribe is dropped without a word",
    returned: ["bob", "nobody"],
    spooled: false,
    archived: false,
    subscription: false,
  },
};

for (const [policy, { fate, ...happens }] of Object.entries(expected)) {
  describe(`with ISUSER_POLICY=${policy}`, () => {
    const { it, before, after } = needing("ejabberd", "openssl");
    const directory = temporaryDirectory();
    let api: LocalApi | undefined;
    let chat: ChatServer | undefined;

    before(async () => {
      api = await startApi({
        port: await freePort(),
        settings: { ...sampleSettings, ISUSER_POLICY: policy },
      });
      const own = join(directory, "ejabberd");
      mkdirSync(own);
      const program = [relayPath, api.url];
      // One relay: what it answers is known from the first login on.
      const options = { program, modules, poolSize: 1 };
      chat = await startChatServer(own, directory, prepareDirectory(directory), options);
    });
    after(async () => {
      await chat?.ejabberd.stop();
      await api?.process.stop();
    });

    const connect = (user: keyof typeof sessions) =>
      connectByTcp(chat?.tcpPort ?? 0, "localhost", user, sessions[user]);

    it(`a message ${fate}`, async () => {
      const alice = await connect("alice");
      const message = (to: string) =>
        `<message type="chat" to="${to}@localhost"><body>hello</body></message>`;
      const subscription = '<presence type="subscribe" to="bob@localhost"/>';
      const toAlice = await sayAndHearOut(alice, message("bob") + message("nobody") + subscription);
      alice.end();
      const bob = await connect("bob");
      // What waited for him comes once he is there: after his own presence.
      const toBob = (await bob.say("<presence/>", "<presence")) + (await sayAndHearOut(bob, ""));
      const archive = await bob.say('<iq type="set" id="a"><query xmlns="urn:xmpp:mam:2"/></iq>', "<fin");
      bob.end();

      const stanzas = toAlice.match(/<message.*?<\/message>/g) ?? [];
      assert.ok(stanzas.every((one) => one.includes("type='error'") && one.includes("<service-unavailable")));
      assert.deepEqual(
        {
          returned: stanzas.map((one) => /from='(\w+)@localhost'/.exec(one)?.[1]),
          spooled: toBob.includes(">Offline storage</delay><body>hello</body>"),
          archived: archive.includes("<body>hello</body>"),
          subscription: toBob.includes("from='alice@localhost' type='subscribe'"),
        },
        happens,
      );
    });
  });
}

/** Says this, and gives all that the server has to say to it, error messages included. */
async function sayAndHearOut(client: Client, text: string): Promise<string> {
  const ask = (id: string) =>
    `<iq type="set" id="${id}"><session xmlns="urn:ietf:params:xml:ns:xmpp-session"/></iq>`;
  // The first answer may overtake an error message, which waits in line by then; the second one stands behind it.
  return (
    (await client.say(text + ask("first"), "id='first'")) + (await client.say(ask("second"), "id='second'"))
  );
}
