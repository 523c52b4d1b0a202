import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { afterEach, describe, it } from "node:test";

const settings = createRequire(import.meta.url)("../../infra/settings.cjs") as {
  environment(): Record<string, string>;
  vpc(): unknown;
};
const names = [
  ...["SESSION_STORE", "AUTHENTICATED_EXPRESSION", "USER_EXPRESSION", "SERVED_HOSTS", "SESSION_KEY_PREFIX"],
  ...[
    "SESSION_PLACEMENT",
    "SESSION_REPLICAS",
    "SESSION_SERIALIZE_HANDLER",
    "SESSION_PRESET",
    "LARAVEL_APP_KEY",
  ],
  ...["HOSTS_EXPRESSION", "USER_NAME_CASE"],
  ...["ISUSER_POLICY", "VPC_SUBNET_IDS", "VPC_SECURITY_GROUP_IDS"],
];

/** Sets these variables of the environment and no other of ours. */
function set(variables: Readonly<Record<string, string>>): void {
  for (const name of names) delete process.env[name];
  Object.assign(process.env, variables);
}

describe("the settings of a deployment", () => {
  afterEach(() => set({}));

  const required = {
    SESSION_STORE: "s",
    AUTHENTICATED_EXPRESSION: "a",
    USER_EXPRESSION: "u",
    SERVED_HOSTS: "h",
  };

  it("hand on what is set, an empty text included, and leave out what is not", () => {
    set(required);
    assert.deepEqual(settings.environment(), required);
    const optional = {
      SESSION_KEY_PREFIX: "",
      SESSION_PLACEMENT: "modula",
      SESSION_REPLICAS: "1",
      ISUSER_POLICY: "none",
    };
    set({ ...required, ...optional });
    assert.deepEqual(settings.environment(), { ...required, ...optional });
  });

  it("name what is missing", () => {
    set({ SESSION_STORE: "s", SERVED_HOSTS: "h" });
    assert.throws(() => settings.environment(), /Set AUTHENTICATED_EXPRESSION, USER_EXPRESSION:/);
  });

  it("need no expressions with a preset", () => {
    const preset = { SESSION_STORE: "s", SERVED_HOSTS: "h", SESSION_PRESET: "laravel", LARAVEL_APP_KEY: "k" };
    set(preset);
    assert.deepEqual(settings.environment(), preset);
    set({ ...preset, USER_EXPRESSION: "u" });
    assert.deepEqual(settings.environment(), { ...preset, USER_EXPRESSION: "u" });
  });

  it("make lists of the VPC's variables, which are set together or not at all", () => {
    set({});
    assert.equal(settings.vpc(), null);
    set({ VPC_SUBNET_IDS: "subnet-1,subnet-2", VPC_SECURITY_GROUP_IDS: "sg-1" });
    assert.deepEqual(settings.vpc(), { subnetIds: ["subnet-1", "subnet-2"], securityGroupIds: ["sg-1"] });
    set({ VPC_SUBNET_IDS: "subnet-1" });
    assert.throws(() => settings.vpc(), /together or not at all/);
  });
});
