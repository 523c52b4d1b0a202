// What `npm start` serves by which environment.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readOwnSettings } from "../../../infra/local/own-settings.ts";

const right = {
  SESSION_STORE: "memcached://127.0.0.1:11211",
  SERVED_HOSTS: "localhost",
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
};
const noParameters = () => Promise.reject(new Error("not to be read"));

describe("the settings of npm start", () => {
  it("are the samples' without any of the function's variables", async () => {
    const environment = { PATH: "/bin", STAGE: "prod", AWS_REGION: "eu-central-1" };
    assert.deepEqual(await readOwnSettings(environment, noParameters), { samples: true });
  });

  it("are the operator's where they are right: the function's variables and no others", async () => {
    const settings = await readOwnSettings({ ...right, PATH: "/bin" }, noParameters);
    assert.ok("variables" in settings);
    assert.deepEqual(settings.variables, right);
    assert.equal(settings.config.store.kind, "memcached");
  });

  it("are problems where one variable is wrong or missing", async () => {
    const { USER_EXPRESSION: _, ...missing } = right;
    for (const environment of [missing, { ...right, TICKETS: "maybe" }, { USER_EXPRESSION: "user" }]) {
      const settings = await readOwnSettings(environment, noParameters);
      assert.ok("problems" in settings && settings.problems.length > 0);
    }
  });

  it("hold a secret of SSM's in place of its parameter's name", async () => {
    const key = `base64:${Buffer.alloc(32, 7).toString("base64")}`;
    const environment = { ...right, LARAVEL_APP_KEY_PARAMETER: "/site/key" };
    const settings = await readOwnSettings(environment, async (name) => (name === "/site/key" ? key : ""));
    assert.ok("variables" in settings);
    assert.equal(settings.variables["LARAVEL_APP_KEY"], key);
    assert.equal(settings.variables["LARAVEL_APP_KEY_PARAMETER"], undefined);
    assert.equal(settings.config.laravelKeys.length, 1);
  });

  it("are a problem where SSM does not give a secret, and say no word of AWS's", async () => {
    const environment = { ...right, LARAVEL_APP_KEY_PARAMETER: "/site/key" };
    const settings = await readOwnSettings(environment, () => Promise.reject(new TypeError("account 123")));
    assert.ok("problems" in settings);
    assert.deepEqual(settings.problems, [
      "LARAVEL_APP_KEY_PARAMETER: SSM did not give the parameter (TypeError)",
    ]);
  });
});
