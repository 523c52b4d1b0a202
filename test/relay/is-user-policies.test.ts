import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IsUserPolicies, maxHosts } from "../../relay/is-user-policies.ts";

describe("the policies of isuser", () => {
  it("are not known before a verdict tells them, each host its own", () => {
    const policies = new IsUserPolicies(undefined);
    assert.equal(policies.of("a.example"), undefined);
    policies.learn("a.example", "none");
    policies.learn("b.example", "all");
    assert.deepEqual(
      ["a.example", "b.example", "c.example", "A.example", ""].map((host) => policies.of(host)),
      ["none", "all", undefined, undefined, undefined],
    );
  });

  it("are those of the last verdict, and none of a host that is served no longer", () => {
    const policies = new IsUserPolicies(undefined);
    for (const policy of ["none", "all", "none", undefined, "all", undefined] as const) {
      policies.learn("a.example", policy);
      assert.equal(policies.of("a.example"), policy);
    }
  });

  it("are the fixed one of every host, whatever verdicts tell", () => {
    for (const fixed of ["all", "none"] as const) {
      const policies = new IsUserPolicies(fixed);
      for (const policy of ["all", "none", undefined] as const) {
        policies.learn("a.example", policy);
        assert.deepEqual([policies.of("a.example"), policies.of("b.example")], [fixed, fixed]);
      }
    }
  });

  it(`are kept of ${maxHosts} hosts: the one heard of longest ago is forgotten first`, () => {
    const policies = new IsUserPolicies(undefined);
    for (let host = 0; host < maxHosts; host++) policies.learn(`${host}.example`, "none");
    policies.learn("0.example", "none");
    policies.learn("one-more.example", "all");
    assert.deepEqual(
      ["0.example", "1.example", "2.example", "one-more.example"].map((host) => policies.of(host)),
      ["none", undefined, "none", "all"],
    );
    for (let host = 0; host < 10 * maxHosts; host++) policies.learn(`other${host}.example`, "all");
    assert.equal(policies.of(`other${9 * maxHosts - 1}.example`), undefined);
    assert.equal(policies.of(`other${9 * maxHosts}.example`), "all");
  });
});
