// What the functions may do on AWS: a role for each, which names each action and each resource.

import { arn, attributeOf, type Resource, type Resources, sub, type Value } from "./cloudformation.ts";
import { type Parameters, secretNames } from "./parameters.ts";

interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[] | string;
  readonly Resource: Value;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, Value>>>>;
}

/** Returns the functions' roles. */
export function roles(stage: string, parameters: Parameters): Resources {
  return {
    AuthRole: role(stage, "auth", "AuthLogGroup", parameters),
    SessionsRole: role(stage, "sessions", "SessionsLogGroup", parameters),
    LoginsRole: role(stage, "logins", "LoginsLogGroup", parameters),
  };
}

type FunctionName = "auth" | "sessions" | "logins";

function role(stage: string, name: FunctionName, logGroup: string, parameters: Parameters): Resource {
  const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
  const statements = [
    allow(["logs:CreateLogStream", "logs:PutLogEvents"], attributeOf(logGroup, "Arn")),
    ...(parameters.vpc.id === null ? [] : networkInterfaces(stage, name)),
    ...storeStatements(name, parameters),
    ...secretStatements(parameters),
    // These have no resources to name.
    ...(parameters.tracing ? [allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")] : []),
  ];
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: policy([trust]),
      ...(parameters.permissionsBoundary && { PermissionsBoundary: parameters.permissionsBoundary }),
      Policies: [{ PolicyName: "inspectord", PolicyDocument: policy(statements) }],
    },
  };
}

function policy(Statement: readonly Value[]): Value {
  return { Version: "2012-10-17", Statement };
}

function allow(Action: readonly string[], Resource: Value): Statement {
  return { Effect: "Allow", Action, Resource };
}

/**
 * Lambda itself connects a function to its VPC by these of its role, and its guide asks for all of the account's
 * interfaces, or all resources. The function's own code needs none of them, and is denied them.
 */
function networkInterfaces(stage: string, name: string): readonly Statement[] {
  const changes = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  // These have no resources to name.
  const descriptions = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];
  const itself = arn("lambda", `function:inspectord-${stage}-${name}`);
  return [
    allow(changes, arn("ec2", "*/*")),
    allow(descriptions, "*"),
    {
      Effect: "Deny",
      Action: [...changes, ...descriptions],
      Resource: "*",
      Condition: { ArnEquals: { "lambda:SourceFunctionArn": itself } },
    },
  ];
}

/** Caches need no IAM permission: network access is enough. */
function storeStatements(
  name: FunctionName,
  { store, files, database, dynamodb }: Parameters,
): readonly Statement[] {
  switch (store.kind) {
    case "elasticache": {
      const cluster = arn("elasticache", `cluster:${store.clusterId}`);
      return [allow(["elasticache:DescribeCacheClusters"], cluster)];
    }
    case "dynamodb": {
      const many = "dynamodb:BatchGetItem";
      return [
        allow(
          name === "logins" ? [many] : ["dynamodb:GetItem", many],
          arn("dynamodb", `table/${store.table}`),
        ),
        ...(dynamodb.kmsKey === null
          ? []
          : [decryption("dynamodb", dynamodb.kmsKey, "aws:dynamodb:tableName", [store.table])]),
      ];
    }
    case "sql": {
      // A database that takes a password asks for no IAM permission.
      const user = arn("rds-db", `dbuser:${database.resourceId}/${store.user}`);
      return store.isIam ? [allow(["rds-db:connect"], user)] : [];
    }
    case "files": {
      const fileSystem = arn("elasticfilesystem", `file-system/${files.fileSystem}`);
      return [
        {
          // Read-only: without ClientWrite nothing can be changed there.
          ...allow(["elasticfilesystem:ClientMount"], fileSystem),
          Condition: { ArnEquals: { "elasticfilesystem:AccessPointArn": files.accessPoint } },
        },
      ];
    }
    default:
      return [];
  }
}

function secretStatements({ variables, secrets }: Parameters): readonly Statement[] {
  const names = secretNames(variables);
  if (names.length === 0) return [];
  const parameters = names.map((name) => arn("ssm", `parameter/${name.replace(/^\//, "")}`));
  return [
    allow(["ssm:GetParameter"], parameters),
    // AWS's own key for SSM needs no permission.
    ...(secrets.kmsKey === null ? [] : [decryption("ssm", secrets.kmsKey, "PARAMETER_ARN", parameters)]),
  ];
}

/**
 * The key may encrypt other things of the account, too: the role decrypts only what this service asks for, and only what
 * has one of these values in its encryption context.
 *
 * Source: "AWS KMS encryption for AWS Systems Manager Parameter Store SecureString parameters", Systems Manager's guide;
 * "DynamoDB encryption at rest: usage notes", DynamoDB's guide.
 */
function decryption(service: string, key: string, context: string, values: readonly Value[]): Statement {
  return {
    ...allow(["kms:Decrypt"], key),
    Condition: {
      StringEquals: {
        "kms:ViaService": sub(`${service}.\${AWS::Region}.\${AWS::URLSuffix}`),
        [`kms:EncryptionContext:${context}`]: values,
      },
    },
  };
}
