import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CredentialsError } from "../../../relay/credentials/credentials.ts";
import { fromEnvironment, refuseWebIdentity } from "../../../relay/credentials/environment.ts";

describe("credentials in the environment", () => {
  it("are two variables, or three", () => {
    const two = { AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "S" };
    assert.deepEqual(fromEnvironment(two), { accessKeyId: "A", secretAccessKey: "S" });
    assert.deepEqual(fromEnvironment({ ...two, AWS_SESSION_TOKEN: "T" }), {
      accessKeyId: "A",
      secretAccessKey: "S",
      sessionToken: "T",
    });
    assert.deepEqual(fromEnvironment({ ...two, AWS_SESSION_TOKEN: "" }), fromEnvironment(two));
  });

  it("are none where no variable is set, or both are empty", () => {
    assert.equal(fromEnvironment({}), undefined);
    assert.equal(fromEnvironment({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" }), undefined);
  });

  it("are at fault where one of the two is missing, which is said without its value", () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
      assert.throws(
        () => fromEnvironment({ [name]: "thevalue" }),
        (fault: CredentialsError) => /set together/.test(fault.detail) && !fault.message.includes("thevalue"),
      );
    }
  });

  it("are not passed over where a token's file is to be exchanged for a role", () => {
    assert.equal(refuseWebIdentity({}), undefined);
    assert.throws(() => refuseWebIdentity({ AWS_WEB_IDENTITY_TOKEN_FILE: "/token" }), CredentialsError);
  });
});
