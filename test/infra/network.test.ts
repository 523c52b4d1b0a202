import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { network } from "../../infra/network.ts";
import { checkParameters } from "../../infra/parameters.ts";
import { custom, full, plain } from "./deployments.ts";

/** The ports that the functions may reach, and the rules that admit them, by logical id. */
async function portsWith(given: { readonly vpc: object; readonly custom?: object }) {
  const parameters = await checkParameters(given);
  if ("problems" in parameters) return assert.fail(parameters.problems.join());
  const { resources } = network("test", parameters);
  const group = resources["FunctionSecurityGroup"] ?? assert.fail("no group");
  const egress = group.Properties["SecurityGroupEgress"] as { FromPort: number; ToPort: number }[];
  for (const { FromPort, ToPort } of egress) assert.equal(FromPort, ToPort);
  const rules = Object.entries(resources).filter(([, { Type }]) => Type === "AWS::EC2::SecurityGroupIngress");
  return {
    egress: egress.map(({ FromPort }) => FromPort),
    rules: Object.fromEntries(rules.map(([id, { Properties }]) => [id, Properties["FromPort"]])),
  };
}

function withStore(SESSION_STORE: string, vpc: object = {}) {
  return { ...plain, function: { ...plain.function, SESSION_STORE }, vpc: { ...plain.vpc, ...vpc } };
}

describe("the network of a deployment", () => {
  it("opens for a store of the operator's own the one port that it is told, to a group or to addresses", async () => {
    assert.deepEqual(await portsWith(custom), { egress: [443], rules: { StoreAdmitsFunctions: 443 } });
    const elsewhere = { ...custom, custom: { cidr: "10.20.0.0/16", port: 8443 } };
    assert.deepEqual(await portsWith(elsewhere), { egress: [8443], rules: {} });
    const parameters = await checkParameters(elsewhere);
    assert.ok(!("problems" in parameters));
    const group = network("test", parameters).resources["FunctionSecurityGroup"];
    assert.deepEqual(group?.Properties["SecurityGroupEgress"], [
      { Description: "Store", IpProtocol: "tcp", FromPort: 8443, ToPort: 8443, CidrIp: "10.20.0.0/16" },
    ]);
  });

  it("opens the ports that SESSION_STORE names, each once", async () => {
    const { egress, rules } = await portsWith(
      withStore("memcached://a:11211,b:11311:2,c:11211,[fd00::1]:11411"),
    );
    assert.deepEqual(egress, [11211, 11311, 11411]);
    assert.deepEqual(rules, {
      CacheAdmitsFunctions: 11211,
      CacheAdmitsFunctionsOn11311: 11311,
      CacheAdmitsFunctionsOn11411: 11411,
    });
  });

  it("opens those of Redis", async () => {
    assert.deepEqual((await portsWith(withStore("redis://a:6379"))).rules, { CacheAdmitsFunctions: 6379 });
    assert.deepEqual((await portsWith(withStore("rediss://a:6380,b:6379"))).egress, [6379, 6380]);
  });

  it("adds vpc.cachePort to them, and takes it in place of memcached's usual one where nodes are found", async () => {
    assert.deepEqual(
      (await portsWith(withStore("memcached://a:11211", { cachePort: 11212 }))).egress,
      [11211, 11212],
    );
    assert.deepEqual(
      (await portsWith(withStore("memcached://a:11211", { cachePort: 11211 }))).egress,
      [11211],
    );
    assert.deepEqual((await portsWith(full)).rules, { CacheAdmitsFunctionsOn11212: 11212 });
    const { cachePort: _, ...vpc } = full.vpc;
    assert.deepEqual((await portsWith({ ...full, vpc })).rules, { CacheAdmitsFunctions: 11211 });
  });
});
