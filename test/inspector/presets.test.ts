// Each preset on sessions of its framework: those that are committed, and those that the framework writes here
// and now.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createInspector } from "../../handlers/compose.ts";
import { readConfig } from "../../handlers/configuration.ts";
import type { PresetName } from "../../inspector/preset-names.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { missing, type Part } from "../real/parts.ts";
import { runPhpScript } from "../real/php.ts";

const fixtures = fileURLToPath(new URL("../fixtures/frameworks", import.meta.url));
const nowSeconds = 1_800_000_000;
const laravelKey = `base64:${createHash("sha256").update("the APP_KEY of these fixtures").digest("base64")}`;
/** Has the shape of every preset's ids but Laravel's. */
const sessionId = "0123456789abcdef0123456789abcdef";
const laravelId = "0123456789ABCDEFghij0123456789abcdefGHIJ";

interface Framework {
  readonly preset: PresetName;
  readonly parts: readonly Part[];
  /** By the fixture's name: the user whom it logs in, or why nobody is logged in. */
  readonly cases: Readonly<Record<string, { readonly user: string } | { readonly refused: string }>>;
}

const alice = { user: "alice" };
const seven = { user: "7" };
const nobody = { refused: "not-authenticated" };

const frameworks: Readonly<Record<string, Framework>> = {
  plain: { preset: "plain", parts: ["php"], cases: { alice, "logged-out": nobody, guest: nobody } },
  symfony1: {
    preset: "symfony1",
    parts: ["php"],
    cases: { alice, expired: nobody, "logged-out": nobody, guest: nobody },
  },
  symfony: {
    preset: "symfony",
    parts: ["php", "frameworks"],
    cases: {
      alice,
      "alice-post-authentication": alice,
      "alice-remembered": nobody,
      "alice-pre-authenticated": alice,
      "root-as-alice": nobody,
      "logged-out": nobody,
      guest: nobody,
    },
  },
  symfony7: {
    preset: "symfony",
    parts: ["php"],
    cases: {
      alice,
      "alice-post-authentication": alice,
      "alice-by-email": { user: "alice\\40example.org" },
      "alice-by-oidc": alice,
      nameless: { refused: "no-user-name" },
      "factor-pending": nobody,
      unverified: nobody,
      disabled: nobody,
      "unknown-token": nobody,
    },
  },
  laravel: {
    preset: "laravel",
    parts: ["php", "frameworks"],
    cases: {
      seven,
      "seven-redis": seven,
      "seven-encrypted": seven,
      "seven-encrypted-redis": seven,
      "logged-out": nobody,
      "logged-out-encrypted": nobody,
      guest: nobody,
      "guest-redis": nobody,
      impersonated: nobody,
      "impersonated-nova-redis": nobody,
      "factor-pending": nobody,
    },
  },
  codeigniter4: {
    preset: "codeigniter4",
    parts: ["php"],
    cases: { seven, pending: nobody, unverified: nobody, "logged-out": nobody, guest: nobody },
  },
  laminas: {
    preset: "laminas",
    parts: ["php", "frameworks"],
    cases: {
      alice,
      "alice-expires-later": alice,
      expired: nobody,
      "expired-key": nobody,
      "logged-out": nobody,
    },
  },
  joomla: {
    preset: "joomla",
    parts: ["php"],
    cases: {
      "forty-two": { user: "42" },
      "forty-two-as-text": { user: "42" },
      "forty-two-with-factor": { user: "42" },
      "factor-pending": nobody,
      "factor-unchecked": nobody,
      "factor-to-be-set-up": nobody,
      "factor-set-up-unchecked": nobody,
      expired: nobody,
      "logged-out": nobody,
      guest: nobody,
    },
  },
};

/** What the inspector says of this login with these bytes as the session, in the store that the case's name tells. */
async function verdict(
  preset: PresetName,
  name: string,
  bytes: Buffer,
  user: string,
  isEncrypted = name.includes("encrypted"),
): Promise<string> {
  const config = await readConfig({
    SESSION_STORE: name.includes("redis") ? "redis://127.0.0.1:1" : "memcached://127.0.0.1:1",
    SESSION_PRESET: preset,
    SERVED_HOSTS: "example.org",
    SESSION_KEY_PREFIX: "",
    ...(isEncrypted && { LARAVEL_APP_KEY: laravelKey }),
  });
  assert.ok(!("problems" in config), JSON.stringify(config));
  const store = { getData: async () => ({ bytes, flags: 0 }), getMany: () => assert.fail(), close() {} };
  const inspector = await createInspector(config, store, () => nowSeconds * 1000);
  const found = await inspector.inspect({
    op: "auth",
    user,
    server: "example.org",
    password: preset === "laravel" ? laravelId : sessionId,
  });
  return found.outcome === "refused" ? found.reason : found.outcome;
}

async function checkAll({ preset, cases }: Framework, directory: string): Promise<void> {
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(cases).sort());
  for (const [name, expected] of Object.entries(cases)) {
    const bytes = readFileSync(join(directory, name));
    const say = (user: string) => verdict(preset, name, bytes, user);
    if ("refused" in expected) {
      for (const user of ["alice", "7", "42", "root"]) assert.equal(await say(user), expected.refused, name);
    } else {
      assert.equal(await say(expected.user), "allowed", name);
      for (const other of ["bob", "root", "main", "0", "1"])
        assert.equal(await say(other), "other-user", name);
    }
    if (preset === "laravel") {
      const wrongWay = await verdict(preset, name, bytes, "7", !name.includes("encrypted"));
      assert.equal(wrongWay, "unreadable-session", `${name}, encryption taken for the opposite`);
    }
  }
}

for (const [name, framework] of Object.entries(frameworks)) {
  describe(`the preset ${framework.preset} with sessions of ${name}`, () => {
    it("logs their users in and nobody else, as they are committed", async () => {
      await checkAll(framework, join(fixtures, name));
    });

    it("does so as they are written now", { skip: missing(...framework.parts) }, async () => {
      const directory = mkdtempSync(join(temporaryDirectory(), name));
      mkdirSync(join(directory, "sessions"));
      mkdirSync(join(directory, "fixtures"));
      const sessions = { "session.save_handler": "files", "session.save_path": join(directory, "sessions") };
      runPhpScript(
        join(fixtures, `${name}.php`),
        [join(directory, "fixtures"), String(nowSeconds)],
        sessions,
      );
      await checkAll(framework, join(directory, "fixtures"));
    });
  });
}
