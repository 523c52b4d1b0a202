// Parameters of deployments that differ in all that can be chosen.

const site = {
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "example.org",
};
const vpc = { id: "vpc-0a1b2c3d4e5f60718", subnets: ["subnet-0a1b2c3d", "subnet-0a1b2c3d4e5f60718"] };
const cacheSecurityGroup = "sg-0a1b2c3d4e5f60718";
const kmsKey = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

/** Nothing that could be left out. */
export const plain = {
  region: "eu-central-1",
  function: { ...site, SESSION_STORE: "memcached://cache1:11211,cache2:11211" },
  vpc: { ...vpc, cacheSecurityGroup },
};

/** Everything that can be had beside a cache. */
export const full = {
  region: "eu-west-1",
  function: {
    ...{ SESSION_STORE: "elasticache://sessions", SERVED_HOSTS: "example.org", SESSION_PRESET: "laravel" },
    ...{ SESSION_REPLICAS: 1, LARAVEL_APP_KEY_PARAMETER: "/inspectord/laravel-app-key" },
  },
  vpc: { ...vpc, cacheSecurityGroup, cachePort: 11212, makeEndpoints: true },
  secrets: { kmsKey },
  throttle: {
    loginsPerSecond: 5000,
    loginBurst: 6000,
    sessionChecksPerSecond: 7,
    sessionCheckBurst: 8,
    loginWatchesPerSecond: 9,
    loginWatchBurst: 10,
  },
  reservedConcurrency: { logins: 400, sessionChecks: 10, loginWatches: 20 },
  logs: { retentionDays: 1096, kmsKey, allRequests: true },
  tracing: true,
  alarms: {
    email: "operators@example.org",
    latencyMs: 500,
    refusedPercent: 30,
    unavailableCount: 9,
    rejectedCount: 7,
  },
  canary: true,
  dashboard: { cacheClusters: ["sessions", "other"], serverlessCaches: ["small"] },
};

/** PHP's session files on EFS, an endpoint of the operator's own, and a topic of theirs. */
export const files = {
  region: "eu-central-1",
  function: { ...full.function, SESSION_STORE: "files:///mnt/sessions/php" },
  vpc: { ...vpc, endpointSecurityGroup: "sg-0a1b2c3d4e5f6071a" },
  files: {
    fileSystem: "fs-0a1b2c3d4e5f60718",
    accessPoint: "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0a1b2c3d4e5f60718",
    securityGroup: "sg-0a1b2c3d4e5f60719",
  },
  alarms: { topic: "arn:aws:sns:eu-central-1:123456789012:operators" },
};

/** Sessions in PostgreSQL on RDS, which takes a token in place of a password. */
export const sql = {
  region: "eu-central-1",
  function: {
    ...{ SERVED_HOSTS: "example.org", SESSION_PRESET: "drupal" },
    SESSION_STORE: "postgres://inspectord@site.abcdef.eu-central-1.rds.amazonaws.com:5433/site?auth=iam",
  },
  vpc,
  database: { securityGroup: "sg-0a1b2c3d4e5f6071b", resourceId: "db-ABCDEFGHIJKL" },
  dashboard: { databases: ["site"] },
};

/** Sessions in a store of the operator's own, which the functions reach in the VPC. */
export const custom = {
  region: "eu-central-1",
  function: { ...site, SESSION_STORE: "custom://example?url=https://sessions.example.net/v1" },
  vpc: { id: vpc.id, subnets: vpc.subnets },
  custom: { securityGroup: "sg-0a1b2c3d4e5f6071c" },
};

/** Sessions in DynamoDB, for which no VPC is needed. */
export const dynamodb = {
  region: "us-east-1",
  function: { ...site, SESSION_STORE: "dynamodb://sessions" },
};
