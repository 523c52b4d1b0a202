import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkParameters } from "../../infra/parameters.ts";
import { roles } from "../../infra/roles.ts";
import { dynamodb } from "./deployments.ts";

describe("the roles of the functions", () => {
  it("decrypt the table by its key, for DynamoDB and this table alone, and are bounded", async () => {
    const kmsKey = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
    const permissionsBoundary = "arn:aws:iam::123456789012:policy/boundary";
    const parameters = await checkParameters({ ...dynamodb, dynamodb: { kmsKey }, permissionsBoundary });
    if ("problems" in parameters) return assert.fail(parameters.problems.join());
    for (const { Properties } of Object.values(roles("test", parameters))) {
      assert.equal(Properties["PermissionsBoundary"], permissionsBoundary);
      const text = JSON.stringify(Properties["Policies"]);
      assert.ok(text.includes(`"Action":["kms:Decrypt"],"Resource":"${kmsKey}"`), text);
      assert.ok(text.includes('"kms:ViaService":{"Fn::Sub":"dynamodb.'), text);
      assert.ok(text.includes('"kms:EncryptionContext:aws:dynamodb:tableName":["sessions"]'), text);
    }
  });
});
