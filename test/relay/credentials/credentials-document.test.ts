import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CredentialsError } from "../../../relay/credentials/credentials.ts";
import { readDocument } from "../../../relay/credentials/credentials-document.ts";

const keys = { AccessKeyId: "A", SecretAccessKey: "thesecret" };

describe("a document of credentials", () => {
  it("holds two keys, and may hold a token by either name and an end", () => {
    const read = (members: object) => readDocument("here", JSON.stringify(members));
    assert.deepEqual(read(keys), { accessKeyId: "A", secretAccessKey: "thesecret" });
    for (const name of ["SessionToken", "Token"]) {
      assert.deepEqual(read({ ...keys, [name]: "T", Expiration: "2030-01-02T03:04:05Z", More: 1 }), {
        accessKeyId: "A",
        secretAccessKey: "thesecret",
        sessionToken: "T",
        expiration: new Date(Date.UTC(2030, 0, 2, 3, 4, 5)),
      });
    }
  });

  it("is at fault in any other form, which is said without a piece of it", () => {
    const wrong: readonly (readonly [string, string])[] = [
      ["", "not JSON"],
      ['{"AccessKeyId":"A","SecretAccessKey":"thesecret', "not JSON"],
      ["null", "no JSON object"],
      ['"thesecret"', "no JSON object"],
      ["[]", "no AccessKeyId or no SecretAccessKey"],
      ['{"SecretAccessKey":"thesecret"}', "no AccessKeyId or no SecretAccessKey"],
      ['{"AccessKeyId":["A"],"SecretAccessKey":"thesecret"}', "no AccessKeyId or no SecretAccessKey"],
      ['{"AccessKeyId":"","SecretAccessKey":"thesecret"}', "no AccessKeyId or no SecretAccessKey"],
      [JSON.stringify({ ...keys, Expiration: "soon" }), "Expiration is no date"],
    ];
    for (const [text, says] of wrong) {
      assert.throws(
        () => readDocument("here", text),
        ({ code, detail, message }: CredentialsError) =>
          code === "credentials-unreadable" && detail === `here: ${says}` && !message.includes("thesecret"),
        text,
      );
    }
  });

  it("says which version it has, where one is asked for", () => {
    assert.equal(readDocument("here", JSON.stringify({ ...keys, Version: 1 }), 1).accessKeyId, "A");
    for (const more of [{}, { Version: 2 }, { Version: "1" }]) {
      assert.throws(() => readDocument("here", JSON.stringify({ ...keys, ...more }), 1), /Version is not 1/);
    }
  });
});
