// The search on sessions that the frameworks' own code wrote: it finds settings for those of a user who is logged in, and
// for none whose login does not count.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { fitsOf } from "../../../inspect/find/fitting.ts";
import { readingsOf } from "../../../inspect/find/readings.ts";
import { readLaravelKey } from "../../../inspector/session/layers/laravel-key.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/frameworks/", import.meta.url));
const appKey = `base64:${createHash("sha256").update("the APP_KEY of these fixtures").digest("base64")}`;
const frameworks = readdirSync(fixtures).filter((name) => statSync(`${fixtures}${name}`).isDirectory());

/** Those of a user who is logged in, by their names. */
const letIn = /^(?:alice|seven|forty-two)/;
/** Names like theirs, and no full login or no user's id. */
const exceptions: ReadonlySet<string> = new Set(["symfony/alice-remembered", "typo3/seven-as-float"]);
/** Logged in, without the name that the preset asks for: another value of the same user is offered. */
const otherwiseNamed: ReadonlySet<string> = new Set(["cakephp/nameless"]);

async function found(framework: string, name: string) {
  const isEncrypted = name.includes("encrypted");
  const isRedis = name.endsWith("-redis");
  const laravelKey = readLaravelKey(appKey) ?? assert.fail();
  const stored = {
    bytes: readFileSync(`${fixtures}${framework}/${name}`),
    flags: framework === "mediawiki" && !isRedis ? 4 : 0,
  };
  const { readings } = readingsOf(stored, isEncrypted ? [laravelKey] : []);
  const hexId = "0123456789abcdef0123456789abcdef";
  return Promise.all(
    readings.map((reading) =>
      fitsOf(reading, {
        kind: isRedis ? "redis" : "memcached",
        sessionId: framework === "laravel" ? "0123456789ABCDEFghij0123456789abcdefGHIJ" : hexId,
        settings: {
          SESSION_STORE: isRedis ? "redis://127.0.0.1:1" : "memcached://127.0.0.1:1",
          SERVED_HOSTS: "example.org",
          SESSION_KEY_PREFIX: "x",
        },
        secrets: isEncrypted ? { LARAVEL_APP_KEY: appKey } : {},
        nowSeconds: 1_800_000_000,
      }),
    ),
  );
}

describe("the search on what frameworks write", () => {
  for (const framework of frameworks.filter((name) => name !== "wordpress")) {
    it(`of ${framework}: finds who is logged in, and nobody whose login does not count`, async () => {
      for (const name of readdirSync(`${fixtures}${framework}`)) {
        const plainName = name.replace(/-redis$/, "");
        const isLetIn = letIn.test(name) && !exceptions.has(`${framework}/${plainName}`);
        const all = await found(framework, name);
        const fits = all.flatMap((one) => one.fits);
        const isFound = isLetIn || otherwiseNamed.has(`${framework}/${plainName}`);
        assert.equal(fits.length > 0, isFound, `${name}: ${fits.map(({ by }) => by)}`);
        const conditional = all.flatMap((one) => one.conditional);
        assert.ok(conditional.length === 0 || /^factor-/.test(name), name);
      }
    });
  }
});
