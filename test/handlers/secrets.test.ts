import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfigWithSecrets } from "../../handlers/configuration.ts";
import { SecretError, withSecrets } from "../../handlers/secrets.ts";

const environment = { LARAVEL_APP_KEY_PARAMETER: "/inspectord/laravel-app-key", SERVED_HOSTS: "example.org" };

const nobody = () => assert.fail("asked");

describe("the secrets of a function's environment", () => {
  it("are taken from the parameter that is named there", async () => {
    const asked: string[] = [];
    const found = await withSecrets(environment, async (name) => {
      asked.push(name);
      return "the secret";
    });
    assert.deepEqual(found, { ...environment, LARAVEL_APP_KEY: "the secret" });
    assert.deepEqual(asked, ["/inspectord/laravel-app-key"]);
  });

  it("are left as they are where no parameter is named, and nobody is asked", async () => {
    const local = { LARAVEL_APP_KEY: "the secret" };
    assert.deepEqual(await withSecrets(local, nobody), local);
  });

  it("stand in one place, under a name that SSM can have", async () => {
    const both = { ...environment, LARAVEL_APP_KEY: "x" };
    await assert.rejects(withSecrets(both, nobody), {
      name: "SecretError",
      message: "LARAVEL_APP_KEY and LARAVEL_APP_KEY_PARAMETER are both set: unset one",
    });
    for (const name of ["", "a b", "arn:aws:ssm", "x".repeat(1012)]) {
      await assert.rejects(
        withSecrets({ LARAVEL_APP_KEY_PARAMETER: name }, nobody),
        /LARAVEL_APP_KEY_PARAMETER is wrong: it must be the name of an SSM parameter/,
      );
    }
    await withSecrets({ LARAVEL_APP_KEY_PARAMETER: "x".repeat(1011) }, async () => "x");
  });

  it("fail with the kind of the error, and none of its words", async () => {
    const words = Object.assign(new Error("User: arn:aws:sts::123456789012:role is not authorized"), {
      name: "AccessDeniedException",
    });
    const read = withSecrets(environment, async () => Promise.reject(words));
    await assert.rejects(read, (error: Error) => {
      assert.ok(error instanceof SecretError);
      assert.equal(
        error.message,
        "LARAVEL_APP_KEY_PARAMETER: SSM did not give the parameter (AccessDeniedException)",
      );
      assert.equal(error.cause, undefined);
      return true;
    });
  });

  it("become a part of the configuration", async () => {
    const site = { SESSION_STORE: "memcached://c:11211", SESSION_PRESET: "laravel" };
    const key = `base64:${Buffer.alloc(32).toString("base64")}`;
    const config = await readConfigWithSecrets(async () => key, { ...environment, ...site });
    assert.ok("laravelKeys" in config && config.laravelKeys.length === 1);
    const wrong = await readConfigWithSecrets(async () => "short", { ...environment, ...site });
    assert.ok("problems" in wrong);
    assert.match(wrong.problems.join(), /^LARAVEL_APP_KEY is wrong/);
    assert.doesNotMatch(wrong.problems.join(), /short/);
  });
});
