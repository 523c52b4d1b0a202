// Sessions of real sites in real stores, of which nothing is told but where the store is: the settings that are printed
// are read from the text as a person pastes them, and a function with these alone lets the session's user in, and nobody
// else.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";
import { createInspector, openStore } from "../../../handlers/compose.ts";
import { readConfig } from "../../../handlers/configuration.ts";
import { secretVariables } from "../../../handlers/variables.ts";
import { findSession, readKnown, type Search } from "../../../inspect/find/find.ts";
import { factsOfSearch, settingsToPaste } from "../../../inspect/find/find-report.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { putIntoMemcached, putIntoRedis } from "../../real/put.ts";
import { type Redis, startRedis } from "../../real/redis.ts";

const directory = fileURLToPath(new URL("../../fixtures/cases/php/", import.meta.url));

interface Case {
  readonly of?: string;
  readonly store: "memcached" | "redis" | "redis hash" | "any";
  readonly flags?: number;
  readonly field?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly "session id": string;
  readonly "stored as": string;
  readonly times?: Readonly<Record<string, number>>;
  readonly needs?: "zstd";
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly other: string;
}

const names = readdirSync(directory)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length));

/** Of these the operator is told why there are no settings. */
const withoutSettings: Readonly<Record<string, RegExp>> = {
  "laravel-previous-key-untold": /Laravel encrypted it: set LARAVEL_APP_KEY .*LARAVEL_PREVIOUS_KEYS/,
  "laravel-redis-cached-array": /an entry of its cache, no session/,
  "laravel13-json-guest": /SESSION_PRESET laravel: nobody is logged in/,
  "laravel13-json-logged-out": /SESSION_PRESET laravel: nobody is logged in/,
  "moodle45-redis-hash-sessdata": /SESSION_PRESET moodle: not-authenticated/,
  "moodle45-preset-factor-pending": /SESSION_PRESET moodle: not-authenticated/,
  "typo3-redis-preset-expired": /SESSION_PRESET typo3: not-authenticated/,
  "yii2-redis-expired": /SESSION_PRESET yii2: not-authenticated/,
  "yii2-redis-preset-expired": /SESSION_PRESET yii2: not-authenticated/,
};

/** Who is logged in where the case itself, with settings of its own, refuses. */
const users: Readonly<Record<string, string>> = { "phpredis-lz4-forged-untold": "bob" };

/** A prefix that is made of an application's own name. */
const told: Readonly<Record<string, string>> = { yii2: "5ac1e" };

function readCase(name: string): Case {
  return JSON.parse(readFileSync(`${directory}${name}.json`, "utf8"));
}

function bytesOf(name: string, { of = name, times = {} }: Case): Buffer {
  const own = `${directory}${name}.bin`;
  let text = readFileSync(existsSync(own) ? own : `${directory}${of}.bin`, "latin1");
  const nowSeconds = Math.floor(Date.now() / 1000);
  // A session that is to be found is one that was used a minute ago, and lasts.
  const all = { "1795646048": -60, "1795647488": 1440, ...times };
  for (const [time, fromNow] of Object.entries(all))
    text = text.replaceAll(time, String(nowSeconds + fromNow));
  return Buffer.from(text, "latin1");
}

/** Returns the variables of the first block for a shell whose title fits, as a shell reads them. */
function pasted(text: string, title: RegExp): Record<string, string> {
  const blocks = text.split("\n\n").filter((block) => block.startsWith("# Settings"));
  const block = blocks.find((one) => title.test(one.split("\n")[0] ?? "")) ?? "";
  const lines = block.matchAll(/^export ([A-Z_]+)=((?:'[^']*'|\\')+)/gm);
  return Object.fromEntries([...lines].map(([, name = "", value = ""]) => [name, unquoted(value)]));
}

function unquoted(value: string): string {
  return value.replace(/'([^']*)'|\\(')/g, (_, text = "", quote = "") => text + quote);
}

describe("the settings that are found for a session of a real site", () => {
  const { it, before, after } = needing("memcached", "redis");
  let memcached: Memcached;
  let redis: Redis;

  before(async () => {
    [memcached, redis] = await Promise.all([startMemcached(), startRedis()]);
  });
  after(() => Promise.all([memcached.stop(), redis.stop()]));

  async function put(name: string, site: Case): Promise<Record<string, string>> {
    const bytes = bytesOf(name, site);
    const key = site["stored as"];
    const SESSION_STORE = (site.env["SESSION_STORE"] ?? "")
      .replace(":11211", `:${memcached.port}`)
      .replace(":6379", `:${redis.port}`);
    if (SESSION_STORE.startsWith("memcached:"))
      await putIntoMemcached(memcached.port, key, bytes, site.flags);
    else if (site.store === "redis hash") {
      await putIntoRedis(redis.port, key, { ...site.fields, [site.field ?? "data"]: bytes });
    } else await putIntoRedis(redis.port, key, bytes);
    const [prefix] = Object.entries(told).flatMap(([start, text]) => (name.startsWith(start) ? [text] : []));
    const secrets = Object.entries(site.env).filter(([variable]) => secretVariables.includes(variable));
    return { SESSION_STORE, ...Object.fromEntries(secrets), ...(prefix && { SESSION_KEY_PREFIX: prefix }) };
  }

  async function find(site: Case, environment: Readonly<Record<string, string>>): Promise<Search> {
    const known = await readKnown(environment);
    assert.ok(!("problems" in known), JSON.stringify(known));
    return findSession(site["session id"], known, known.config, Date.now() / 1000);
  }

  async function logIn(
    settings: Readonly<Record<string, string>>,
    site: Case,
    user: string,
  ): Promise<string> {
    const config = await readConfig(settings);
    assert.ok(!("problems" in config), JSON.stringify(config));
    const store = await openStore(config, () => {});
    try {
      const inspector = await createInspector(config, store);
      const server = settings["SERVED_HOSTS"] ?? "";
      const password = site["session id"];
      return (await inspector.inspect({ op: "auth", user, server, password })).outcome;
    } finally {
      store.close();
    }
  }

  for (const name of names) {
    const site = readCase(name);
    const reason = withoutSettings[name];
    const needsZstd = site.needs === "zstd" || name === "phpredis-zstd-small-untold";
    const mayLackZstd = needsZstd && !("zstdDecompressSync" in zlib);
    if (reason !== undefined || mayLackZstd) {
      it(`${name}: there are none, and the operator is told why`, async () => {
        const search = await find(site, await put(name, site));
        const facts = factsOfSearch(search, { showValues: true, user: undefined });
        const text = facts.map((fact) => fact.text).join("\n");
        assert.match(text, reason ?? /zstd-unsupported|nothing known/);
        assert.deepEqual(pasted(settingsToPaste(search), /^# Settings/), {});
        assert.ok(!text.includes(site["session id"]));
      });
      continue;
    }
    it(`${name}: they let its user in, and refuse all others`, async () => {
      const environment = await put(name, site);
      const search = await find(site, environment);
      const facts = factsOfSearch(search, { showValues: true, user: undefined });
      const text = [...facts.map((fact) => `${fact.about} ${fact.text}`), settingsToPaste(search)].join("\n");
      assert.ok(!text.includes(site["session id"]), "the session id is shown");
      const isConditional = name.startsWith("moodle44");
      const settings = pasted(
        settingsToPaste(search),
        isConditional ? /only for Moodle before 4\.3/ : /^# Settings,/,
      );
      const secrets = Object.fromEntries(
        Object.entries(environment).filter(([variable]) => text.includes(`${variable}_PARAMETER`)),
      );
      assert.ok(Object.keys(settings).length >= 3, text);
      const user = users[name] ?? site.user;
      assert.ok(text.includes(`logs in as ${user}@HOST`), text);
      assert.equal(await logIn({ ...settings, ...secrets }, site, user), "allowed", text);
      const others = new Set([site.other, site.user, "admin", "root", "1", "guest"]);
      for (const other of [...others].filter((one) => one !== user)) {
        assert.equal(await logIn({ ...settings, ...secrets }, site, other), "refused", other);
      }
    });
  }
});
