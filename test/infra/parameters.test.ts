import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import { secretVariables, variables } from "../../handlers/variables.ts";
import {
  checkParameters,
  functionVariables,
  mountPathOf,
  type Parameters,
  parameterNames,
  placeholders,
} from "../../infra/parameters.ts";
import { custom, dynamodb, files, full, plain, sql } from "./deployments.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

async function problemsOf(given: unknown): Promise<readonly string[]> {
  const checked = await checkParameters(given);
  return "problems" in checked ? checked.problems : [];
}

async function checked(given: unknown): Promise<Parameters> {
  const parameters = await checkParameters(given);
  return "problems" in parameters ? assert.fail(parameters.problems.join()) : parameters;
}

/** The problems with a deployment that differs from the plain one in these variables of the function. */
function problemsWith(variables: object): Promise<readonly string[]> {
  return problemsOf({ ...plain, function: { ...plain.function, ...variables } });
}

describe("the parameters of a deployment", () => {
  it("may be few, and are then what params/example.yml says", async () => {
    const { vpc, throttle, logs, tracing, alarms, reservedConcurrency, dashboard } = await checked(plain);
    assert.deepEqual(vpc, {
      ...plain.vpc,
      ...{ cachePort: null, makeEndpoints: null, endpointSecurityGroup: null, endpointSubnets: null },
    });
    assert.deepEqual(throttle, {
      ...{ loginsPerSecond: null, loginBurst: null },
      ...{ sessionChecksPerSecond: 50, sessionCheckBurst: 100 },
      ...{ loginWatchesPerSecond: 50, loginWatchBurst: 100 },
    });
    assert.deepEqual(logs, { retentionDays: 30, kmsKey: null, allRequests: false });
    assert.equal(tracing, false);
    assert.deepEqual(alarms, {
      ...{ topic: null, email: null },
      ...{ latencyMs: 1000, refusedPercent: 50, unavailableCount: 5, rejectedCount: 5 },
    });
    assert.deepEqual(reservedConcurrency, { logins: null, sessionChecks: null, loginWatches: null });
    assert.deepEqual(dashboard, { cacheClusters: null, serverlessCaches: null, databases: null });
  });

  it("are handed on as they are, and the function's variables as texts", async () => {
    for (const given of [full, files, sql, dynamodb]) await checked(given);
    assert.equal((await checked(full)).variables["SESSION_REPLICAS"], "1");
    const prefixed = { ...plain, function: { ...plain.function, SESSION_KEY_PREFIX: "" } };
    assert.equal((await checked(prefixed)).variables["SESSION_KEY_PREFIX"], "");
  });

  it("are named when they are missing, unknown or wrong, with what is allowed", async () => {
    const { region: _, ...others } = plain;
    assert.deepEqual(await problemsOf(others), [
      "region is missing: it must be a region of AWS, such as eu-central-1",
    ]);
    for (const [given, problem] of [
      [{ ...plain, region: "Frankfurt" }, /^region is wrong: it must be a region of AWS/],
      [
        { ...plain, vpc: { ...plain.vpc, subnet: "x" } },
        /^vpc\.subnet is no parameter: there are region, vpc\.id/,
      ],
      [
        { ...plain, vpc: { ...plain.vpc, id: "vpc-1" } },
        /^vpc\.id is wrong: it must be vpc- and 8 or 17 digits/,
      ],
      [
        { ...plain, vpc: { ...plain.vpc, subnets: [] } },
        /^vpc\.subnets is wrong: it must be a list, each subnet-/,
      ],
      [
        { ...plain, vpc: { ...plain.vpc, cachePort: "11211" } },
        /^vpc\.cachePort is wrong: it must be a whole number/,
      ],
      [{ ...plain, vpc: { ...plain.vpc, cachePort: 65536 } }, /from 1 to 65535$/],
      [
        { ...plain, logs: { retentionDays: 31 } },
        /^logs\.retentionDays is wrong: it must be one of 1, 3, 5, 7/,
      ],
      [
        { ...plain, logs: { kmsKey: "alias/logs" } },
        /^logs\.kmsKey is wrong: it must be the ARN arn:aws:kms:/,
      ],
      [{ ...plain, logs: null }, /^logs is no parameter/],
      [{ ...plain, tracing: "yes" }, /^tracing is wrong: it must be one of true, false$/],
      [{ ...plain, alarms: { email: "nobody" } }, /^alarms\.email is wrong: it must be an e-mail address/],
      [
        { ...plain, dashboard: { cacheClusters: "one" } },
        /^dashboard\.cacheClusters is wrong: it must be a list/,
      ],
      [{ ...plain, throttle: { loginsPerSecond: 0 } }, /^throttle\.loginsPerSecond is wrong/],
    ] as const) {
      const problems = await problemsOf(given);
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? "", problem);
    }
    assert.match((await problemsOf("text"))[0] ?? "", /params\/example\.yml/);
  });

  it("keep logs for the numbers of days that AWS allows, and no other", async () => {
    const [logGroup] = loadAwsServiceSpecSync().lookup(
      ...(["resource", "cloudFormationType", "equals", "AWS::Logs::LogGroup"] as const),
    );
    const type = logGroup?.properties["RetentionInDays"]?.type;
    const allowed = type?.type === "integer" ? (type.allowedValues ?? []) : [];
    assert.ok(allowed.includes(3653), allowed.join());
    const accepted: number[] = [];
    for (let retentionDays = 0; retentionDays < 4000; retentionDays++) {
      const problems = await problemsOf({ ...plain, logs: { retentionDays } });
      if (problems.length === 0) accepted.push(retentionDays);
    }
    assert.deepEqual(accepted, allowed);
  });

  it("are all reported at once", async () => {
    const problems = await problemsOf({ region: 1, vpc: { id: 2 }, function: { HOSTS: "plain" } });
    assert.deepEqual(
      problems.map((problem) => problem.split(" ")[0]),
      ["region", "vpc.id", "function.HOSTS"],
    );
  });

  it("name the function's variables that are missing, unknown or no texts", async () => {
    assert.match((await problemsOf({ ...plain, function: undefined }))[0] ?? "", /^function is missing/);
    const { AUTHENTICATED_EXPRESSION: _, USER_EXPRESSION: __, ...others } = plain.function;
    assert.deepEqual(
      (await problemsOf({ ...plain, function: others })).map((problem) => problem.split(": ")[0]),
      ["function.AUTHENTICATED_EXPRESSION is missing", "function.USER_EXPRESSION is missing"],
    );
    assert.match((await problemsWith({ HOSTS: "h" }))[0] ?? "", /^function\.HOSTS is no variable: there/);
    assert.deepEqual(await problemsWith({ SERVED_HOSTS: ["a", "b"] }), [
      "function.SERVED_HOSTS is wrong: it must be a text",
    ]);
  });

  it("hold values with which the function can start", async () => {
    for (const [variables, problem] of [
      [
        { SESSION_STORE: "memcached://h:notaport" },
        /^function\.SESSION_STORE is wrong: it must be memcached:/,
      ],
      [{ SESSION_STORE: "memcached://h" }, /^function\.SESSION_STORE is wrong/],
      [{ SESSION_STORE: "mysql://h:3306" }, /^function\.SESSION_STORE is wrong/],
      [{ SESSION_STORE: "elasticache://Sessions_1" }, /^function\.SESSION_STORE is wrong/],
      [{ AUTHENTICATED_EXPRESSION: "user ==== 1" }, /^function\.AUTHENTICATED_EXPRESSION is wrong: /],
      [{ USER_EXPRESSION: "user[" }, /^function\.USER_EXPRESSION is wrong: /],
      [{ HOSTS_EXPRESSION: "" }, /^function\.HOSTS_EXPRESSION is wrong/],
      [{ SERVED_HOSTS: "Example.ORG" }, /^function\.SERVED_HOSTS is wrong: it must be the XMPP hosts/],
      [{ SESSION_PLACEMENT: "nonsense" }, /^function\.SESSION_PLACEMENT is wrong: it must be one of/],
      [{ SESSION_PRESET: "nonsense" }, /^function\.SESSION_PRESET is wrong/],
      [{ SESSION_REPLICAS: 10 }, /^function\.SESSION_REPLICAS is wrong/],
      [{ SESSION_KEY_PREFIX: "a b" }, /^function\.SESSION_KEY_PREFIX is wrong/],
      [{ SESSION_SERIALIZE_HANDLER: "wddx" }, /^function\.SESSION_SERIALIZE_HANDLER is wrong/],
      [{ USER_NAME_CASE: "upper" }, /^function\.USER_NAME_CASE is wrong/],
      [{ ISUSER_POLICY: "some" }, /^function\.ISUSER_POLICY is wrong/],
      [
        { SESSION_STORE_PASSWORD_PARAMETER: "/inspectord/password" },
        /^function\.SESSION_STORE_PASSWORD_PARAMETER is wrong: it must be the password of Redis or of the SQL user/,
      ],
      [
        { SESSION_STORE: "redis://user@cache:6379" },
        /^function\.SESSION_STORE_PASSWORD_PARAMETER is missing/,
      ],
    ] as const) {
      const problems = await problemsWith(variables);
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? "", problem);
    }
  });

  it("are checked with a placeholder for each secret, which the function would take", () => {
    const secrets = Object.values(variables).filter(({ name }) => secretVariables.includes(name));
    assert.deepEqual(Object.keys(placeholders).toSorted(), secrets.map(({ name }) => name).toSorted());
    for (const { name, parse } of secrets) assert.notEqual(parse(placeholders[name] ?? ""), undefined, name);
  });

  it("hold no secret", async () => {
    assert.deepEqual(await problemsWith({ LARAVEL_APP_KEY: "base64:x" }), [
      "function.LARAVEL_APP_KEY is a secret: store it in SSM, and name it in function.LARAVEL_APP_KEY_PARAMETER",
    ]);
    assert.deepEqual(await problemsWith({ SESSION_STORE_PASSWORD: "x" }), [
      "function.SESSION_STORE_PASSWORD is a secret: store it in SSM, and name it in function.SESSION_STORE_PASSWORD_PARAMETER",
    ]);
    for (const store of ["redis://user:word@cache:6379", "rediss://:word@cache:6379"]) {
      const problems = await problemsWith({ SESSION_STORE: store });
      assert.match(problems[0] ?? "", /^function\.SESSION_STORE holds a password/);
      assert.ok(!problems.join().includes("word@"));
    }
  });

  it("are not what stands in the example", async () => {
    const own = { id: "vpc-0123456789abcdef0", subnets: ["subnet-0a1b2c3d", "subnet-0123456789abcdef1"] };
    assert.deepEqual(await problemsOf({ ...plain, vpc: { ...plain.vpc, ...own } }), [
      "vpc.id is the example's: put in your own",
      "vpc.subnets is the example's: put in your own",
    ]);
    for (const host of ["sessions.example.org", "example.com", "a.b.example.net"]) {
      assert.deepEqual(await problemsWith({ SESSION_STORE: `memcached://cache:11211,${host}:11211` }), [
        "function.SESSION_STORE is the example's: put in your own",
      ]);
    }
    assert.deepEqual(await problemsWith({ SESSION_STORE: "memcached://cache.my-example.org:11211" }), []);
  });

  it("name keys, topics and access points of the region, and of one account", async () => {
    const elsewhere = full.logs.kmsKey.replace("eu-west-1", "eu-west-2");
    assert.deepEqual(await problemsOf({ ...full, logs: { kmsKey: elsewhere } }), [
      "logs.kmsKey is of region eu-west-2: it must be of the parameter region",
    ]);
    const others = full.logs.kmsKey.replace(/:[0-9]{12}:/, ":210987654321:");
    assert.deepEqual(await problemsOf({ ...full, logs: { kmsKey: others } }), [
      "logs.kmsKey is of another account than secrets.kmsKey: both must be of the one that deploys",
    ]);
  });

  it("fit the store: a cache and files need their VPC, DynamoDB has none", async () => {
    const { vpc: _, ...bare } = plain;
    assert.deepEqual(await problemsOf(bare), [
      "vpc.id, vpc.subnets, vpc.cacheSecurityGroup: missing, for a cache is reached from its VPC only",
    ]);
    assert.deepEqual(await problemsOf({ ...plain, files: files.files }), [
      "files.fileSystem, files.accessPoint, files.securityGroup: to be left out, for they belong to a SESSION_STORE of files:///mnt/NAME",
    ]);
    assert.deepEqual(await problemsOf({ ...dynamodb, vpc: { id: plain.vpc.id } }), [
      "vpc.id: to be left out, for dynamodb:// is reached without a VPC",
    ]);
    for (const [name, value] of Object.entries(files.files)) {
      assert.deepEqual(await problemsOf({ ...dynamodb, region: files.region, files: { [name]: value } }), [
        `files.${name}: to be left out, for dynamodb:// is reached without a VPC`,
      ]);
    }
    const { files: __, ...mountless } = files;
    assert.match(
      (await problemsOf(mountless))[0] ?? "",
      /^files\.fileSystem, .*: missing, for files are read from EFS/,
    );
    const elsewhere = await problemsWith({ SESSION_STORE: "files:///var/lib/php" });
    assert.match(elsewhere.join(), /SESSION_STORE is wrong: files must be below files:\/\/\/mnt\/NAME/);
  });

  it("fit a store of the operator's own: what it reaches in a VPC, or no VPC", async () => {
    await checked(custom);
    await checked({ region: custom.region, function: custom.function });
    const { custom: reached, vpc } = custom;
    const cidr = { cidr: "10.20.0.0/16", port: 8443 };
    await checked({ ...custom, custom: cidr });
    for (const wrong of [undefined, { port: 443 }, { ...reached, ...cidr }]) {
      assert.deepEqual(await problemsOf({ ...custom, custom: wrong ?? {} }), [
        "custom.securityGroup, custom.cidr: set one, for the functions reach nothing else from within the VPC",
      ]);
    }
    assert.deepEqual(
      await problemsOf({ region: custom.region, function: custom.function, custom: reached }),
      ["custom.securityGroup: to be left out, for without vpc.id the functions are in no VPC"],
    );
    assert.match(
      (await problemsOf({ ...custom, vpc: { ...vpc, cacheSecurityGroup: "sg-01234567" } }))[0] ?? "",
      /^vpc\.cacheSecurityGroup: to be left out, for the sessions are in a store of your own/,
    );
    assert.match(
      (await problemsOf({ ...plain, custom: reached }))[0] ?? "",
      /^custom\.securityGroup: to be left/,
    );
    for (const wide of ["0.0.0.0/0", "10.0.0.0/7", "10.0.0.0", "10.0.0.256/16", "::/0", "10.0.0.0/33"]) {
      assert.match(
        (await problemsOf({ ...custom, custom: { cidr: wide } }))[0] ?? "",
        /^custom\.cidr is wrong/,
      );
    }
    const secret = { ...custom.function, SESSION_STORE_PASSWORD: "x" };
    assert.match((await problemsOf({ ...custom, function: secret }))[0] ?? "", /is a secret/);
  });

  it("fit a SQL database: its security group, and its resource id where a token is the password", async () => {
    const { database: _, ...bare } = sql;
    assert.deepEqual(await problemsOf(bare), [
      "database.securityGroup: missing, for a database is reached from its VPC only",
      "database.resourceId: missing, for auth=iam needs a right for this database alone",
    ]);
    assert.match(
      (await problemsOf({ ...sql, vpc: plain.vpc }))[0] ?? "",
      /^vpc\.cacheSecurityGroup: to be left out/,
    );
    assert.match(
      (await problemsOf({ ...plain, database: sql.database }))[0] ?? "",
      /^database\..*: to be left out/,
    );
    const SESSION_STORE = sql.function.SESSION_STORE.replace("?auth=iam", "");
    const withPassword = {
      ...sql.function,
      SESSION_STORE,
      SESSION_STORE_PASSWORD_PARAMETER: "/inspectord/sql",
    };
    const vpc = { ...sql.vpc, makeEndpoints: true };
    assert.deepEqual(await problemsOf({ ...sql, vpc, function: withPassword }), [
      "database.resourceId: to be left out, for it belongs to auth=iam",
    ]);
    await checked({ ...sql, vpc, function: withPassword, database: { securityGroup: "sg-01234567" } });
    assert.match(
      (await problemsOf({ ...sql, function: { ...sql.function, SESSION_STORE } }))[0] ?? "",
      /^function\.SESSION_STORE_PASSWORD_PARAMETER is missing/,
    );
    const hosts = { ...sql.function, SESSION_STORE: "mysql://a@db.example.org/site?auth=iam" };
    assert.deepEqual(await problemsOf({ ...sql, function: hosts }), [
      "function.SESSION_STORE is the example's: put in your own",
    ]);
  });

  it("say where the file system is mounted", async () => {
    for (const store of ["files:///mnt/a", "files:///mnt/a?uid=33", "files:///mnt/a/php?uid=33"]) {
      const given = { ...files, function: { ...files.function, SESSION_STORE: store } };
      assert.equal(mountPathOf((await checked(given)).store), "/mnt/a", store);
    }
  });

  it("say how AWS's API is reached from the VPC, where the function asks it", async () => {
    const { makeEndpoints: _, ...vpc } = full.vpc;
    const problem = /^vpc\.makeEndpoints, vpc\.endpointSecurityGroup: set one/;
    assert.match((await problemsOf({ ...full, vpc }))[0] ?? "", problem);
    const both = { ...full.vpc, endpointSecurityGroup: "sg-01234567" };
    assert.match((await problemsOf({ ...full, vpc: both }))[0] ?? "", problem);
    const unneeded = { ...plain, vpc: { ...plain.vpc, makeEndpoints: true } };
    assert.match((await problemsOf(unneeded))[0] ?? "", /to be left out/);
    const secretless = { ...full.function, LARAVEL_APP_KEY_PARAMETER: undefined };
    const { LARAVEL_APP_KEY_PARAMETER: __, ...rest } = secretless;
    assert.deepEqual(await problemsOf({ ...full, function: rest }), [
      "secrets.kmsKey: to be left out, for the function takes no secret from SSM",
    ]);
    const named = { ...full.function, LARAVEL_APP_KEY_PARAMETER: "a b" };
    assert.deepEqual(await problemsOf({ ...full, function: named }), [
      "function: a b is no name of an SSM parameter",
    ]);
  });

  it("take tags, a boundary of the roles, and a key of the table", async () => {
    const own = {
      tags: { team: "chat", cost: 7 },
      permissionsBoundary: "arn:aws:iam::123456789012:policy/b",
    };
    const { tags, permissionsBoundary } = await checked({ ...dynamodb, ...own });
    assert.deepEqual([tags, permissionsBoundary], [{ team: "chat", cost: "7" }, own.permissionsBoundary]);
    for (const wrong of [
      "x",
      [1],
      { "aws:a": "b" },
      { a: { b: "c" } },
      { "a<": "b" },
      { ["k".repeat(129)]: "" },
    ]) {
      assert.match(
        (await problemsOf({ ...plain, tags: wrong }))[0] ?? "",
        /^tags is wrong: it must be names/,
      );
    }
    const kmsKey = full.logs.kmsKey.replace("eu-west-1", dynamodb.region);
    await checked({ ...dynamodb, dynamodb: { kmsKey } });
    assert.deepEqual(await problemsOf({ ...plain, region: dynamodb.region, dynamodb: { kmsKey } }), [
      "dynamodb.kmsKey: to be left out, for the sessions are not in DynamoDB",
    ]);
  });

  it("send alarms one way", async () => {
    const alarms = { ...files.alarms, email: "a@example.org" };
    assert.deepEqual(await problemsOf({ ...files, alarms }), [
      "alarms.email: to be left out, for alarms.topic has subscriptions of its own",
    ]);
  });
});

describe("params/example.yml", () => {
  const example = readFileSync(`${root}params/example.yml`, "utf8");
  /** The dotted names in the order of the file, whether they are set or shown only. */
  const names = (() => {
    const found: string[] = [];
    let group = "";
    for (const line of example.split("\n")) {
      const [, indent = "", name, value] = /^( *)#?([A-Za-z_]+):(.*)$/.exec(line) ?? [];
      if (name === undefined) continue;
      if (indent === "") group = value === "" ? name : "";
      if (indent !== "" || value !== "") found.push(indent === "" ? name : `${group}.${name}`);
    }
    return found;
  })();

  it("shows each parameter, and none that there is not", async () => {
    const ours = names.filter((name) => !name.startsWith("function."));
    assert.deepEqual(ours.toSorted(), [...parameterNames, "tags.team"].toSorted());
    // No secret stands there.
    const named = functionVariables.filter((name) => !secretVariables.includes(name));
    const shown = names
      .filter((name) => name.startsWith("function."))
      .map((name) => name.slice("function.".length));
    assert.deepEqual(shown.toSorted(), named.toSorted());
  });

  it("shows of what may be left out what it is then", async () => {
    const {
      region: _,
      variables: __,
      store: ___,
      servedHosts: ____,
      arns: _____,
      ...groups
    } = await checked(dynamodb);
    const fallbacks = Object.entries(groups)
      .flatMap(([group, values]) =>
        Object.entries(typeof values === "object" && values !== null ? values : { [group]: values }),
      )
      .filter(([, value]) => value !== null);
    assert.equal(fallbacks.length, 14);
    for (const [name, value] of fallbacks) assert.match(example, new RegExp(`#${name}: ${value}\n`));
  });

  it("knows every variable of the function", async () => {
    const known = Object.values(variables)
      .map(({ name }) => name)
      // The deployment sets it by itself.
      .filter((name) => name !== "STAGE");
    const asParameters = secretVariables.map((name) => `${name}_PARAMETER`);
    assert.deepEqual(functionVariables.toSorted(), [...known, ...asParameters].toSorted());
    for (const name of secretVariables) {
      const [problem] = await problemsOf({ ...plain, function: { ...plain.function, [name]: "x" } });
      assert.match(problem ?? "", new RegExp(`^function\\.${name} is a secret`));
    }
  });
});
