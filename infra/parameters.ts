// The parameters of a deployment: what each may be, and which go together. params/example.yml says what they are for.
// Pure: settings.ts reads the file.

import { type Config, readConfig } from "../handlers/configuration.ts";
import { secretVariables, variables } from "../handlers/variables.ts";

interface Rule<T> {
  /** For a message: "it must be ...". */
  readonly allowed: string;
  readonly isAllowed: (value: unknown) => value is T;
}

const named: readonly string[] = Object.values(variables)
  .map(({ name }) => name)
  // The deployment sets it by itself.
  .filter((name) => name !== variables.stage.name);

/** The variables of the function. Of a secret the deployed function has the name of the SSM parameter that holds it. */
export const functionVariables = [...named, ...secretVariables.map((name) => `${name}_PARAMETER`)];

/** A secret is unknown before the function runs: while the other variables are checked, this takes its place. */
export const placeholders: Readonly<Record<string, string>> = {
  [variables.keySecret.name]: "placeholder",
  [variables.laravelKey.name]: `base64:${Buffer.alloc(32).toString("base64")}`,
  [variables.laravelPreviousKeys.name]: `base64:${Buffer.alloc(32).toString("base64")}`,
  [variables.storePassword.name]: "placeholder",
  [variables.ticketKeys.name]: `placeholder:${Buffer.alloc(32).toString("base64url")}`,
};

const text = (allowed: string, pattern: RegExp): Rule<string> => ({
  allowed,
  isAllowed: (value): value is string => typeof value === "string" && pattern.test(value),
});
const wholeNumber = (from: number, to: number): Rule<number> => ({
  allowed: `a whole number from ${from} to ${to}`,
  isAllowed: (value): value is number =>
    typeof value === "number" && Number.isInteger(value) && value >= from && value <= to,
});
const oneOf = <T>(values: readonly T[]): Rule<T> => ({
  allowed: `one of ${values.join(", ")}`,
  isAllowed: (value): value is T => values.some((one) => one === value),
});
const id = (prefix: string) =>
  text(
    `${prefix}- and 8 or 17 digits and letters a to f`,
    new RegExp(`^${prefix}-(?:[0-9a-f]{8}|[0-9a-f]{17})$`),
  );
const listOf = <T>({ allowed, isAllowed }: Rule<T>): Rule<readonly T[]> => ({
  allowed: `a list, each ${allowed}`,
  isAllowed: (value): value is readonly T[] =>
    Array.isArray(value) && value.length > 0 && value.every(isAllowed),
});
const arn = (service: string, resource: string) =>
  text(
    `the ARN arn:aws:${service}:REGION:ACCOUNT:${resource}...`,
    new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:[0-9]{12}:${resource}[\\w:/.-]+$`),
  );
const flag = oneOf([true, false]);
const cacheName = text("the name of a cache: letters, digits and hyphens", /^[A-Za-z][A-Za-z0-9-]{0,49}$/);

/** CloudWatch Logs takes these and no other. */
const retentionDays = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288],
  3653,
];

/** A parameter without a fallback is null unless it is set. */
const rules = {
  region: {
    ...text("a region of AWS, such as eu-central-1", /^[a-z]{2}(?:-[a-z]+){1,3}-[1-9]$/),
    isRequired: true,
  },
  "vpc.id": id("vpc"),
  "vpc.subnets": listOf(id("subnet")),
  "vpc.cacheSecurityGroup": id("sg"),
  "vpc.cachePort": wholeNumber(1, 65535),
  "vpc.makeEndpoints": flag,
  "vpc.endpointSecurityGroup": id("sg"),
  "vpc.endpointSubnets": listOf(id("subnet")),
  "database.securityGroup": id("sg"),
  "database.resourceId": text(
    "the resource id of a database or of its proxy: db-, cluster- or prx-, and letters and digits",
    /^(?:db|cluster|prx)-[A-Za-z0-9]{1,60}$/,
  ),
  "files.fileSystem": id("fs"),
  "files.accessPoint": arn("elasticfilesystem", "access-point/"),
  "files.securityGroup": id("sg"),
  "custom.securityGroup": id("sg"),
  "custom.cidr": text(
    "a range of addresses such as 10.0.0.0/16, /8 to /32",
    /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\/(?:3[0-2]|[12]\d|[89])$/,
  ),
  "custom.port": { ...wholeNumber(1, 65535), fallback: 443 },
  "secrets.kmsKey": arn("kms", "key/"),
  "dynamodb.kmsKey": arn("kms", "key/"),
  permissionsBoundary: text(
    "the ARN arn:aws:iam::ACCOUNT:policy/NAME",
    /^arn:aws[a-z-]*:iam::[0-9]{12}:policy\/[\w+=,.@/-]+$/,
  ),
  expectedUsers: wholeNumber(1, 100_000_000),
  backWithinSeconds: { ...wholeNumber(1, 86_400), fallback: 600 },
  "throttle.loginsPerSecond": wholeNumber(1, 100_000),
  "throttle.loginBurst": wholeNumber(1, 100_000),
  "throttle.sessionChecksPerSecond": { ...wholeNumber(1, 10_000), fallback: 50 },
  "throttle.sessionCheckBurst": { ...wholeNumber(1, 10_000), fallback: 100 },
  "throttle.loginWatchesPerSecond": { ...wholeNumber(1, 10_000), fallback: 50 },
  "throttle.loginWatchBurst": { ...wholeNumber(1, 10_000), fallback: 100 },
  "reservedConcurrency.logins": wholeNumber(1, 10_000),
  "reservedConcurrency.sessionChecks": wholeNumber(1, 10_000),
  "reservedConcurrency.loginWatches": wholeNumber(1, 10_000),
  "logs.retentionDays": { ...oneOf(retentionDays), fallback: 30 },
  "logs.kmsKey": arn("kms", "key/"),
  "logs.allRequests": { ...flag, fallback: false },
  tracing: { ...flag, fallback: false },
  "alarms.topic": arn("sns", ""),
  "alarms.email": text("an e-mail address", /^[^\s@]+@[^\s@]+$/),
  "alarms.latencyMs": { ...wholeNumber(1, 29_000), fallback: 1000 },
  "alarms.refusedPercent": { ...wholeNumber(1, 100), fallback: 50 },
  "alarms.unavailableCount": { ...wholeNumber(1, 1_000_000), fallback: 5 },
  "alarms.rejectedCount": { ...wholeNumber(1, 1_000_000), fallback: 5 },
  canary: { ...flag, fallback: false },
  "dashboard.cacheClusters": listOf(cacheName),
  "dashboard.serverlessCaches": listOf(cacheName),
  "dashboard.databases": listOf(
    text("the id of a database instance: letters, digits and hyphens", /^[A-Za-z][A-Za-z0-9-]{0,62}$/),
  ),
};

/** Those of the file but for `function` and `tags`, in which the names are the operator's. */
export const parameterNames: readonly string[] = Object.keys(rules);

type Rules = typeof rules;
type Name = keyof Rules;
type Group = Name extends infer N ? (N extends `${infer G}.${string}` ? G : never) : never;
type Allowed<R> = R extends Rule<infer T> ? T : never;
type ValueOf<R> = R extends { isRequired: true } | { fallback: unknown } ? Allowed<R> : Allowed<R> | null;

type Values = { readonly [N in Name as N extends `${string}.${string}` ? never : N]: ValueOf<Rules[N]> } & {
  readonly [G in Group]: {
    readonly [N in Name as N extends `${G}.${infer Inner}` ? Inner : never]: ValueOf<Rules[N]>;
  };
};

/** All parameters as the file has them; of those that are not set, the fallback. */
export type Parameters = Values & {
  /** The function's variables as texts. */
  readonly variables: Readonly<Record<string, string>>;
  /** What SESSION_STORE and SERVED_HOSTS say. */
  readonly store: Config["store"];
  readonly servedHosts: readonly string[];
  /** Those among the parameters, by their names. */
  readonly arns: Readonly<Record<string, string>>;
  /** Of the stack and of what it creates. */
  readonly tags: Readonly<Record<string, string>>;
};

type Map = Readonly<Record<string, unknown>>;

/** Returns the parameters in this content of a file, or every problem with it. */
export async function checkParameters(
  given: unknown,
): Promise<Parameters | { readonly problems: readonly string[] }> {
  if (!isMap(given)) return { problems: ["it must hold parameters: params/example.yml shows them"] };
  const { function: ofFunction, tags = {}, ...others } = given;
  const found = flatten(others);
  const texts = textsOf(ofFunction);
  const problems = [...problemsOfValues(found), ...problemsOfTags(tags), ...problemsOfVariables(ofFunction)];
  if (texts === undefined || problems.length > 0) return { problems };
  const config = await readConfig(withPlaceholders(texts));
  if ("problems" in config) return { problems: config.problems.map(nameInFile) };
  const clashes = [
    ...problemsOfExamples(found, config.store),
    ...problemsOfArns(found),
    ...problemsOfTogether(texts, config.store, found),
  ];
  if (clashes.length > 0) return { problems: clashes };
  return {
    ...valuesOf(found),
    variables: texts,
    store: config.store,
    servedHosts: [...config.servedHosts],
    arns: arnsOf(found),
    tags: textsOf(tags) ?? {},
  };
}

/** Source: "Tag naming limits and requirements", Tagging AWS Resources User Guide. */
function problemsOfTags(tags: unknown): string[] {
  const part = /^[\p{L}\p{Z}\p{N}_.:/=+@-]*$/u;
  const isRight =
    isMap(tags) &&
    Object.entries(tags).every(
      ([name, value]) =>
        name.length <= 128 &&
        part.test(name) &&
        !/^aws:/i.test(name) &&
        part.test(String(value)) &&
        !isMap(value),
    );
  return isRight ? [] : ["tags is wrong: it must be names, none of which begins with aws:, each with a text"];
}

function isMap(value: unknown): value is Map {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** {vpc: {id: "x"}} -> {"vpc.id": "x"} */
function flatten(map: Map): Map {
  const entries = Object.entries(map).flatMap(([name, value]) =>
    isMap(value) ? Object.entries(value).map(([inner, leaf]) => [`${name}.${inner}`, leaf]) : [[name, value]],
  );
  return Object.fromEntries(entries);
}

/** {"vpc.id": "x"} -> {vpc: {id: "x"}}, with the fallbacks of what is not there. The rules have been applied to `found`. */
function valuesOf(found: Map): Values {
  const nested: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const value = found[name] ?? ("fallback" in rule ? rule.fallback : null);
    const [group = "", inner] = name.split(".");
    if (inner === undefined) nested[group] = value;
    else nested[group] = { ...(nested[group] as Map | undefined), [inner]: value };
  }
  return nested as Values;
}

function problemsOfValues(found: Map): string[] {
  const unknown = Object.keys(found)
    .filter((name) => !Object.hasOwn(rules, name))
    .map((name) => `${name} is no parameter: there are ${Object.keys(rules).join(", ")}`);
  const others = Object.entries(rules).flatMap(([name, rule]) => {
    const { allowed, isAllowed } = rule;
    if (!Object.hasOwn(found, name)) {
      return "isRequired" in rule ? [`${name} is missing: it must be ${allowed}`] : [];
    }
    return isAllowed(found[name]) ? [] : [`${name} is wrong: it must be ${allowed}`];
  });
  return [...unknown, ...others];
}

/** Returns the function's variables as texts, or undefined if they are no map of texts and whole numbers. */
function textsOf(given: unknown): Readonly<Record<string, string>> | undefined {
  if (!isMap(given)) return undefined;
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
}

function problemsOfVariables(given: unknown): string[] {
  if (!isMap(given)) return ["function is missing: it holds the variables of docs/configuration.md"];
  const unknown = Object.keys(given)
    .filter((name) => !functionVariables.includes(name))
    .map((name) => `function.${name} is no variable: there are ${functionVariables.join(", ")}`);
  const wrong = Object.entries(given)
    .filter(([, value]) => typeof value !== "string" && !Number.isInteger(value))
    .map(([name]) => `function.${name} is wrong: it must be a text`);
  const secrets = secretVariables
    .filter((name) => Object.hasOwn(given, name))
    .map(
      (name) => `function.${name} is a secret: store it in SSM, and name it in function.${name}_PARAMETER`,
    );
  return [...unknown, ...wrong, ...secrets];
}

/** Returns the variables as the running function has them, with placeholders for the secrets. */
function withPlaceholders(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const used = Object.entries(placeholders).filter(([name]) => texts[`${name}_PARAMETER`] !== undefined);
  return { ...texts, ...Object.fromEntries(used) };
}

/** "SERVED_HOSTS is wrong: ..." -> "function.SERVED_HOSTS is wrong: ..."; of a secret the file has the parameter's name. */
function nameInFile(problem: string): string {
  const [name = ""] = /^[A-Z_]+/.exec(problem) ?? [];
  return `function.${name}${secretVariables.includes(name) ? "_PARAMETER" : ""}${problem.slice(name.length)}`;
}

/** What was copied from params/example.yml and forgotten: its ids are nobody's, and its host is reserved (RFC 2606). */
function problemsOfExamples(found: Map, store: Config["store"]): string[] {
  const names = Object.entries(found)
    .filter(([, value]) => [value].flat().some((one) => /^[a-z]+-0123456789abcdef[0-9]$/.test(String(one))))
    .map(([name]) => name);
  const hosts = "nodes" in store ? store.nodes.map(({ host }) => host) : "host" in store ? [store.host] : [];
  if (hosts.some((host) => /(?:^|\.)example\.(?:com|net|org)$/.test(host)))
    names.push("function.SESSION_STORE");
  return names.map((name) => `${name} is the example's: put in your own`);
}

/** An ARN's account is compared with that of the credentials when they are used (preflight.ts). */
function problemsOfArns(found: Map): string[] {
  const arns = Object.entries(arnsOf(found)).map(([name, arn]) => {
    const [, , , region, account] = arn.split(":");
    return { name, region, account };
  });
  const elsewhere = arns
    // IAM's have none.
    .filter(({ region }) => region !== "" && region !== found["region"])
    .map(({ name, region }) => `${name} is of region ${region}: it must be of the parameter region`);
  const [first] = arns;
  const others = arns
    .filter(({ account }) => account !== first?.account)
    .map(
      ({ name }) => `${name} is of another account than ${first?.name}: both must be of the one that deploys`,
    );
  return [...elsewhere, ...others];
}

function arnsOf(found: Map): Readonly<Record<string, string>> {
  const arns = Object.entries(found).flatMap(([name, value]) =>
    typeof value === "string" && value.startsWith("arn:") ? [[name, value] as const] : [],
  );
  return Object.fromEntries(arns);
}

/** Returns the directory at which Lambda mounts the file system, or undefined if the sessions are not below /mnt/NAME. */
export function mountPathOf(store: Config["store"]): string | undefined {
  if (store.kind !== "files") return undefined;
  return /^(\/mnt\/[A-Za-z0-9_.-]+)(?:\/|$)/.exec(store.directory)?.[1];
}

/** Returns the names of the SSM parameters that the function asks for. */
export function secretNames(texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts)
    .filter(([name]) => name.endsWith("_PARAMETER"))
    .map(([, value]) => value);
}

function problemsOfTogether(
  texts: Readonly<Record<string, string>>,
  store: Config["store"],
  found: Map,
): string[] {
  const isSet = (name: string) => Object.hasOwn(found, name);
  const problems: string[] = [];
  const need = (names: readonly string[], why: string) => {
    const lacking = names.filter((name) => !isSet(name));
    if (lacking.length > 0) problems.push(`${lacking.join(", ")}: missing, ${why}`);
  };
  const refuse = (names: readonly string[], why: string) => {
    const set = names.filter(isSet);
    if (set.length > 0) problems.push(`${set.join(", ")}: to be left out, ${why}`);
  };
  const namesOf = (start: string) => Object.keys(rules).filter((name) => name.startsWith(start));

  if (
    store.kind === "redis" &&
    store.password !== undefined &&
    texts["SESSION_STORE_PASSWORD_PARAMETER"] === undefined
  ) {
    problems.push("function.SESSION_STORE holds a password, which would stand in the template");
  }
  if (store.kind === "files") {
    if (mountPathOf(store) === undefined) {
      problems.push("function.SESSION_STORE is wrong: files must be below files:///mnt/NAME");
    } else {
      need(["vpc.id", "vpc.subnets", ...namesOf("files.")], "for files are read from EFS, in its VPC");
      refuse(namesOf("vpc.cache"), "for the sessions are in files");
    }
  } else if (store.kind === "sql") {
    need(["vpc.id", "vpc.subnets", "database.securityGroup"], "for a database is reached from its VPC only");
    refuse(namesOf("vpc.cache"), "for the sessions are in a database");
    refuse(namesOf("files."), "for they belong to a SESSION_STORE of files:///mnt/NAME");
    if (store.isIam) need(["database.resourceId"], "for auth=iam needs a right for this database alone");
    else refuse(["database.resourceId"], "for it belongs to auth=iam");
  } else if (store.kind === "custom") {
    refuse(
      [...namesOf("vpc.cache"), ...namesOf("files.")],
      "for the sessions are in a store of your own: custom.* says what it reaches",
    );
    if (isSet("vpc.id")) {
      need(["vpc.subnets"], "for the functions run in this VPC");
      const ways = ["custom.securityGroup", "custom.cidr"];
      if (ways.filter(isSet).length !== 1) {
        problems.push(
          `${ways.join(", ")}: set one, for the functions reach nothing else from within the VPC`,
        );
      }
    } else {
      refuse([...namesOf("vpc."), ...namesOf("custom.")], "for without vpc.id the functions are in no VPC");
    }
  } else if (store.kind === "dynamodb") {
    refuse([...namesOf("vpc."), ...namesOf("files.")], "for dynamodb:// is reached without a VPC");
  } else {
    need(["vpc.id", "vpc.subnets", "vpc.cacheSecurityGroup"], "for a cache is reached from its VPC only");
    refuse(namesOf("files."), "for they belong to a SESSION_STORE of files:///mnt/NAME");
  }

  if (store.kind !== "sql") refuse(namesOf("database."), "for the sessions are not in a SQL database");
  if (store.kind !== "custom")
    refuse(namesOf("custom."), "for they belong to a SESSION_STORE of custom://NAME");
  if (store.kind !== "dynamodb") refuse(["dynamodb.kmsKey"], "for the sessions are not in DynamoDB");
  if (!found["vpc.makeEndpoints"]) refuse(["vpc.endpointSubnets"], "for no endpoints are made");
  const secrets = secretNames(texts);
  const ways = ["vpc.makeEndpoints", "vpc.endpointSecurityGroup"];
  if ((store.kind === "elasticache" || secrets.length > 0) && isSet("vpc.id")) {
    if (ways.filter((name) => found[name]).length !== 1) {
      problems.push(`${ways.join(", ")}: set one, for the function asks AWS's API from within the VPC`);
    }
  } else {
    refuse(ways, "for the function asks AWS's API for nothing from within a VPC");
  }
  for (const name of secrets) {
    if (!/^[A-Za-z0-9_./-]{1,1011}$/.test(name)) {
      problems.push(`function: ${name} is no name of an SSM parameter`);
    }
  }
  if (secrets.length === 0) refuse(["secrets.kmsKey"], "for the function takes no secret from SSM");
  if (isSet("alarms.topic")) refuse(["alarms.email"], "for alarms.topic has subscriptions of its own");
  return problems;
}
