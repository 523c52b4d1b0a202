// What serverless.yml takes from the parameters of its stage: from params/STAGE.yml, as params/example.yml shows it.
// `npm start` has the stage "local", where the function's variables are those of the environment.

const { dashboard } = require("./dashboard.cjs");
const { network } = require("./network.cjs");
const { checkParameters, functionVariables, missingVariables, placeOf } = require("./parameters.cjs");
const { roles } = require("./roles.cjs");

/** Gives the settings of this stage. Throws an error that names each parameter that is not as it must be. */
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable("sls:stage");
  if (stage === "local") return localSettings(process.env);
  if (!/^[a-z][a-z0-9-]{0,15}$/.test(stage)) {
    fail("--stage is wrong: it must be 1 to 16 lower-case letters, digits and hyphens, a letter first");
  }
  const file = `params/${stage}.yml`;
  const given = await resolveVariable(`file(${file}), null`);
  if (given === null)
    fail(`${file} is missing: copy params/example.yml, and say there where your sessions are`);
  const parameters = checkParameters(given);
  if ("problems" in parameters) fail(`${file}:\n  ${parameters.problems.join("\n  ")}`);
  return deployedSettings(stage, parameters);
};

function deployedSettings(stage, parameters) {
  const { vpc, environment, resources } = network(stage, parameters);
  const { variables, files, alarms } = parameters;
  const { mountPath } = placeOf(variables.SESSION_STORE);
  return {
    ...parameters,
    environment: { ...variables, ...environment, STAGE: stage },
    vpc,
    fileSystem: mountPath === undefined ? null : { arn: files.accessPoint, localMountPath: mountPath },
    alarmTopic: alarms.topic ?? { Ref: "AlarmTopic" },
    resources: {
      ...resources,
      ...roles(stage, parameters),
      ...dashboard(stage, parameters),
      ...(alarms.topic === null ? alarmTopic(stage, alarms.email) : {}),
    },
  };
}

/** The topic that alarms go to where the operator has none. */
function alarmTopic(stage, email) {
  const Subscription = email === null ? [] : [{ Protocol: "email", Endpoint: email }];
  return {
    AlarmTopic: {
      Type: "AWS::SNS::Topic",
      Properties: { DisplayName: `InspectorD ${stage}`, Subscription },
    },
  };
}

/** Of these serverless-offline takes the environment. All else is there because serverless.yml asks for it. */
function localSettings(environment) {
  const missing = missingVariables(environment);
  if (missing.length > 0) fail(`Set ${missing.join(", ")}: docs/configuration.md says what each is.`);
  const anywhere = { SESSION_STORE: "dynamodb://none", SERVED_HOSTS: "none", SESSION_PRESET: "plain" };
  const set = functionVariables.filter((name) => environment[name] !== undefined);
  return {
    ...deployedSettings("local", checkParameters({ region: "eu-central-1", function: anywhere })),
    environment: { ...Object.fromEntries(set.map((name) => [name, environment[name]])), STAGE: "local" },
  };
}

/** The message alone is shown: where in this file it was thrown helps nobody. */
function fail(message) {
  throw Object.assign(new Error(message), { stack: message });
}
