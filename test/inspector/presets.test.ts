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
  /** memcached's, where it is what the client serialized. */
  readonly flags?: number;
  /** By the fixture's name: the user whom it logs in, or why nobody is logged in. */
  readonly cases: Readonly<Record<string, { readonly user: string } | { readonly refused: string }>>;
}

const alice = { user: "alice" };
const seven = { user: "7" };
const nobody = { refused: "not-authenticated" };

/** The cases, and the same in Redis. */
function alsoInRedis(cases: Framework["cases"]): Framework["cases"] {
  const redis = Object.entries(cases).map(([name, expected]) => [`${name}-redis`, expected]);
  return { ...cases, ...Object.fromEntries(redis) };
}

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
      "seven-json": seven,
      "seven-json-redis": seven,
      "seven-json-encrypted": seven,
      "seven-json-encrypted-redis": seven,
      "seven-json-encrypted-gcm": seven,
      "seven-encrypted-gcm-redis": seven,
      "logged-out-json": nobody,
      "guest-json-redis": nobody,
      "impersonated-json": nobody,
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
  codeigniter3: {
    preset: "codeigniter3",
    parts: ["php"],
    cases: {
      alice,
      "logged-in-as-text": nobody,
      "for-one-page": nobody,
      "for-a-minute": nobody,
      "logged-out": nobody,
      guest: nobody,
    },
  },
  yii2: {
    preset: "yii2",
    parts: ["php"],
    cases: alsoInRedis({
      seven,
      "seven-expires-later": seven,
      expired: nobody,
      "expired-for-good": nobody,
      impersonated: nobody,
      "logged-out": nobody,
    }),
  },
  cakephp: {
    preset: "cakephp",
    parts: ["php"],
    cases: alsoInRedis({
      alice,
      "alice-as-entity": alice,
      "seven-by-key": seven,
      nameless: { refused: "no-user-name" },
      impersonated: nobody,
      "logged-out": nobody,
    }),
  },
  magento: {
    preset: "magento",
    parts: ["php"],
    cases: {
      "seven-redis": seven,
      "seven-as-int-redis": seven,
      "seven-gzip-redis": seven,
      "impersonated-redis": nobody,
      "impersonated-later-redis": nobody,
      "guest-redis": nobody,
      "logged-out-redis": nobody,
    },
  },
  moodle: {
    preset: "moodle",
    parts: ["php"],
    cases: alsoInRedis({
      alice,
      "alice-with-new-password": alice,
      "factor-pending": nobody,
      "factor-failed": nobody,
      "password-to-be-changed": nobody,
      impersonated: nobody,
      "guest-account": nobody,
      unconfirmed: nobody,
      suspended: nobody,
      deleted: nobody,
      guest: nobody,
    }),
  },
  mediawiki: {
    preset: "mediawiki",
    parts: ["php"],
    flags: 4,
    cases: alsoInRedis({
      alice,
      "alice-remembered": alice,
      "alice-of-many-wikis": alice,
      expired: nobody,
      "bot-password": nobody,
      guest: nobody,
      "guest-with-a-name": nobody,
    }),
  },
  typo3: {
    preset: "typo3",
    parts: ["php"],
    cases: {
      "seven-redis": seven,
      "seven-an-hour-ago-redis": seven,
      "expired-redis": nobody,
      "guest-redis": nobody,
      "seven-as-float-redis": { refused: "no-user-name" },
    },
  },
  opencart: {
    preset: "opencart",
    parts: ["php"],
    cases: {
      "seven-redis": seven,
      "seven-as-int-redis": seven,
      "guest-redis": nobody,
      "zero-redis": nobody,
    },
  },
  shopware6: {
    preset: "shopware6",
    parts: ["php"],
    cases: { alice: { user: "10001" }, impersonated: nobody, guest: nobody },
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
  { preset, flags = 0 }: Framework,
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
  const stored = { bytes, flags: config.store.kind === "memcached" ? flags : 0 };
  const store = { getData: async () => stored, getMany: () => assert.fail(), close() {} };
  const inspector = await createInspector(config, store, () => nowSeconds * 1000);
  const found = await inspector.inspect({
    op: "auth",
    user,
    server: "example.org",
    password: preset === "laravel" ? laravelId : sessionId,
  });
  return found.outcome === "refused" ? found.reason : found.outcome;
}

async function checkAll(framework: Framework, directory: string): Promise<void> {
  const { preset, cases } = framework;
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(cases).sort());
  for (const [name, expected] of Object.entries(cases)) {
    const bytes = readFileSync(join(directory, name));
    const say = (user: string) => verdict(framework, name, bytes, user);
    if ("refused" in expected) {
      for (const user of ["alice", "7", "42", "root"]) assert.equal(await say(user), expected.refused, name);
    } else {
      assert.equal(await say(expected.user), "allowed", name);
      for (const other of ["bob", "root", "main", "0", "1"])
        assert.equal(await say(other), "other-user", name);
    }
    if (preset === "laravel") {
      const wrongWay = await verdict(framework, name, bytes, "7", !name.includes("encrypted"));
      assert.equal(wrongWay, "unreadable-session", `${name}, encryption taken for the opposite`);
    }
  }
}

describe("a preset's bytes", () => {
  it("are those of their store, and refused as another store has them", async () => {
    for (const [name, framework] of Object.entries(frameworks)) {
      for (const file of readdirSync(join(fixtures, name))) {
        const redis = `${file}-redis`;
        if (framework.preset === "mediawiki" || !(redis in framework.cases)) continue;
        const bytes = readFileSync(join(fixtures, name, file));
        const inRedis = readFileSync(join(fixtures, name, redis));
        assert.equal(await verdict(framework, redis, bytes, "7"), "unreadable-session", redis);
        assert.equal(await verdict(framework, file, inRedis, "7"), "unreadable-session", file);
      }
    }
  });

  it("have ids of their framework's shape: others are not looked up", async () => {
    const hex = "0123456789abcdef0123456789abcdef";
    for (const [preset, right, wrong] of [
      ["laravel", laravelId, [hex, `${laravelId}0`, laravelId.replace("0", "-"), "a".repeat(64)]],
      ["codeigniter3", hex, [`${hex}0`, "A".repeat(32), "z".repeat(32), "g".repeat(40), "a".repeat(26)]],
      ["codeigniter4", `${hex}01234567`, [`${hex}0`, "A".repeat(40), "a".repeat(26)]],
      ["mediawiki", "0123456789abcdefghijklmnopqrstuv", [`${hex}0`, "w".repeat(32)]],
      ["typo3", hex, ["g".repeat(32), `${hex}0`, "a".repeat(40)]],
      ["opencart", hex.slice(0, 26), ["a".repeat(53), "a".repeat(21)]],
      ["wordpress", `${laravelId}xyz`, [laravelId, `${laravelId}xyz0`, `${laravelId}xy-`, hex + hex]],
      ["symfony", hex.slice(0, 26), ["a".repeat(21), "a".repeat(257), `${hex}_`]],
    ] as const) {
      const config = await readConfig({
        SESSION_STORE: "redis://127.0.0.1:1",
        SESSION_PRESET: preset,
        SERVED_HOSTS: "example.org",
        SESSION_KEY_PREFIX: "",
      });
      assert.ok(!("problems" in config), JSON.stringify(config));
      const asked: string[] = [];
      const getData = async (id: string) => {
        asked.push(id);
        return null;
      };
      const store = { getData, getMany: () => assert.fail(), close() {} };
      const inspector = await createInspector(config, store);
      const login = { op: "auth", user: "7", server: "example.org" } as const;
      for (const password of wrong) {
        assert.deepEqual(await inspector.inspect({ ...login, password }), {
          outcome: "refused",
          reason: "malformed-session-id",
        });
      }
      await inspector.inspect({ ...login, password: right });
      assert.deepEqual(asked, [right], preset);
    }
  });
});

describe("the preset moodle", () => {
  it("takes an account that is confirmed, and nothing else for it", async () => {
    const framework = frameworks.moodle as Framework;
    const text = readFileSync(join(fixtures, "moodle", "alice"), "latin1");
    const written = 's:9:"confirmed";s:1:"1";';
    assert.ok(text.includes(written));
    for (const value of ["b:0;", "N;", 's:0:"";', "a:0:{}", 's:2:"no";']) {
      const changed = Buffer.from(text.replace(written, `s:9:"confirmed";${value}`), "latin1");
      assert.equal(await verdict(framework, "alice", changed, "alice"), "not-authenticated", value);
    }
    const asInt = Buffer.from(text.replace(written, 's:9:"confirmed";i:1;'), "latin1");
    assert.equal(await verdict(framework, "alice", asInt, "alice"), "allowed");
  });
});

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
