// What the functions may do on AWS: a role for each, which names each action and each resource.

const { placeOf, secretNames } = require("./parameters.cjs");

/** Gives the functions' roles. */
function roles(stage, parameters) {
  return {
    AuthRole: role(stage, "auth", "AuthLogGroup", parameters),
    SessionsRole: role(stage, "sessions", "SessionsLogGroup", parameters),
  };
}

function role(stage, name, logGroup, parameters) {
  const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
  const statements = [
    allow(["logs:CreateLogStream", "logs:PutLogEvents"], { "Fn::GetAtt": [logGroup, "Arn"] }),
    ...(parameters.vpc.id === null ? [] : networkInterfaces(stage, name)),
    ...storeStatements(parameters),
    ...secretStatements(parameters),
    // These have no resources to name.
    ...(parameters.tracing ? [allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")] : []),
  ];
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      AssumeRolePolicyDocument: policy([trust]),
      Policies: [{ PolicyName: "inspectord", PolicyDocument: policy(statements) }],
    },
  };
}

function policy(Statement) {
  return { Version: "2012-10-17", Statement };
}

function allow(Action, Resource) {
  return { Effect: "Allow", Action, Resource };
}

/** An ARN of this account and region. */
function arn(service, resource) {
  return { "Fn::Sub": `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}` };
}

/**
 * Lambda itself connects a function to its VPC by these of its role, and its guide asks for all of the account's
 * interfaces, or all resources. The function's own code needs none of them, and is denied them.
 */
function networkInterfaces(stage, name) {
  const changes = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
  ];
  // These have no resources to name.
  const looks = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];
  const itself = arn("lambda", `function:inspectord-${stage}-${name}`);
  return [
    allow(changes, arn("ec2", "*/*")),
    allow(looks, "*"),
    {
      Effect: "Deny",
      Action: [...changes, ...looks],
      Resource: "*",
      Condition: { ArnEquals: { "lambda:SourceFunctionArn": itself } },
    },
  ];
}

/** A cache asks for nothing here: who reaches its port may read it. */
function storeStatements({ variables, files }) {
  const { clusterId, table, mountPath } = placeOf(variables.SESSION_STORE);
  if (clusterId !== undefined) {
    return [allow(["elasticache:DescribeCacheClusters"], arn("elasticache", `cluster:${clusterId}`))];
  }
  if (table !== undefined) {
    return [allow(["dynamodb:GetItem", "dynamodb:BatchGetItem"], arn("dynamodb", `table/${table}`))];
  }
  if (mountPath === undefined) return [];
  return [
    {
      // To read: without ClientWrite nothing can be changed there.
      ...allow(
        ["elasticfilesystem:ClientMount"],
        arn("elasticfilesystem", `file-system/${files.fileSystem}`),
      ),
      Condition: { ArnEquals: { "elasticfilesystem:AccessPointArn": files.accessPoint } },
    },
  ];
}

function secretStatements({ variables, secrets }) {
  const names = secretNames(variables);
  if (names.length === 0) return [];
  const parameters = names.map((name) => arn("ssm", `parameter/${name.replace(/^\//, "")}`));
  return [
    allow(["ssm:GetParameter"], parameters),
    // AWS's own key for SSM asks for no permission.
    ...(secrets.kmsKey === null ? [] : [decryption(secrets.kmsKey, parameters)]),
  ];
}

/**
 * The key may be used for other secrets of the account, too: the role decrypts only what SSM asks for, and only these
 * parameters. SSM binds a parameter's value to its ARN by the encryption context.
 *
 * Source: "AWS KMS encryption for AWS Systems Manager Parameter Store SecureString parameters", Systems Manager's guide.
 */
function decryption(key, parameters) {
  return {
    ...allow(["kms:Decrypt"], key),
    Condition: {
      StringEquals: {
        "kms:ViaService": { "Fn::Sub": `ssm.\${AWS::Region}.\${AWS::URLSuffix}` },
        "kms:EncryptionContext:PARAMETER_ARN": parameters,
      },
    },
  };
}

module.exports = { roles };
