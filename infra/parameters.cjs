// The parameters of a deployment: what each may be, and which go together. params/example.yml says what they are for.
// Pure: settings.cjs reads the file.

/** Each takes a text, or a whole number that stands for one. The function checks what they say (handlers/configuration.ts). */
const functionVariables = [
  "SESSION_STORE",
  "SESSION_STORE_PASSWORD",
  "SESSION_STORE_PASSWORD_PARAMETER",
  "SERVED_HOSTS",
  "AUTHENTICATED_EXPRESSION",
  "USER_EXPRESSION",
  "SESSION_PRESET",
  "SESSION_PLACEMENT",
  "SESSION_REPLICAS",
  "SESSION_KEY_PREFIX",
  "SESSION_SERIALIZE_HANDLER",
  "LARAVEL_APP_KEY",
  "LARAVEL_APP_KEY_PARAMETER",
  "HOSTS_EXPRESSION",
  "USER_NAME_CASE",
  "ISUSER_POLICY",
];
const requiredVariables = ["SESSION_STORE", "SERVED_HOSTS"];
/** A preset has these, too. */
const expressions = ["AUTHENTICATED_EXPRESSION", "USER_EXPRESSION"];
/** None of these goes into a template: where it is deployed, NAME_PARAMETER says where the function finds it. */
const secretVariables = ["LARAVEL_APP_KEY", "SESSION_STORE_PASSWORD"];

const matching = (pattern) => (value) => typeof value === "string" && pattern.test(value);
const wholeNumber = (from, to) => ({
  allowed: `a whole number from ${from} to ${to}`,
  isAllowed: (value) => Number.isInteger(value) && value >= from && value <= to,
});
const oneOf = (values) => ({
  allowed: `one of ${values.join(", ")}`,
  isAllowed: (value) => values.includes(value),
});
const named = (prefix) => ({
  allowed: `${prefix}- and 8 or 17 digits and letters a to f`,
  isAllowed: matching(new RegExp(`^${prefix}-(?:[0-9a-f]{8}|[0-9a-f]{17})$`)),
});
const listOf = ({ allowed, isAllowed }) => ({
  allowed: `a list, each ${allowed}`,
  isAllowed: (value) => Array.isArray(value) && value.length > 0 && value.every(isAllowed),
});
const arn = (service, resource) => ({
  allowed: `the ARN arn:aws:${service}:REGION:ACCOUNT:${resource}...`,
  isAllowed: matching(new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:[0-9]{12}:${resource}[\\w:/.-]+$`)),
});
const flag = oneOf([true, false]);
const cacheName = {
  allowed: "the name of a cache: letters, digits and hyphens",
  isAllowed: matching(/^[A-Za-z][A-Za-z0-9-]{0,49}$/),
};

/** CloudWatch Logs takes these and no other. */
const retentionDays = [
  ...[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288],
  3653,
];

const rules = {
  region: {
    allowed: "a region of AWS, such as eu-central-1",
    isAllowed: matching(/^[a-z]{2}(?:-[a-z]+){1,3}-[1-9]$/),
    isRequired: true,
  },
  "vpc.id": named("vpc"),
  "vpc.subnets": listOf(named("subnet")),
  "vpc.cacheSecurityGroup": named("sg"),
  "vpc.cachePort": wholeNumber(1, 65535),
  "vpc.makeEndpoints": flag,
  "vpc.endpointSecurityGroup": named("sg"),
  "files.fileSystem": named("fs"),
  "files.accessPoint": arn("elasticfilesystem", "access-point/"),
  "files.securityGroup": named("sg"),
  "secrets.kmsKey": arn("kms", "key/"),
  "throttle.loginsPerSecond": { ...wholeNumber(1, 10_000), unless: 1000 },
  "throttle.loginBurst": { ...wholeNumber(1, 10_000), unless: 2000 },
  "throttle.sessionChecksPerSecond": { ...wholeNumber(1, 10_000), unless: 50 },
  "throttle.sessionCheckBurst": { ...wholeNumber(1, 10_000), unless: 100 },
  "reservedConcurrency.logins": wholeNumber(1, 10_000),
  "reservedConcurrency.sessionChecks": wholeNumber(1, 10_000),
  "logs.retentionDays": { ...oneOf(retentionDays), unless: 30 },
  "logs.kmsKey": arn("kms", "key/"),
  tracing: { ...flag, unless: false },
  "alarms.topic": arn("sns", ""),
  "alarms.email": { allowed: "an address of e-mail", isAllowed: matching(/^[^\s@]+@[^\s@]+$/) },
  "alarms.latencyMs": { ...wholeNumber(1, 29_000), unless: 1000 },
  "alarms.refusedPercent": { ...wholeNumber(1, 100), unless: 50 },
  "alarms.unavailableCount": { ...wholeNumber(1, 1_000_000), unless: 5 },
  "dashboard.cacheClusters": listOf(cacheName),
  "dashboard.serverlessCaches": listOf(cacheName),
};

/**
 * Gives all parameters as the file has them, null for one that is not set, and the function's variables as texts below
 * `variables`; or every problem with them.
 */
function checkParameters(given) {
  if (!isMap(given)) return { problems: ["there are no parameters: params/example.yml shows them"] };
  const { function: variables, ...others } = given;
  const found = flatten(others);
  const problems = [...problemsOfValues(found), ...problemsOfVariables(variables)];
  if (problems.length > 0) return { problems };
  const texts = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
  const clashes = problemsOfTogether(texts, found);
  if (clashes.length > 0) return { problems: clashes };
  const unset = Object.entries(rules).map(([name, { unless = null }]) => [name, unless]);
  return { ...nest({ ...Object.fromEntries(unset), ...found }), variables: texts };
}

function isMap(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** {vpc: {id: "x"}} -> {"vpc.id": "x"} */
function flatten(map) {
  const entries = Object.entries(map).flatMap(([name, value]) =>
    isMap(value) ? Object.entries(value).map(([inner, leaf]) => [`${name}.${inner}`, leaf]) : [[name, value]],
  );
  return Object.fromEntries(entries);
}

/** {"vpc.id": "x"} -> {vpc: {id: "x"}} */
function nest(flat) {
  const nested = {};
  for (const [name, value] of Object.entries(flat)) {
    const [group, inner] = name.split(".");
    if (inner === undefined) nested[group] = value;
    else nested[group] = { ...nested[group], [inner]: value };
  }
  return nested;
}

function problemsOfValues(found) {
  const unknown = Object.keys(found)
    .filter((name) => !Object.hasOwn(rules, name))
    .map((name) => `${name} is no parameter: there are ${Object.keys(rules).join(", ")}`);
  const others = Object.entries(rules).flatMap(([name, { allowed, isAllowed, isRequired }]) => {
    if (!Object.hasOwn(found, name)) return isRequired ? [`${name} is missing: it must be ${allowed}`] : [];
    return isAllowed(found[name]) ? [] : [`${name} is wrong: it must be ${allowed}`];
  });
  return [...unknown, ...others];
}

function problemsOfVariables(variables) {
  if (!isMap(variables)) return ["function is missing: it holds the variables of docs/configuration.md"];
  const unknown = Object.keys(variables)
    .filter((name) => !functionVariables.includes(name))
    .map((name) => `function.${name} is no variable: there are ${functionVariables.join(", ")}`);
  const wrong = Object.entries(variables)
    .filter(([, value]) => typeof value !== "string" && !Number.isInteger(value))
    .map(([name]) => `function.${name} is wrong: it must be a text`);
  const secrets = secretVariables
    .filter((name) => Object.hasOwn(variables, name))
    .map(
      (name) => `function.${name} is a secret: store it in SSM, and name it in function.${name}_PARAMETER`,
    );
  const missing = missingVariables(variables).map((name) => `function.${name} is missing`);
  return [...unknown, ...wrong, ...secrets, ...missing];
}

/** Gives the variables that are not set and that a function cannot be without. */
function missingVariables(variables) {
  const needed =
    variables.SESSION_PRESET === undefined ? [...requiredVariables, ...expressions] : requiredVariables;
  return needed.filter((name) => variables[name] === undefined);
}

/** What a store's URL says about where the store is. */
function placeOf(store) {
  const [, scheme = ""] = /^([a-z]+):\/\//.exec(store) ?? [];
  return {
    scheme,
    isCache: ["memcached", "memcacheds", "elasticache", "redis", "rediss"].includes(scheme),
    clusterId: /^elasticache:\/\/([A-Za-z][A-Za-z0-9-]*)/.exec(store)?.[1],
    table: /^dynamodb:\/\/([A-Za-z0-9_.-]+)/.exec(store)?.[1],
    mountPath: /^files:\/\/(\/mnt\/[A-Za-z0-9_.-]+)(?:[/?]|$)/.exec(store)?.[1],
    defaultPort: scheme.startsWith("redis") ? 6379 : 11211,
  };
}

/** Gives the names of the SSM parameters that the function asks for. */
function secretNames(variables) {
  return Object.entries(variables)
    .filter(([name]) => name.endsWith("_PARAMETER"))
    .map(([, value]) => value);
}

function problemsOfTogether(variables, found) {
  const { scheme, isCache, clusterId, table, mountPath } = placeOf(variables.SESSION_STORE);
  const isSet = (name) => Object.hasOwn(found, name);
  const problems = [];
  const need = (names, why) => {
    const lacking = names.filter((name) => !isSet(name));
    if (lacking.length > 0) problems.push(`${lacking.join(", ")}: missing, ${why}`);
  };
  const refuse = (names, why) => {
    const set = names.filter(isSet);
    if (set.length > 0) problems.push(`${set.join(", ")}: to be left out, ${why}`);
  };
  const namesOf = (start) => Object.keys(rules).filter((name) => name.startsWith(start));

  if (/^[a-z]+:\/\/[^/@]*:[^/@]*@/.test(variables.SESSION_STORE)) {
    problems.push("function.SESSION_STORE holds a password, which would stand in the template");
  }
  if (isCache) {
    need(["vpc.id", "vpc.subnets", "vpc.cacheSecurityGroup"], "for a cache is reached from its VPC only");
    refuse(namesOf("files."), "for they belong to a SESSION_STORE of files:///mnt/NAME");
  } else if (mountPath !== undefined) {
    need(["vpc.id", "vpc.subnets", ...namesOf("files.")], "for files are read from EFS, in its VPC");
    refuse(namesOf("vpc.cache"), "for the sessions are in files");
  } else if (table !== undefined) {
    refuse([...namesOf("vpc."), ...namesOf("files.")], "for dynamodb:// is reached without a VPC");
  } else {
    const why = scheme === "files" ? "files must be below files:///mnt/NAME" : "no such store is known";
    problems.push(`function.SESSION_STORE is wrong: ${why}`);
  }
  const port = found["vpc.cachePort"];
  const namesNodes = isCache && clusterId === undefined;
  if (namesNodes && port !== undefined && !variables.SESSION_STORE.includes(`:${port}`)) {
    problems.push(`vpc.cachePort is wrong: function.SESSION_STORE names no port ${port}`);
  }

  const secrets = secretNames(variables);
  const ways = ["vpc.makeEndpoints", "vpc.endpointSecurityGroup"];
  if ((clusterId !== undefined || secrets.length > 0) && isSet("vpc.id")) {
    if (ways.filter((name) => found[name]).length !== 1) {
      problems.push(`${ways.join(", ")}: set one, for the function asks AWS's API from within the VPC`);
    }
  } else {
    refuse(ways, "for the function asks AWS's API for nothing from within a VPC");
  }
  for (const name of secrets) {
    if (!/^[A-Za-z0-9_./-]{1,1011}$/.test(name))
      problems.push(`function: ${name} is no name of an SSM parameter`);
  }
  if (secrets.length === 0) refuse(["secrets.kmsKey"], "for the function takes no secret from SSM");
  if (isSet("alarms.topic")) refuse(["alarms.email"], "for alarms.topic has subscriptions of its own");
  return problems;
}

module.exports = { checkParameters, functionVariables, missingVariables, placeOf, secretNames };
