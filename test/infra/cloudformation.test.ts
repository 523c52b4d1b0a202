// That the check of templates which other tests rely on can fail.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { problemsOf, type Resource } from "./cloudformation.ts";

function problemsWith(Resources: Readonly<Record<string, Resource>>, output: unknown = "x"): string[] {
  return problemsOf({ Resources, Outputs: { Output: { Value: output } } });
}

const logGroup = { Type: "AWS::Logs::LogGroup", Properties: { RetentionInDays: 30 } };
const topic = { Type: "AWS::SNS::Topic", Properties: {} };

describe("the check of a template", () => {
  it("finds nothing wrong with a right one", () => {
    assert.deepEqual(problemsWith({ Logs: logGroup }, { "Fn::GetAtt": ["Logs", "Arn"] }), []);
  });

  it("finds types and properties that AWS does not have, at any depth", () => {
    assert.deepEqual(problemsWith({ A: { Type: "AWS::Logs::LogGruop" } }), [
      "A: no type AWS::Logs::LogGruop",
    ]);
    const misspelt = { ...topic, Properties: { Subscription: [{ Protocol: "email", Endpont: "a@b" }] } };
    assert.deepEqual(problemsWith({ A: misspelt }), [
      "A.Subscription[0]: Endpoint is missing",
      "A.Subscription[0]: no property Endpont",
    ]);
  });

  it("finds missing properties and values of a wrong type", () => {
    const stage = { Type: "AWS::ApiGatewayV2::Stage", Properties: { StageName: "$default" } };
    assert.deepEqual(problemsWith({ A: stage }), ["A: ApiId is missing"]);
    const text = { ...logGroup, Properties: { RetentionInDays: "30" } };
    assert.deepEqual(problemsWith({ A: text }), ["A.RetentionInDays: not of type integer"]);
    const endpoint = { VpcId: "v", VpcEndpointType: "Interfaces", SubnetIds: "s" };
    assert.deepEqual(problemsWith({ A: { Type: "AWS::EC2::VPCEndpoint", Properties: endpoint } }), [
      "A.VpcEndpointType: not a text, or none of those allowed",
      "A.SubnetIds: not of type array",
    ]);
  });

  it("finds references to what is not there", () => {
    assert.deepEqual(problemsWith({}, { Ref: "Nobody" }), ["Output: refers to Nobody, which is not there"]);
    assert.deepEqual(problemsWith({ A: topic }, { "Fn::GetAtt": ["A", "Anr"] }), [
      "Output: AWS::SNS::Topic has no Anr",
    ]);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's
    assert.deepEqual(problemsWith({}, { "Fn::Sub": "${AWS::Region} ${Nobody}" }), [
      "Output: refers to Nobody, which is not there",
    ]);
    assert.deepEqual(problemsWith({ A: { ...topic, DependsOn: "B" } }), [
      "A: refers to B, which is not there",
    ]);
  });

  it("finds circles", () => {
    const on = (name: string) => ({ ...topic, DependsOn: [name] });
    assert.deepEqual(problemsWith({ A: on("B"), B: on("A"), C: topic }), [
      "A, B: depend on each other in a circle",
    ]);
  });
});
