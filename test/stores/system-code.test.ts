import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { systemCodeOf } from "../../stores/system-code.ts";

describe("the system's code of an error", () => {
  it("is the system's own", async () => {
    const missing = await readFile("/nowhere/to/be/found").catch((error) => error);
    assert.equal(systemCodeOf(missing), "ENOENT");
    for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EPIPE", "E2BIG"]) {
      assert.equal(systemCodeOf(Object.assign(new Error(), { code })), code);
    }
  });

  it("is none where the error is a program's", () => {
    let noArgument: unknown;
    try {
      Buffer.from(undefined as never);
    } catch (error) {
      noArgument = error;
    }
    assert.equal((noArgument as { code?: string }).code, "ERR_INVALID_ARG_TYPE");
    const others = [
      "",
      "E",
      "enoent",
      "ENOENT\n",
      "ERR_SOCKET_BAD_PORT",
      "CERT_HAS_EXPIRED",
      `E${"X".repeat(40)}`,
    ];
    for (const error of [noArgument, undefined, null, "ENOENT", new TypeError(), { code: 2 }]) {
      assert.equal(systemCodeOf(error), undefined);
    }
    for (const code of others) assert.equal(systemCodeOf({ code }), undefined, code);
  });
});
