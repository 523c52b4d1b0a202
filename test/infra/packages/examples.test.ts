// The examples of the relay beside a chat server in one pod or task: both see the socket, and nobody else does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { type Node, parseYaml } from "../../../doctor/yaml/parser.ts";
import { imageUser, socketFolder } from "../../../infra/packages/image.ts";
import { readConfig } from "../../../relay/config.ts";
import { problemsOf, type Template } from "../cloudformation.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a file holds
type Any = any;

function read(name: string): Any {
  const path = new URL(`../../../infra/packages/examples/${name}.yml`, import.meta.url);
  const [document] = parseYaml(readFileSync(path));
  assert.ok(document !== undefined);
  return plain(document);
}

function plain(node: Node): Any {
  if (node.kind === "list") return node.items.map(plain);
  if (node.kind === "map") {
    return Object.fromEntries(node.pairs.map(([key, value]) => [plain(key), plain(value)]));
  }
  if (node.kind === "alias" || node.style !== "plain") return node.text;
  if (/^(true|false)$/.test(node.text)) return node.text === "true";
  return /^\d+$/.test(node.text) ? Number(node.text) : node.text;
}

const url = "https://abc.execute-api.eu-central-1.amazonaws.com/auth";
const socket = `${socketFolder}/relay.sock`;

describe("the example for Kubernetes", () => {
  const { spec } = read("kubernetes").spec.template;
  const [relay, ejabberd] = spec.containers;

  it("shows both containers the same folder, and gives the relay arguments that it takes", () => {
    const mounts = [relay, ejabberd].map(({ volumeMounts }) => volumeMounts);
    for (const [mount] of mounts) assert.equal(mount.mountPath, socketFolder);
    assert.equal(mounts[0][0].name, mounts[1][0].name);
    assert.deepEqual(
      spec.volumes.map(({ name }: Any) => name),
      [mounts[0][0].name],
    );
    const given = relay.args.map((arg: string) => arg.replace("ID", "abc").replace("REGION", "eu-central-1"));
    const config = readConfig(given, {});
    assert.ok("config" in config && config.config.listen === socket, JSON.stringify(config));
  });

  it("runs the relay as the image's user, in the group to which the socket is open", () => {
    const { runAsUser, runAsGroup, ...others } = relay.securityContext;
    assert.deepEqual({ uid: runAsUser, gid: runAsGroup }, imageUser);
    assert.equal(spec.securityContext.fsGroup, imageUser.gid);
    assert.equal(others.readOnlyRootFilesystem, true);
    assert.equal(others.allowPrivilegeEscalation, false);
  });

  it("gives the relay more time to end than a login may take", () => {
    assert.ok(spec.terminationGracePeriodSeconds > 25);
  });
});

describe("the example for ECS", () => {
  const { AWSTemplateFormatVersion: _, Parameters, Resources } = read("ecs");
  const { Volumes, ContainerDefinitions, RuntimePlatform } = Resources.Task.Properties;
  const [relay, ejabberd] = ContainerDefinitions;

  it("is a template by AWS's own schemas", () => {
    // A parameter is a name to refer to, as a resource is.
    const names = Object.keys(Parameters).map((name) => [
      name,
      { Type: "AWS::CloudFormation::WaitConditionHandle" },
    ]);
    const template = { Resources: { ...Resources, ...Object.fromEntries(names) }, Outputs: {} };
    assert.deepEqual(problemsOf(template as Template), []);
  });

  it("shows both containers the same folder, and gives the relay arguments that it takes", () => {
    for (const { MountPoints } of [relay, ejabberd]) {
      assert.deepEqual(MountPoints, [
        { SourceVolume: Volumes[0].Name, ContainerPath: socketFolder, ReadOnly: false },
      ]);
    }
    const [first, ...args] = relay.Command;
    assert.deepEqual(first, { Ref: "InspectorUrl" });
    const config = readConfig([url, ...args], {});
    assert.ok("config" in config && config.config.listen === socket);
  });

  it("runs the relay as the image's user, and ejabberd in the group to which the socket is open", () => {
    assert.equal(relay.User, `${imageUser.uid}:${imageUser.gid}`);
    assert.equal(ejabberd.User.split(":")[1], String(imageUser.gid));
    assert.equal(RuntimePlatform.CpuArchitecture, "ARM64");
  });

  it("lets the task invoke the route, and nothing else", () => {
    const [{ PolicyDocument }] = Resources.TaskRole.Properties.Policies;
    assert.deepEqual(PolicyDocument.Statement, [
      { Effect: "Allow", Action: "execute-api:Invoke", Resource: { Ref: "InspectorArn" } },
    ]);
  });
});
