// What serverless.yml takes from the environment of the one who deploys, where its own variables do not do:
// a list cannot be made of a variable's text there, and a variable that is not set cannot be left out.

const required = ["SESSION_STORE", "SERVED_HOSTS"];
/** A preset has these, too. */
const expressions = ["AUTHENTICATED_EXPRESSION", "USER_EXPRESSION"];
const optional = [
  ...[
    "SESSION_PRESET",
    "SESSION_PLACEMENT",
    "SESSION_REPLICAS",
    "SESSION_KEY_PREFIX",
    "SESSION_SERIALIZE_HANDLER",
  ],
  "LARAVEL_APP_KEY",
  "HOSTS_EXPRESSION",
  "USER_NAME_CASE",
  "ISUSER_POLICY",
];

/** The function's variables: those that are set. The function checks what they say (handlers/config.ts). */
function environment() {
  const needed = process.env.SESSION_PRESET === undefined ? [...required, ...expressions] : required;
  const missing = needed.filter((name) => process.env[name] === undefined);
  if (missing.length > 0)
    throw new Error(`Set ${missing.join(", ")}: the table in README.md says what each is.`);
  const set = [...required, ...expressions, ...optional].filter((name) => process.env[name] !== undefined);
  return Object.fromEntries(set.map((name) => [name, process.env[name]]));
}

/** Where the function runs. Outside a VPC it reaches no ElastiCache node. */
function vpc() {
  const list = (name) => (process.env[name] ?? "").split(",").filter((item) => item !== "");
  const subnetIds = list("VPC_SUBNET_IDS");
  const securityGroupIds = list("VPC_SECURITY_GROUP_IDS");
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0)) {
    throw new Error("VPC_SUBNET_IDS and VPC_SECURITY_GROUP_IDS are set together or not at all.");
  }
  return subnetIds.length === 0 ? null : { subnetIds, securityGroupIds };
}

module.exports = { environment, vpc };
