import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyGuesses } from "../../../inspect/find/key-guesses.ts";

const keyed = ["{hmac-sha256:SESSION_KEY_SECRET:{id}}", "{hmac-sha3-256:SESSION_KEY_SECRET:{id}}"];

describe("the keys that are tried", () => {
  it("in a database hold an HMAC, as TYPO3's do, where its secret is known, and nowhere else", () => {
    const withSecret = keyGuesses("sql", 32, { secret: "s" });
    for (const key of keyed) assert.ok(withSecret.includes(key), key);
    assert.ok(withSecret.includes("{id}"));
    assert.ok(!keyGuesses("sql", 32, {}).some((key) => key.includes("SESSION_KEY_SECRET")));
  });

  it("in Redis hold it behind the operator's prefix", () => {
    const known = { prefix: "typo3_ses_FE_a_", secret: "s" };
    for (const key of keyed) {
      assert.ok(keyGuesses("redis", 32, known).includes(`typo3_ses_FE_a_${key}`), key);
      assert.ok(!keyGuesses("redis", 32, { prefix: known.prefix }).includes(`typo3_ses_FE_a_${key}`));
    }
  });
});
