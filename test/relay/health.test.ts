import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ApiError } from "../../relay/api.ts";
import { DeadlineError } from "../../relay/attempts.ts";
import { healthOf } from "../../relay/health.ts";

describe("what a fault says of the API", () => {
  it("is that it lives where it answered, for itself or for the function", () => {
    for (const code of ["unavailable", "function-outdated", "api-throttled", "api-forbidden"] as const) {
      assert.equal(healthOf(new ApiError(code, "")), "alive");
    }
  });

  it("is that it is dead where nothing came of the request", () => {
    for (const code of ["api-unreachable", "api-certificate", "api-status", "api-answer"] as const) {
      assert.equal(healthOf(new ApiError(code, "")), "dead");
    }
    assert.equal(healthOf(new DeadlineError(1_000)), "dead");
  });

  it("is nothing where it was not asked", () => {
    for (const code of ["credentials-missing", "credentials-unreadable", "credentials-expired"] as const) {
      assert.equal(healthOf(new ApiError(code, "")), "unknown");
    }
    for (const error of [new TypeError("x"), "x", undefined]) assert.equal(healthOf(error), "unknown");
  });
});
