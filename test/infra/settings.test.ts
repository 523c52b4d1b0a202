import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import settings, { type Settings } from "../../infra/settings.ts";
import { full, plain } from "./deployments.ts";

/** The settings of a stage whose file of parameters holds these, or is not there. */
function settingsOf(
  stage: string,
  parameters?: unknown,
  text = JSON.stringify(parameters),
): Promise<Settings> {
  const resolveVariable = async (variable: string) => {
    if (variable === "sls:stage") return stage;
    assert.equal(variable, `file(params/${stage}.yml), null`);
    return parameters;
  };
  return settings({ resolveVariable }, () => text);
}

const local = {
  SESSION_STORE: "files:///tmp",
  AUTHENTICATED_EXPRESSION: "a",
  USER_EXPRESSION: "u",
  SERVED_HOSTS: "h",
};
const key = `base64:${Buffer.alloc(32).toString("base64")}`;

describe("the settings of a deployment", () => {
  it("are its stage's parameters", async () => {
    const { region, environment } = await settingsOf("test", plain);
    assert.equal(region, "eu-central-1");
    assert.deepEqual(environment, { ...plain.function, STAGE: "test" });
    assert.ok("AWS_ENDPOINT_URL_SSM" in (await settingsOf("test", full)).environment);
  });

  it("say which file is missing, and of what it is to be made", async () => {
    await assert.rejects(
      settingsOf("prod"),
      /^Error: params\/prod\.yml is missing: copy params\/example\.yml/,
    );
  });

  it("say that a file without a parameter is empty", async () => {
    for (const text of ["", "\n", "# region: x\n\n  # vpc:\n", "---\n"]) {
      const problem = /^Error: params\/prod\.yml is empty: copy params\/example/;
      await assert.rejects(settingsOf("prod", null, text), problem);
    }
  });

  it("name the file and the parameter that is wrong, and nothing of this program", async () => {
    await assert.rejects(settingsOf("prod", { ...plain, region: "x" }), (error: Error) => {
      assert.match(error.message, /^params\/prod\.yml:\n {2}region is wrong: it must be a region of AWS/);
      assert.equal(error.stack, error.message);
      return true;
    });
  });

  it("take a stage's name that can stand in the names of resources", async () => {
    for (const stage of ["Prod", "", "a_b", "1st", "s".repeat(17)]) {
      await assert.rejects(
        settingsOf(stage, plain),
        /--stage is wrong: it must be 1 to 16 lower-case letters/,
      );
    }
    await settingsOf("s".repeat(16), plain);
  });
});

describe("the settings of npm start", () => {
  const names = [...Object.keys(local), "SESSION_PRESET", "SESSION_KEY_PREFIX", "LARAVEL_APP_KEY"];

  /** Sets these variables of the environment, and none other of these names. */
  function set(variables: Readonly<Record<string, string>>): void {
    for (const name of names) delete process.env[name];
    Object.assign(process.env, variables);
  }
  afterEach(() => set({}));

  it("hand on the variables that are set, an empty one included, and a key as it is", async () => {
    const variables = { ...local, SESSION_KEY_PREFIX: "", LARAVEL_APP_KEY: key };
    set(variables);
    const { environment, vpc } = await settingsOf("local");
    assert.deepEqual(environment, { ...variables, STAGE: "local" });
    assert.equal(vpc, null);
  });

  it("name what is missing or wrong, as the function does", async () => {
    const { SESSION_STORE, SERVED_HOSTS } = local;
    set({ SESSION_STORE, SERVED_HOSTS });
    await assert.rejects(
      settingsOf("local"),
      /AUTHENTICATED_EXPRESSION is missing: .*\nUSER_EXPRESSION is missing: .*\ndocs\/configuration\.md says/,
    );
    set({ ...local, SERVED_HOSTS: "Example.ORG" });
    await assert.rejects(settingsOf("local"), /^Error: SERVED_HOSTS is wrong: /);
    set({ SESSION_STORE, SERVED_HOSTS, SESSION_PRESET: "laravel" });
    await settingsOf("local");
  });
});
