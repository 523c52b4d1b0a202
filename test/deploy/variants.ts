// The deployments that params/example.yml offers, one a store and one with every choice.

import type { Account } from "./moto.ts";

/** Returns the parameters of each variant, by the name of its stage. `memcached`: the address of one that is there. */
export function variantsIn(
  account: Account,
  region: string,
  memcached: string,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const site = {
    AUTHENTICATED_EXPRESSION: "user != `null`",
    USER_EXPRESSION: "user",
    SERVED_HOSTS: "chat.example.org",
  };
  const vpc = { id: account.vpc, subnets: account.subnets };
  const ofCache = { ...vpc, cacheSecurityGroup: account.cacheGroup };
  const node = "sessions.abcdef.0001.euc1.cache.amazonaws.com";
  const [, , , , accountId] = account.kmsKey.split(":");
  const parameters = (SESSION_STORE: string, others: object, variables: object = {}) => ({
    region,
    function: { ...site, SESSION_STORE, ...variables },
    ...others,
  });
  return {
    memcached: parameters(`memcached://${memcached}`, { vpc: ofCache }),
    everything: parameters(
      `memcacheds://${node}:11211,${node.replace("0001", "0002")}:11311`,
      {
        vpc: { ...ofCache, cachePort: 11212 },
        throttle: {
          loginsPerSecond: 5000,
          loginBurst: 5000,
          sessionChecksPerSecond: 10,
          sessionCheckBurst: 20,
          loginWatchesPerSecond: 10,
          loginWatchBurst: 20,
        },
        reservedConcurrency: { logins: 200, sessionChecks: 10, loginWatches: 20 },
        logs: { retentionDays: 7, kmsKey: account.kmsKey },
        tracing: true,
        alarms: {
          topic: account.topic,
          latencyMs: 900,
          refusedPercent: 40,
          unavailableCount: 9,
          rejectedCount: 20,
        },
        canary: true,
        dashboard: { cacheClusters: ["sessions"], serverlessCaches: ["sessions"] },
      },
      {
        ...{ SESSION_PLACEMENT: "ketama", SESSION_REPLICAS: 1, SESSION_KEY_PREFIX: "memc.sess.key." },
        ...{ SESSION_SERIALIZE_HANDLER: "php", HOSTS_EXPRESSION: "chat.hosts" },
        ...{ USER_NAME_CASE: "insensitive", ISUSER_POLICY: "all" },
      },
    ),
    found: parameters("elasticache://sessions", {
      vpc: { ...ofCache, makeEndpoints: true, endpointSubnets: account.subnets.slice(0, 1) },
    }),
    endpoint: parameters("elasticache://sessions", {
      vpc: { ...ofCache, endpointSecurityGroup: account.endpointGroup },
    }),
    redis: parameters(
      "rediss://user@sessions.abcdef.euc1.cache.amazonaws.com:6379",
      {
        vpc: { ...ofCache, makeEndpoints: true },
        secrets: { kmsKey: account.kmsKey },
        logs: { allRequests: true },
        alarms: { email: "operators@chat.example.org" },
      },
      { SESSION_STORE_PASSWORD_PARAMETER: "/inspectord/redis-password" },
    ),
    mysql: parameters(
      "mysql://inspectord@site.abcdef.eu-central-1.rds.amazonaws.com/site?table=sessions&id=id&data=data&expires=expires",
      {
        vpc: { ...vpc, makeEndpoints: true },
        database: { securityGroup: account.cacheGroup },
        dashboard: { databases: ["site"] },
      },
      { SESSION_STORE_PASSWORD_PARAMETER: "/inspectord/sql-password" },
    ),
    postgres: parameters(
      "postgres://inspectord@site.abcdef.eu-central-1.rds.amazonaws.com/site?auth=iam",
      { vpc, database: { securityGroup: account.cacheGroup, resourceId: "db-ABCDEFGHIJKL" } },
      { SESSION_PRESET: "laravel", AUTHENTICATED_EXPRESSION: "login", USER_EXPRESSION: "login" },
    ),
    custom: parameters("custom://example?url=https://sessions.example.net/v1", {
      vpc,
      custom: { securityGroup: account.cacheGroup },
    }),
    elsewhere: parameters("custom://example?url=https://sessions.example.net:8443/v1", {
      vpc,
      custom: { cidr: "10.20.0.0/16", port: 8443 },
    }),
    dynamodb: parameters("dynamodb://sessions", {
      dynamodb: { kmsKey: account.kmsKey },
      expectedUsers: 2_500_000,
      backWithinSeconds: 1200,
      tags: { team: "chat" },
      permissionsBoundary: `arn:aws:iam::${accountId}:policy/boundary`,
    }),
    laravel: parameters(
      "dynamodb://sessions",
      {},
      { SESSION_PRESET: "laravel", LARAVEL_APP_KEY_PARAMETER: "/inspectord/laravel-app-key" },
    ),
    files: parameters("files:///mnt/sessions", {
      vpc,
      files: {
        fileSystem: account.fileSystem,
        // moto's own access points have shorter ids than AWS's, which osls refuses.
        accessPoint: `arn:aws:elasticfilesystem:${region}:${accountId}:access-point/fsap-0a1b2c3d4e5f60718`,
        securityGroup: account.filesGroup,
      },
    }),
  };
}
