import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import { secretVariables, variables } from "../../handlers/variables.ts";
import { dynamodb, files, full, plain } from "./deployments.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

type Parameters = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
const { checkParameters, functionVariables, placeOf } = createRequire(import.meta.url)(
  "../../infra/parameters.cjs",
) as {
  checkParameters(given: unknown): Parameters | { readonly problems: readonly string[] };
  functionVariables: readonly string[];
  placeOf(store: string): Readonly<Record<string, unknown>>;
};

function problemsOf(given: unknown): readonly string[] {
  const checked = checkParameters(given);
  return "problems" in checked ? (checked.problems as readonly string[]) : [];
}

function checked(given: unknown): Parameters {
  assert.deepEqual(problemsOf(given), []);
  return checkParameters(given) as Parameters;
}

describe("the parameters of a deployment", () => {
  it("may be few, and are then what params/example.yml says", () => {
    const { vpc, throttle, logs, tracing, alarms, reservedConcurrency, dashboard } = checked(plain);
    assert.deepEqual(vpc, {
      ...plain.vpc,
      ...{ cachePort: null, makeEndpoints: null, endpointSecurityGroup: null },
    });
    assert.deepEqual(throttle, {
      ...{ loginsPerSecond: 1000, loginBurst: 2000 },
      ...{ sessionChecksPerSecond: 50, sessionCheckBurst: 100 },
    });
    assert.deepEqual(logs, { retentionDays: 30, kmsKey: null });
    assert.equal(tracing, false);
    assert.deepEqual(alarms, {
      ...{ topic: null, email: null },
      ...{ latencyMs: 1000, refusedPercent: 50, unavailableCount: 5 },
    });
    assert.deepEqual(reservedConcurrency, { logins: null, sessionChecks: null });
    assert.deepEqual(dashboard, { cacheClusters: null, serverlessCaches: null });
  });

  it("are handed on as they are, and the function's variables as texts", () => {
    for (const given of [full, files, dynamodb]) checked(given);
    assert.equal(checked(full)["variables"]?.["SESSION_REPLICAS"], "1");
    assert.equal(
      checked({ ...plain, function: { ...plain.function, SESSION_KEY_PREFIX: "" } })["variables"]?.[
        "SESSION_KEY_PREFIX"
      ],
      "",
    );
  });

  it("are named when they are missing, unknown or wrong, with what is allowed", () => {
    const { region: _, ...others } = plain;
    assert.deepEqual(problemsOf(others), [
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
      [{ ...plain, alarms: { email: "nobody" } }, /^alarms\.email is wrong: it must be an address/],
      [
        { ...plain, dashboard: { cacheClusters: "one" } },
        /^dashboard\.cacheClusters is wrong: it must be a list/,
      ],
      [{ ...plain, throttle: { loginsPerSecond: 0 } }, /^throttle\.loginsPerSecond is wrong/],
    ] as const) {
      const problems = problemsOf(given);
      assert.equal(problems.length, 1, problems.join());
      assert.match(problems[0] ?? "", problem);
    }
    assert.match(problemsOf("text")[0] ?? "", /params\/example\.yml/);
  });

  it("keep logs for the numbers of days that AWS allows, and no other", () => {
    const [logGroup] = loadAwsServiceSpecSync().lookup(
      ...(["resource", "cloudFormationType", "equals", "AWS::Logs::LogGroup"] as const),
    );
    const type = logGroup?.properties["RetentionInDays"]?.type;
    const allowed = type?.type === "integer" ? (type.allowedValues ?? []) : [];
    assert.ok(allowed.includes(3653), allowed.join());
    const accepted = Array.from({ length: 4000 }, (_, days) => days).filter(
      (retentionDays) => problemsOf({ ...plain, logs: { retentionDays } }).length === 0,
    );
    assert.deepEqual(accepted, allowed);
  });

  it("are all told of at once", () => {
    const problems = problemsOf({ region: 1, vpc: { id: 2 }, function: { SESSION_PRESET: "plain" } });
    assert.deepEqual(
      problems.map((problem) => problem.split(" ")[0]),
      ["region", "vpc.id", "function.SESSION_STORE", "function.SERVED_HOSTS"],
    );
  });

  it("name the function's variables that are missing, unknown or no texts", () => {
    const problemsWith = (variables: unknown) => problemsOf({ ...plain, function: variables });
    assert.match(problemsWith(undefined)[0] ?? "", /^function is missing/);
    assert.deepEqual(problemsWith({ SESSION_STORE: "memcached://c:11211", SERVED_HOSTS: "h" }), [
      "function.AUTHENTICATED_EXPRESSION is missing",
      "function.USER_EXPRESSION is missing",
    ]);
    assert.match(
      problemsWith({ ...plain.function, HOSTS: "h" })[0] ?? "",
      /^function\.HOSTS is no variable: there/,
    );
    assert.deepEqual(problemsWith({ ...plain.function, SERVED_HOSTS: ["a", "b"] }), [
      "function.SERVED_HOSTS is wrong: it must be a text",
    ]);
  });

  it("hold no secret", () => {
    const problemsWith = (changes: unknown) =>
      problemsOf({ ...plain, function: Object.assign({}, plain.function, changes) });
    assert.deepEqual(problemsWith({ LARAVEL_APP_KEY: "base64:x" }), [
      "function.LARAVEL_APP_KEY is a secret: store it in SSM, and name it in function.LARAVEL_APP_KEY_PARAMETER",
    ]);
    assert.deepEqual(problemsWith({ SESSION_STORE_PASSWORD: "x" }), [
      "function.SESSION_STORE_PASSWORD is a secret: store it in SSM, and name it in function.SESSION_STORE_PASSWORD_PARAMETER",
    ]);
    for (const store of ["redis://user:word@cache:6379", "rediss://:word@cache:6379"]) {
      const [problem = ""] = problemsWith({ SESSION_STORE: store });
      assert.match(problem, /^function\.SESSION_STORE holds a password/);
      assert.ok(!problem.includes("word@"));
    }
  });

  it("fit the store: a cache and files need their VPC, DynamoDB has none", () => {
    const { vpc: _, ...bare } = plain;
    assert.deepEqual(problemsOf(bare), [
      "vpc.id, vpc.subnets, vpc.cacheSecurityGroup: missing, for a cache is reached from its VPC only",
    ]);
    assert.deepEqual(problemsOf({ ...plain, files: files.files }), [
      "files.fileSystem, files.accessPoint, files.securityGroup: to be left out, for they belong to a SESSION_STORE of files:///mnt/NAME",
    ]);
    assert.deepEqual(problemsOf({ ...dynamodb, vpc: { id: plain.vpc.id } }), [
      "vpc.id: to be left out, for dynamodb:// is reached without a VPC",
    ]);
    for (const [name, value] of Object.entries(files.files)) {
      assert.deepEqual(problemsOf({ ...dynamodb, files: { [name]: value } }), [
        `files.${name}: to be left out, for dynamodb:// is reached without a VPC`,
      ]);
    }
    const { files: __, ...mountless } = files;
    assert.match(
      problemsOf(mountless)[0] ?? "",
      /^files\.fileSystem, .*: missing, for files are read from EFS/,
    );
    const wrong = (store: string) =>
      problemsOf({ ...plain, function: { ...plain.function, SESSION_STORE: store } });
    assert.match(
      wrong("files:///var/lib/php").join(),
      /SESSION_STORE is wrong: files must be below files:\/\/\/mnt\/NAME/,
    );
    assert.match(wrong("mysql://x").join(), /SESSION_STORE is wrong: no such store is known/);
  });

  it("have a port that SESSION_STORE names", () => {
    const vpc = { ...plain.vpc, cachePort: 11212 };
    assert.deepEqual(problemsOf({ ...plain, vpc }), [
      "vpc.cachePort is wrong: function.SESSION_STORE names no port 11212",
    ]);
    for (const store of ["files:///mnt/a", "files:///mnt/a?uid=33", "files:///mnt/a/php?uid=33"]) {
      assert.equal(placeOf(store)["mountPath"], "/mnt/a", store);
    }
    assert.equal(placeOf("redis://cache")["defaultPort"], 6379);
    assert.equal(placeOf("memcacheds://cache:11211")["defaultPort"], 11211);
  });

  it("say how AWS's API is reached from the VPC, where the function asks it", () => {
    const { makeEndpoints: _, ...vpc } = full.vpc;
    const problem = /^vpc\.makeEndpoints, vpc\.endpointSecurityGroup: set one/;
    assert.match(problemsOf({ ...full, vpc })[0] ?? "", problem);
    const both = { ...full.vpc, endpointSecurityGroup: "sg-01234567" };
    assert.match(problemsOf({ ...full, vpc: both })[0] ?? "", problem);
    assert.match(
      problemsOf({ ...plain, vpc: { ...plain.vpc, makeEndpoints: true } })[0] ?? "",
      /to be left out/,
    );
    const secretless = { ...full.function, LARAVEL_APP_KEY_PARAMETER: undefined };
    const { LARAVEL_APP_KEY_PARAMETER: __, ...rest } = secretless;
    assert.deepEqual(problemsOf({ ...full, function: rest }), [
      "secrets.kmsKey: to be left out, for the function takes no secret from SSM",
    ]);
    const named = { ...full.function, LARAVEL_APP_KEY_PARAMETER: "a b" };
    assert.deepEqual(problemsOf({ ...full, function: named }), [
      "function: a b is no name of an SSM parameter",
    ]);
  });

  it("send alarms one way", () => {
    const alarms = { ...files.alarms, email: "a@example.org" };
    assert.deepEqual(problemsOf({ ...files, alarms }), [
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

  it("shows each parameter, and none that there is not", () => {
    const ours = names.filter((name) => !name.startsWith("function."));
    const [told = ""] = problemsOf({ ...plain, nothing: 1 });
    const known = told.replace("nothing is no parameter: there are ", "").split(", ");
    assert.deepEqual(ours.toSorted(), known.toSorted());
    // No secret stands there.
    const named = functionVariables.filter((name) => !secretVariables.includes(name));
    const shown = names
      .filter((name) => name.startsWith("function."))
      .map((name) => name.slice("function.".length));
    assert.deepEqual(shown.toSorted(), named.toSorted());
  });

  it("shows of what may be left out what it is then", () => {
    const { region: _, variables: __, ...groups } = checked(dynamodb);
    const fallbacks = Object.entries(groups)
      .flatMap(([group, values]) => Object.entries(typeof values === "object" ? values : { [group]: values }))
      .filter(([, value]) => value !== null);
    assert.equal(fallbacks.length, 9);
    for (const [name, value] of fallbacks) assert.match(example, new RegExp(`#${name}: ${value}\n`));
  });

  it("knows every variable of the function", () => {
    const known = Object.values(variables)
      .map(({ name }) => name)
      // The deployment sets it by itself.
      .filter((name) => name !== "STAGE");
    const asParameters = secretVariables.map((name) => `${name}_PARAMETER`);
    assert.deepEqual(functionVariables.toSorted(), [...known, ...asParameters].toSorted());
    for (const name of secretVariables) {
      const [problem] = problemsOf({ ...plain, function: { ...plain.function, [name]: "x" } });
      assert.match(problem ?? "", new RegExp(`^function\\.${name} is a secret`));
    }
  });
});
