// Settings that do harm in some versions of ejabberd: with this machine's, each does what the doctor says that it does,
// and no more once the doctor's change is made. A version that does not know a setting refuses the file.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { checkSasl } from "../../doctor/check-methods.ts";
import { checkModules } from "../../doctor/check-modules.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import { localKey } from "../../infra/local/api.ts";
import { startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { prepareDirectory } from "../end-to-end/chain.ts";
import type { Certificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { ejabberdVersion, needing } from "../real/parts.ts";
import { logInBySasl2, logInByToken, offersByTcp, tokenByFast } from "../real/sasl2.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type StandIn, startStandIn, tell } from "../stand-in/api-gateway.ts";
import { applyEdit } from "./apply-edit.ts";
import { settingsOf } from "./settings-of.ts";

const session = "session0of0alice0and0only00";

interface Server {
  readonly port: number;
  readonly log: () => string;
}

interface Row {
  /** Lines of ejabberd.yml: below `modules:`, or at the top. */
  readonly module?: string;
  readonly option?: string;
  /** The first version that knows it; others refuse the file. */
  readonly knownSince: number;
  /** The first version in which it does harm, of those that were tried. */
  readonly since: number;
  /** Resolves to whether it does harm. */
  readonly harms: (server: Server) => Promise<boolean>;
}

const rows: Readonly<Record<string, Row>> = {
  "auth_password_types_hidden_in_sasl1: [plain] leaves no mechanism to clients without SASL2": {
    option: "auth_password_types_hidden_in_sasl1: [plain]",
    knownSince: 26,
    since: 26,
    harms: async ({ port }) => {
      const { sasl } = await offersByTcp(port, "localhost", "alice");
      return sasl.length === 0 && (await logIn(port)) === "failure";
    },
  },
  "auth_stored_password_types offers SCRAM, which no session id answers": {
    option: "auth_stored_password_types: [scram_sha256]",
    knownSince: 26,
    since: 26,
    harms: async ({ port }) => {
      const { sasl } = await offersByTcp(port, "localhost", "alice");
      return sasl.some((name) => name.startsWith("SCRAM-SHA-256"));
    },
  },
  "mod_scram_upgrade fails at each SASL2 stream": {
    module: "mod_scram_upgrade: {offered_upgrades: [sha256]}",
    knownSince: 24.12,
    since: 26,
    harms: async ({ port, log }) => {
      await logInBySasl2(port, "localhost", "alice", session).catch(() => "no answer");
      return /mod_scram_upgrade[^\n]*crashed|crashed[^\n]*mod_scram_upgrade/.test(
        log().replaceAll("\n*", " "),
      );
    },
  },
  "mod_auth_fast hands out a token that lets in whoever has logged out": {
    module: "mod_auth_fast: {}",
    knownSince: 24.12,
    since: 24.12,
    harms: async ({ port }) => {
      const token = await tokenByFast(port, "localhost", "alice", session);
      isLoggedIn = false;
      try {
        assert.equal(await logIn(port), "failure");
        return token !== undefined && (await logInByToken(port, "localhost", "alice", token)) === "success";
      } finally {
        isLoggedIn = true;
      }
    },
  },
};

/** Whether alice is logged in on the site. */
let isLoggedIn = true;

const logIn = (port: number) => logInByTcp(port, "localhost", "alice", session);

/** ejabberd writes its log a little later than it answers. */
async function doesHarm(harms: Row["harms"], server: Server): Promise<void> {
  const endsAt = performance.now() + 30_000;
  while (!(await harms(server))) {
    assert.ok(performance.now() < endsAt, `it does no harm: ${server.log().slice(-2000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe("a setting that the doctor finds, in this version of ejabberd,", () => {
  const { it, before, after } = needing("ejabberd", "openssl");
  const directory = temporaryDirectory();
  const socket = join(directory, "relay.sock");
  let certificate: Certificate;
  let api: StandIn;
  let relay: RunningProcess;
  let count = 0;

  before(async () => {
    certificate = prepareDirectory(directory);
    api = await startStandIn((body, ...rest) => {
      const { user, password } = JSON.parse(body);
      tell({ allow: isLoggedIn && user === "alice" && password === session, isuser: "all" })(body, ...rest);
    });
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", socket, "--region", "eu-central-1"],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
  });
  after(async () => {
    await relay?.stop();
    await api?.stop();
  });

  const textWith = ({ module, option }: Pick<Row, "module" | "option">) => `hosts:
  - localhost
auth_method: [inspectord]
extauth_program: ${socket}
auth_use_cache: false
disable_sasl_mechanisms: [X-OAUTH2]
certfiles:
  - ${certificate.bothPath}
listen:
  - port: PORT
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls_required: true
    max_stanza_size: 65536
  - port: HTTP
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /bosh: mod_bosh
${option === undefined ? "" : `${option}\n`}modules:
  mod_bosh: {}
${module === undefined ? "" : `  ${module}\n`}`;

  /** Runs ejabberd with this text while something is done with it. */
  async function withServer(text: string, work: (server: Server) => Promise<void>): Promise<void> {
    const own = join(directory, `ejabberd${++count}`);
    mkdirSync(own);
    const [port, http] = [await freePort(), await freePort()];
    const ejabberd = await startEjabberd({
      directory: own,
      config: text.replace("PORT", String(port)).replace("HTTP", String(http)),
      libraries: [directory],
      isReady: () =>
        fetch(`http://127.0.0.1:${http}/bosh`).then(
          ({ ok }) => ok,
          () => false,
        ),
    });
    try {
      await work({ port, log: ejabberd.log });
    } finally {
      await ejabberd.stop();
    }
  }

  /** Makes the doctor's changes. Returns the text, and how many there were. */
  function follow(text: string): { readonly text: string; readonly changes: number } {
    const settings = settingsOf(text);
    const hosts = hostsOf(settings);
    const failed = [...checkSasl(settings, hosts), ...checkModules(settings, hosts)].filter(
      ({ level }) => level === "fail",
    );
    const [edit] = failed.map((finding) => finding.edit).filter((edit) => edit !== undefined);
    return { text: edit === undefined ? text : applyEdit(text, edit), changes: failed.length };
  }

  for (const [name, row] of Object.entries(rows)) {
    it(`does harm, and none once it is gone: ${name}`, async () => {
      const text = textWith(row);
      const { text: mended, changes } = follow(text);
      assert.equal(changes, 1);
      assert.equal(mended.trimEnd(), textWith({}).trimEnd());
      if (ejabberdVersion() < row.knownSince) {
        await assert.rejects(withServer(text, async () => {}));
        return;
      }
      await withServer(text, async (server) => {
        if (ejabberdVersion() >= row.since) return doesHarm(row.harms, server);
        assert.equal(await row.harms(server), false);
      });
      await withServer(mended, async (server) => {
        assert.equal(await logIn(server.port), "success");
        assert.equal(await row.harms(server), false);
      });
    });
  }
});
