import assert from "node:assert/strict";
import { test } from "node:test";
import { UnreadableSessionError } from "../../../inspector/session/unreadable.ts";

test("an unreadable session names the code and the offset, nothing else", () => {
  const error = new UnreadableSessionError("malformed", 17);
  assert.ok(error instanceof Error);
  assert.equal(error.name, "UnreadableSessionError");
  assert.equal(error.code, "malformed");
  assert.equal(error.offset, 17);
  assert.equal(error.message, "the session cannot be read: malformed at byte 17");
});
