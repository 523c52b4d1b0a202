// What `npm run deploy` hands to AWS: the templates and the zips of deployments that differ in all that can be chosen.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { buildAll } from "../../infra/build.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing, nodePath } from "../real/parts.ts";
import { problemsOf, type Resource, type Template } from "./cloudformation.ts";
import { dynamodb, files, full, plain, sql } from "./deployments.ts";
import { loginEvent } from "./login-event.ts";
import { copyProject, type Packaged, packageStage, writeParameters } from "./packaged.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const directory = temporaryDirectory();
const deployments = { plain, full, files, sql, dynamodb };
type Name = keyof typeof deployments;
const names = Object.keys(deployments) as Name[];
const packaged: Partial<Record<Name, Packaged>> = {};

before(async () => {
  await Promise.all(
    names.map(async (name) => {
      const copy = join(directory, name);
      copyProject(copy);
      writeParameters(copy, name, deployments[name]);
      packaged[name] = await packageStage(copy, name);
    }),
  );
});

function templateOf(name: Name): Template {
  return packaged[name]?.template ?? assert.fail(`${name} was not packaged`);
}

function ofType(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, { Type }]) => Type === type);
}

// biome-ignore lint/suspicious/noExplicitAny: a template is what it is; each test says what it expects there
function propertiesOf(template: Template, name: string): any {
  return template.Resources[name]?.Properties ?? assert.fail(`no ${name}`);
}

/** An ARN of the account and the region that it is deployed in. */
function arn(service: string, resource: string) {
  return { "Fn::Sub": `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}` };
}

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** All that a template allows to anybody. */
function allowances(template: Template): Statement[] {
  const find = (value: unknown): Statement[] => {
    if (Array.isArray(value)) return value.flatMap(find);
    if (typeof value !== "object" || value === null) return [];
    return [...("Effect" in value ? [value as Statement] : []), ...Object.values(value).flatMap(find)];
  };
  return find(template.Resources).filter(({ Effect }) => Effect === "Allow");
}

/** The statement with this action of a role, that of POST /auth unless given. */
function allowance(name: Name, action: string, role = "AuthRole"): Statement | undefined {
  const [{ PolicyDocument }] = propertiesOf(templateOf(name), role).Policies;
  return PolicyDocument.Statement.find(
    ({ Effect, Action }: Statement) => Effect === "Allow" && [Action].flat().includes(action),
  );
}

describe("every deployment", () => {
  for (const name of names) {
    it(`is what AWS's own schemas allow: ${name}`, () => {
      assert.deepEqual(problemsOf(templateOf(name)), []);
    });
  }

  it("has three routes, all for signed requests only, and no other way to a function", () => {
    for (const name of names) {
      const template = templateOf(name);
      const routes = ofType(template, "AWS::ApiGatewayV2::Route").map(([, { Properties }]) => Properties);
      assert.deepEqual(
        routes.map((route) => [route?.["RouteKey"], route?.["AuthorizationType"]]),
        [
          ["POST /auth", "AWS_IAM"],
          ["POST /sessions", "AWS_IAM"],
          ["POST /logins", "AWS_IAM"],
        ],
      );
      assert.deepEqual(ofType(template, "AWS::Lambda::Url"), []);
      const permissions = ofType(template, "AWS::Lambda::Permission").map(([, { Properties }]) => Properties);
      const callers = permissions.filter((one) => one?.["Principal"] === "apigateway.amazonaws.com");
      for (const [i, path] of ["auth", "sessions", "logins"].entries()) {
        assert.match(
          JSON.stringify(callers[i]?.["SourceArn"]),
          new RegExp(`:\\$\\{HttpApi\\}/\\*/POST/${path}"`),
        );
      }
      assert.equal(callers.length, 3);
      assert.equal(permissions.length - callers.length, name === "full" ? 1 : 0, "the canary's");
    }
  });

  it("runs on Node 24 and arm64, under its stage's name", () => {
    for (const name of names) {
      for (const [path, id] of [
        ["auth", "AuthLambdaFunction"],
        ["sessions", "SessionsLambdaFunction"],
        ["logins", "LoginsLambdaFunction"],
      ] as const) {
        const { Runtime, Architectures, FunctionName, Environment } = propertiesOf(templateOf(name), id);
        assert.deepEqual([Runtime, Architectures], ["nodejs24.x", ["arm64"]]);
        assert.equal(FunctionName, `inspectord-${name}-${path}`);
        assert.equal(Environment.Variables.STAGE, name);
        for (const [variable, value] of Object.entries(deployments[name].function)) {
          assert.equal(Environment.Variables[variable], String(value));
        }
      }
    }
  });

  it("allows no action by a pattern, and nothing on all resources but what has none to name", () => {
    const withoutResources = [
      ...["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"],
      ...["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    ];
    let seen = 0;
    for (const name of names) {
      for (const { Action, Resource } of allowances(templateOf(name))) {
        for (const action of [Action].flat()) {
          seen++;
          assert.doesNotMatch(action, /\*/, action);
          assert.ok(action.includes(":"), action);
          if (withoutResources.includes(action)) continue;
          for (const resource of [Resource].flat()) assert.notEqual(resource, "*", action);
        }
      }
    }
    assert.ok(seen > 40, `${seen} allowances`);
  });

  it("keeps every log for a time that is told", () => {
    for (const name of names) {
      const groups = ofType(templateOf(name), "AWS::Logs::LogGroup");
      assert.deepEqual(
        groups.map(([id]) => id),
        ["AuthLogGroup", "SessionsLogGroup", "LoginsLogGroup", "HttpApiLogGroup"],
      );
      for (const [, { Properties }] of groups) {
        assert.equal(Properties?.["RetentionInDays"], name === "full" ? 1096 : 30);
        assert.equal(Properties?.["KmsKeyId"], name === "full" ? full.logs.kmsKey : undefined);
      }
    }
  });

  it("logs of a request its route and what came of it, and no body, query, path or header", () => {
    for (const name of names) {
      const { Format } = propertiesOf(templateOf(name), "HttpApiStage").AccessLogSettings;
      const fields = JSON.parse(Format) as Record<string, string>;
      assert.equal(fields["stage"], name);
      const variables = Object.values(fields).filter((value) => value !== name);
      const few = ["error.responseType", "identity.sourceIp", "integration.status", "status"];
      const more = ["identity.userArn", "integrationLatency", "requestId", "requestTime", "responseLatency"];
      const all = name === "full" ? [...few, ...more, "routeKey"] : few;
      assert.deepEqual(variables.sort(), all.map((one) => `$context.${one}`).sort());
    }
  });

  it("has Lambda write of itself only what went wrong", () => {
    for (const name of names) {
      const { LoggingConfig } = propertiesOf(templateOf(name), "AuthLambdaFunction");
      assert.equal(LoggingConfig.LogFormat, "JSON");
      assert.equal(LoggingConfig.SystemLogLevel, "WARN");
    }
  });

  it("holds no secret: the function is told where to find it", () => {
    const { Variables } = propertiesOf(templateOf("full"), "AuthLambdaFunction").Environment;
    assert.equal(Variables.LARAVEL_APP_KEY_PARAMETER, "/inspectord/laravel-app-key");
    for (const name of names) {
      const environment = propertiesOf(templateOf(name), "AuthLambdaFunction").Environment.Variables;
      for (const [variable, value] of Object.entries(environment)) {
        assert.doesNotMatch(variable, /KEY$|SECRET|PASSWORD|TOKEN/);
        assert.doesNotMatch(JSON.stringify(value), /base64:|:\/\/[^/"]*:[^/"]*@|\{\{resolve/);
      }
    }
  });

  it("lets an ejabberd host ask for logins and about them later, and nothing else", () => {
    for (const name of names) {
      const template = templateOf(name);
      for (const [policy, paths] of [
        ["LoginPolicy", ["auth", "logins"]],
        ["SessionCheckPolicy", ["sessions"]],
      ] as const) {
        const [statement, ...others] = propertiesOf(template, policy).PolicyDocument.Statement;
        assert.equal(others.length, 0);
        assert.equal(statement.Action, "execute-api:Invoke");
        assert.deepEqual(
          [statement.Resource].flat(),
          paths.map((path) => arn("execute-api", `\${HttpApi}/$default/POST/${path}`)),
        );
      }
    }
  });

  it("tells the URL, the line of ejabberd.yml and the hosts' policy", () => {
    const { Outputs } = templateOf("plain");
    const url = `https://\${HttpApi}.execute-api.\${AWS::Region}.\${AWS::URLSuffix}/auth`;
    assert.deepEqual(Outputs["LoginUrl"]?.Value, { "Fn::Sub": url });
    assert.deepEqual(Outputs["RelaySettings"]?.Value, { "Fn::Sub": `INSPECTORD_URL=${url}` });
    const line = Outputs["ExtauthProgram"]?.Value;
    assert.equal(line, "extauth_program: /run/inspectord/relay.sock");
    const guide = readFileSync(new URL("../../docs/chat-host.md", import.meta.url), "utf8");
    assert.ok(guide.includes(`   ${line}\n`), "docs/chat-host.md has another line");
    assert.deepEqual(Outputs["LoginPolicyArn"]?.Value, { Ref: "LoginPolicy" });
    const document = Outputs["LoginPolicyDocument"]?.Value as Record<string, string> | undefined;
    const { PolicyDocument } = propertiesOf(templateOf("plain"), "LoginPolicy");
    const [{ Resource, ...statement }] = PolicyDocument.Statement;
    const texts = Resource.map((each: Readonly<Record<string, string>>) => each["Fn::Sub"]);
    const written = { ...PolicyDocument, Statement: [{ ...statement, Resource: texts }] };
    assert.deepEqual(JSON.parse(document?.["Fn::Sub"] ?? ""), written);
  });

  it("throttles every route", () => {
    const settingsOf = (name: Name) => {
      const { DefaultRouteSettings, RouteSettings } = propertiesOf(templateOf(name), "HttpApiStage");
      const all = [DefaultRouteSettings, RouteSettings["POST /sessions"], RouteSettings["POST /logins"]];
      return all.map((settings) => [settings.ThrottlingRateLimit, settings.ThrottlingBurstLimit]);
    };
    assert.deepEqual(settingsOf("plain"), [
      [1000, 2000],
      [50, 100],
      [50, 100],
    ]);
    assert.deepEqual(settingsOf("full"), [
      [5000, 6000],
      [7, 8],
      [9, 10],
    ]);
    // Set before its route is there, a route's throttling fails the deployment.
    const { DependsOn } = templateOf("full").Resources["HttpApiStage"] ?? {};
    assert.deepEqual(DependsOn, [
      "HttpApiLogGroup",
      "HttpApiRoutePostAuth",
      "HttpApiRoutePostSessions",
      "HttpApiRoutePostLogins",
    ]);
  });
});

describe("a deployment's network", () => {
  const egressOf = (name: Name) =>
    propertiesOf(templateOf(name), "FunctionSecurityGroup").SecurityGroupEgress.map(
      (rule: { FromPort: number; ToPort: number; DestinationSecurityGroupId: string; CidrIp?: string }) => [
        rule.FromPort,
        rule.ToPort,
        rule.DestinationSecurityGroupId,
        rule.CidrIp,
      ],
    );

  it("has functions in the subnets and in a group of their own", () => {
    for (const name of ["plain", "full", "files"] as const) {
      for (const id of ["AuthLambdaFunction", "SessionsLambdaFunction", "LoginsLambdaFunction"]) {
        assert.deepEqual(propertiesOf(templateOf(name), id).VpcConfig, {
          SubnetIds: deployments[name].vpc.subnets,
          SecurityGroupIds: [{ "Fn::GetAtt": ["FunctionSecurityGroup", "GroupId"] }],
        });
      }
    }
    const { VpcConfig } = propertiesOf(templateOf("dynamodb"), "AuthLambdaFunction");
    assert.equal(VpcConfig, undefined);
  });

  it("lets them reach the cache's port, and its group admits them there", () => {
    const cache = plain.vpc.cacheSecurityGroup;
    assert.deepEqual(egressOf("plain"), [[11211, 11211, cache, undefined]]);
    assert.deepEqual(egressOf("full"), [[11212, 11212, cache, undefined]]);
    const { GroupId, FromPort, SourceSecurityGroupId } = propertiesOf(
      templateOf("full"),
      "CacheAdmitsFunctionsOn11212",
    );
    assert.deepEqual([GroupId, FromPort], [cache, 11212]);
    assert.deepEqual(SourceSecurityGroupId, { "Fn::GetAtt": ["FunctionSecurityGroup", "GroupId"] });
  });

  it("has no rule to or from everywhere", () => {
    for (const name of names) {
      const template = templateOf(name);
      assert.doesNotMatch(JSON.stringify(template.Resources), /0\.0\.0\.0|::\/0/);
      // A group without a rule of its own is given one to everywhere.
      for (const [, { Properties }] of ofType(template, "AWS::EC2::SecurityGroup")) {
        const rules = Properties?.["SecurityGroupEgress"];
        assert.equal(Array.isArray(rules) && rules.length > 0, true, name);
      }
    }
  });

  it("has the endpoints that the function needs, for the functions alone, and tells it their names", () => {
    const template = templateOf("full");
    const endpoints = ofType(template, "AWS::EC2::VPCEndpoint").map(([, { Properties }]) => Properties);
    assert.deepEqual(
      endpoints.map((endpoint) => endpoint?.["ServiceName"]),
      ["elasticache", "ssm"].map((service) => ({ "Fn::Sub": `com.amazonaws.\${AWS::Region}.${service}` })),
    );
    for (const endpoint of endpoints) {
      // With it, everybody else in the VPC would be sent to an endpoint that is closed to them.
      assert.equal(endpoint?.["PrivateDnsEnabled"], false);
      assert.deepEqual(endpoint?.["SecurityGroupIds"], [
        { "Fn::GetAtt": ["EndpointSecurityGroup", "GroupId"] },
      ]);
    }
    const { FromPort, ToPort, DestinationSecurityGroupId } = propertiesOf(
      template,
      "FunctionsReachEndpoints",
    );
    assert.deepEqual([FromPort, ToPort], [443, 443]);
    assert.deepEqual(DestinationSecurityGroupId, { "Fn::GetAtt": ["EndpointSecurityGroup", "GroupId"] });
    const { Variables } = propertiesOf(template, "AuthLambdaFunction").Environment;
    assert.match(JSON.stringify(Variables.AWS_ENDPOINT_URL_SSM), /"SsmEndpoint","DnsEntries"/);
    assert.match(
      JSON.stringify(Variables.AWS_ENDPOINT_URL_ELASTICACHE),
      /"ElastiCacheEndpoint","DnsEntries"/,
    );
    assert.deepEqual(ofType(templateOf("plain"), "AWS::EC2::VPCEndpoint"), []);
  });

  it("mounts the files on EFS, and reaches them and an endpoint that is there already", () => {
    assert.deepEqual(propertiesOf(templateOf("files"), "AuthLambdaFunction").FileSystemConfigs, [
      { Arn: files.files.accessPoint, LocalMountPath: "/mnt/sessions" },
    ]);
    assert.deepEqual(egressOf("files"), [
      [2049, 2049, files.files.securityGroup, undefined],
      [443, 443, files.vpc.endpointSecurityGroup, undefined],
    ]);
    assert.deepEqual(ofType(templateOf("files"), "AWS::EC2::VPCEndpoint"), []);
  });

  it("reaches the database's port and nothing else, where a token is the password", () => {
    assert.deepEqual(egressOf("sql"), [[5433, 5433, sql.database.securityGroup, undefined]]);
    const [rule] = ofType(templateOf("sql"), "AWS::EC2::SecurityGroupIngress");
    const Properties = rule?.[1].Properties ?? {};
    assert.equal(Properties["GroupId"], sql.database.securityGroup);
    assert.equal(Properties["FromPort"], 5433);
  });
});

describe("a function's role", () => {
  it("is its own, and writes to its own log", () => {
    for (const [role, group, id] of [
      ["AuthRole", "AuthLogGroup", "AuthLambdaFunction"],
      ["SessionsRole", "SessionsLogGroup", "SessionsLambdaFunction"],
      ["LoginsRole", "LoginsLogGroup", "LoginsLambdaFunction"],
    ] as const) {
      const template = templateOf("plain");
      assert.deepEqual(propertiesOf(template, id).Role, { "Fn::GetAtt": [role, "Arn"] });
      const [{ PolicyDocument }] = propertiesOf(template, role).Policies;
      assert.deepEqual(PolicyDocument.Statement[0], {
        Effect: "Allow",
        Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
        Resource: { "Fn::GetAtt": [group, "Arn"] },
      });
      assert.equal(ofType(template, "AWS::IAM::Role").length, 3);
    }
  });

  it("lets Lambda connect it to the VPC, and denies the function's own code the same", () => {
    const [{ PolicyDocument }] = propertiesOf(templateOf("plain"), "SessionsRole").Policies;
    const denied = PolicyDocument.Statement.find(({ Effect }: Statement) => Effect === "Deny");
    const allowed = PolicyDocument.Statement.filter(
      ({ Effect, Action }: Statement) => Effect === "Allow" && /^ec2:/.test([Action].flat()[0] ?? ""),
    );
    assert.deepEqual(denied.Action.toSorted(), allowed.flatMap(({ Action }: Statement) => Action).toSorted());
    assert.deepEqual(denied.Condition, {
      ArnEquals: { "lambda:SourceFunctionArn": arn("lambda", "function:inspectord-plain-sessions") },
    });
    assert.equal(allowance("dynamodb", "ec2:CreateNetworkInterface"), undefined);
  });

  it("reads what its store and its secrets need, each by its name", () => {
    assert.deepEqual(
      allowance("full", "elasticache:DescribeCacheClusters")?.Resource,
      arn("elasticache", "cluster:sessions"),
    );
    assert.deepEqual(allowance("dynamodb", "dynamodb:GetItem"), {
      Effect: "Allow",
      Action: ["dynamodb:GetItem", "dynamodb:BatchGetItem"],
      Resource: arn("dynamodb", "table/sessions"),
    });
    // Open connections are asked about a hundred at a time, and none alone.
    assert.deepEqual(allowance("dynamodb", "dynamodb:BatchGetItem", "LoginsRole"), {
      Effect: "Allow",
      Action: ["dynamodb:BatchGetItem"],
      Resource: arn("dynamodb", "table/sessions"),
    });
    assert.deepEqual(allowance("files", "elasticfilesystem:ClientMount"), {
      Effect: "Allow",
      Action: ["elasticfilesystem:ClientMount"],
      Resource: arn("elasticfilesystem", "file-system/fs-0a1b2c3d4e5f60718"),
      Condition: { ArnEquals: { "elasticfilesystem:AccessPointArn": files.files.accessPoint } },
    });
    assert.deepEqual(
      allowance("sql", "rds-db:connect")?.Resource,
      arn("rds-db", "dbuser:db-ABCDEFGHIJKL/inspectord"),
    );
    assert.deepEqual(allowance("full", "ssm:GetParameter")?.Resource, [
      arn("ssm", "parameter/inspectord/laravel-app-key"),
    ]);
    assert.deepEqual(allowance("full", "kms:Decrypt"), {
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      Resource: full.secrets.kmsKey,
      // Only for SSM, and only what is encrypted as the value of this parameter.
      Condition: {
        StringEquals: {
          // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation's
          "kms:ViaService": { "Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}" },
          "kms:EncryptionContext:PARAMETER_ARN": [arn("ssm", "parameter/inspectord/laravel-app-key")],
        },
      },
    });
    assert.equal(allowance("full", "xray:PutTraceSegments")?.Resource, "*");
    for (const action of ["ssm:GetParameter", "kms:Decrypt", "xray:PutTraceSegments"]) {
      assert.equal(allowance("plain", action), undefined);
    }
  });
});

describe("a deployment's watch", () => {
  it("raises an alarm for errors, missing verdicts, latency, throttles, rejections, and silence if it is asked", () => {
    for (const name of names) {
      const alarms = ofType(templateOf(name), "AWS::CloudWatch::Alarm");
      assert.deepEqual(
        alarms.map(([id]) => id),
        [
          ...["FunctionErrorsAlarm", "UnavailableAlarm", "LatencyAlarm", "FunctionThrottlesAlarm"],
          ...["RequestThrottlesAlarm", "RejectedRequestsAlarm", "GatewayErrorsAlarm", "RefusalsAlarm"],
          ...(name === "full" ? ["SilenceAlarm"] : []),
        ],
      );
      const topic = name === "files" ? files.alarms.topic : { Ref: "AlarmTopic" };
      for (const [, { Properties }] of alarms) {
        assert.deepEqual([Properties?.["AlarmActions"], Properties?.["OKActions"]], [[topic], [topic]]);
      }
    }
    const thresholds = (name: Name) =>
      ["LatencyAlarm", "RefusalsAlarm", "UnavailableAlarm", "RejectedRequestsAlarm"].map(
        (id) => propertiesOf(templateOf(name), id).Threshold,
      );
    assert.deepEqual(thresholds("plain"), [1000, 50, 5, 5]);
    assert.deepEqual(thresholds("full"), [500, 30, 9, 7]);
  });

  it("sends alarms to the operator's address or topic", () => {
    assert.deepEqual(propertiesOf(templateOf("full"), "AlarmTopic").Subscription, [
      { Protocol: "email", Endpoint: "operators@example.org" },
    ]);
    assert.deepEqual(propertiesOf(templateOf("plain"), "AlarmTopic").Subscription, []);
    assert.deepEqual(ofType(templateOf("files"), "AWS::SNS::Topic"), []);
  });

  it("counts what API Gateway answers by itself, by the words of its own log", () => {
    for (const [metric, pattern, id] of [
      ["ThrottledRequests", '{ $.status = "429" }', "RequestThrottlesAlarm"],
      ["RejectedRequests", '{ $.status = "403" }', "RejectedRequestsAlarm"],
      ["GatewayErrors", '{ $.status = "5*" && $.functionStatus != "5*" }', "GatewayErrorsAlarm"],
    ] as const) {
      const { FilterPattern, MetricTransformations } = propertiesOf(templateOf("plain"), metric);
      assert.equal(FilterPattern, pattern);
      const [{ MetricNamespace, MetricName, Dimensions }] = MetricTransformations;
      assert.equal(MetricName, metric);
      const alarm = propertiesOf(templateOf("plain"), id);
      assert.deepEqual([alarm.Namespace, alarm.MetricName], [MetricNamespace, MetricName]);
      assert.deepEqual(Dimensions, [{ Key: "Stage", Value: "$.stage" }]);
      assert.deepEqual(alarm.Dimensions, [{ Name: "Stage", Value: "plain" }]);
    }
  });

  it("shows logins, reasons, latency and the cache's health on a dashboard", () => {
    const bodyOf = (name: Name) =>
      JSON.parse(propertiesOf(templateOf(name), "Dashboard").DashboardBody["Fn::Sub"]) as {
        widgets: { x: number; y: number; width: number; properties: { title: string; metrics: unknown } }[];
      };
    const titles = bodyOf("full").widgets.map(({ properties }) => properties.title);
    for (const title of ["Logins a minute, by outcome", "sessions: connections", "other: CPU, in per cent"]) {
      assert.ok(titles.includes(title), title);
    }
    const text = JSON.stringify(bodyOf("full"));
    for (const metric of [
      "Logins",
      "LoginDuration",
      "SessionChecks",
      "LoginWatches",
      "Latency",
      "Errors",
      "Throttles",
    ]) {
      assert.ok(text.includes(metric), metric);
    }
    for (const metric of ["CPUUtilization", "CurrConnections", "Evictions", "SwapUsage", "ThrottledCmds"]) {
      assert.ok(
        text.includes(`MetricName=\\\\\\"${metric}`) || text.includes(`MetricName=\\"${metric}`),
        metric,
      );
    }
    assert.match(text, /CacheClusterId=\\"sessions\\"/);
    // No widget lies over another or leaves the grid.
    const places = bodyOf("full").widgets.map(({ x, y, width }) => ({ x, y, width }));
    for (const { x, width } of places) assert.equal(Number.isInteger(x) && x + width <= 24, true, `${x}`);
    assert.equal(new Set(places.map(({ x, y }) => `${x} ${y}`)).size, places.length);
    assert.doesNotMatch(JSON.stringify(bodyOf("plain")), /ElastiCache/);
  });

  it("traces and sets concurrency aside where told", () => {
    const { TracingConfig, ReservedConcurrentExecutions } = propertiesOf(
      templateOf("full"),
      "AuthLambdaFunction",
    );
    assert.deepEqual(TracingConfig, { Mode: "Active" });
    assert.equal(ReservedConcurrentExecutions, 400);
    const other = propertiesOf(templateOf("full"), "SessionsLambdaFunction");
    assert.equal(other.ReservedConcurrentExecutions, 10);
    assert.equal(propertiesOf(templateOf("full"), "LoginsLambdaFunction").ReservedConcurrentExecutions, 20);
    const none = propertiesOf(templateOf("plain"), "AuthLambdaFunction");
    assert.deepEqual([none.TracingConfig, none.ReservedConcurrentExecutions], [undefined, undefined]);
  });
});

describe("a packaged zip", () => {
  const { it } = needing("unzip", "nodes");
  const sampleSettings = {
    SESSION_STORE: `files://${root}infra/local/sessions`,
    ...{ AUTHENTICATED_EXPRESSION: "authenticated", USER_EXPRESSION: "user", SERVED_HOSTS: "localhost" },
  };

  /** Unpacks it as Lambda does, and calls its handler under Lambda's version of Node. */
  function call(name: "auth" | "sessions" | "logins", event: APIGatewayProxyEventV2) {
    const place = join(directory, `unpacked-${name}`);
    mkdirSync(place, { recursive: true });
    const zip = packaged.plain?.zips[name] ?? "";
    assert.equal(spawnSync("unzip", ["-qo", zip, "-d", place]).status, 0);
    const { Handler } = propertiesOf(
      templateOf("plain"),
      { auth: "AuthLambdaFunction", sessions: "SessionsLambdaFunction", logins: "LoginsLambdaFunction" }[
        name
      ],
    );
    const [module, exported] = Handler.split(/\.(?=[^.]+$)/);
    const program = `const module = await import(${JSON.stringify(pathToFileURL(`${join(place, module)}.mjs`))});
      const answer = await module[${JSON.stringify(exported)}](${JSON.stringify(event)});
      console.log(JSON.stringify({ answer, node: process.versions.node }));`;
    const { stdout, stderr } = spawnSync(nodePath("24"), ["--input-type=module", "-e", program], {
      cwd: place,
      encoding: "utf8",
      env: sampleSettings,
    });
    assert.equal(stderr, "");
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    return { log: lines.slice(0, -1), ...lines.at(-1) };
  }

  it("answers an event of API Gateway for a login, on Node 24", () => {
    const { answer, node, log } = call("auth", loginEvent("alice", "alice0session0of0the0samples"));
    assert.match(node, /^24\./);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.body, '{"allow":true}');
    assert.equal(log.at(-1).outcome, "allowed");
    assert.equal(
      call("auth", loginEvent("bob", "alice0session0of0the0samples")).answer.body,
      '{"allow":false}',
    );
  });

  it("answers one for many sessions", () => {
    const body = JSON.stringify({ ids: ["alice0session0of0the0samples", "carol0session0of0the0samples"] });
    const { answer } = call("sessions", { ...loginEvent("", ""), rawPath: "/sessions", body });
    assert.equal(answer.body, '{"authenticated":[true,false]}');
  });

  it("answers one for open connections", () => {
    const logins = [
      ["alice", "alice0session0of0the0samples"],
      ["bob", "alice0session0of0the0samples"],
      ["carol", "carol0session0of0the0samples"],
      ["dave", "no-session-id"],
    ];
    const body = JSON.stringify({ server: "localhost", logins, nonce: "n" });
    const { answer } = call("logins", { ...loginEvent("", ""), rawPath: "/logins", body });
    assert.equal(answer.body, '{"live":"100?","nonce":"n"}');
  });

  it("holds its own directory of dist/ and nothing else", () => {
    for (const name of ["auth", "sessions", "logins"] as const) {
      const { stdout } = spawnSync("unzip", ["-Z1", packaged.plain?.zips[name] ?? ""], { encoding: "utf8" });
      const paths = stdout.trim().split("\n");
      assert.ok(paths.includes(`dist/${name}/handler.mjs`), stdout);
      assert.ok(paths.includes(`dist/${name}/THIRD-PARTY-NOTICES.txt`), stdout);
      const others = paths.filter((path) => !path.endsWith(".txt"));
      assert.equal(others.length, paths.length - 1, stdout);
      for (const path of others) assert.match(path, new RegExp(`^dist/${name}/[\\w.-]+\\.mjs$`));
    }
  });
});

describe("a parameter that is wrong", () => {
  it("is named once, and nothing is packaged", async () => {
    const copy = join(directory, "wrong");
    copyProject(copy);
    writeParameters(copy, "wrong", { ...plain, region: "Frankfurt" });
    await assert.rejects(packageStage(copy, "wrong"), (error: Error) => {
      assert.equal(error.message.match(/region is wrong/g)?.length, 1, error.message);
      assert.match(error.message, /params\/wrong\.yml:\n.*region is wrong: it must be a region of AWS/);
      return true;
    });
    assert.equal(existsSync(join(copy, "out")), false);
  });
});

describe("two builds of the same sources", () => {
  it("make zips that are the same to the byte, whatever was chosen", async () => {
    const hashOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
    const first = Object.values(packaged.plain?.zips ?? {}).map(hashOf);
    assert.deepEqual(Object.values(packaged.full?.zips ?? {}).map(hashOf), first);

    await buildAll();
    const other = join(directory, "other");
    copyProject(other);
    // With params/example.yml as it stands, but for what is the example's own: it is one that can be deployed.
    const example = readFileSync(join(root, "params/example.yml"), "utf8");
    const own = example
      .replaceAll("0123456789abcdef", "0a1b2c3d4e5f6071")
      .replace("sessions.example.org", "cache1");
    writeFileSync(join(other, "params/example.yml"), own);
    const { zips, template } = await packageStage(other, "example");
    assert.deepEqual(Object.values(zips).map(hashOf), first);
    assert.deepEqual(problemsOf(template), []);
  });
});
