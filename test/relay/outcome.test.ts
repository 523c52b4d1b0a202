import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCommand } from "../../relay/command.ts";
import { type Decision, isYes } from "../../relay/outcome.ts";
import { goodSession } from "../stand-in/api-gateway.ts";

const commandOf = (payload: string) => parseCommand(Buffer.from(payload));

describe("what ejabberd hears", () => {
  it("is yes to a login only if that is proven", () => {
    const login = commandOf(`auth:alice:localhost:${goodSession}`);
    assert.equal(isYes(login, "allowed"), true);
    for (const decision of ["refused", "unavailable", "Allowed", true, 1, {}, undefined]) {
      assert.equal(isYes(login, decision as Decision), false);
    }
  });

  it("is yes to whether a user exists while that is not known", () => {
    const question = commandOf("isuser:alice:localhost");
    assert.equal(isYes(question, "allowed"), true);
    assert.equal(isYes(question, "unavailable"), true);
    assert.equal(isYes(question, "refused"), false);
  });

  it("is no to every other command that is not allowed", () => {
    for (const payload of [
      "",
      "isuser",
      "isuser:a",
      "setpass:a:b:c",
      "removeuser:a:b",
      "ISUSER:a:b",
      "\xff",
    ]) {
      assert.equal(isYes(commandOf(payload), "unavailable"), false, payload);
      assert.equal(isYes(commandOf(payload), "refused"), false, payload);
    }
  });
});
