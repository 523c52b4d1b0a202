// What serverless.yml takes from the parameters of its stage: from params/STAGE.yml, as params/example.yml shows it. The build
// emits this file as dist/infra/settings.cjs. `npm start` has the stage "local", whose variables are those of the environment.

import { existsSync, readFileSync } from "node:fs";
import { readConfig } from "../handlers/configuration.ts";
import { alarms as alarmsOf } from "./alarms.ts";
import { canary } from "./canary.ts";
import { capacityOf, planOf } from "./capacity.ts";
import type { Resources, Value } from "./cloudformation.ts";
import { dashboard } from "./dashboard.ts";
import { network } from "./network.ts";
import { checkParameters, functionVariables, mountPathOf, type Parameters } from "./parameters.ts";
import { roles } from "./roles.ts";

/** What osls hands to a file that it takes settings from. */
export interface Serverless {
  /** Returns the value of one of its variables, such as "sls:stage". */
  readonly resolveVariable: (variable: string) => Promise<unknown>;
}

export interface Settings
  extends Pick<Parameters, "region" | "reservedConcurrency" | "logs" | "tracing" | "arns" | "tags"> {
  readonly throttle: Readonly<Record<Exclude<keyof Parameters["throttle"], symbol>, number>>;
  /** The format of API Gateway's access log. */
  readonly accessLog: string;
  /** What the operator should know before the deployment, a line each. */
  readonly plan: readonly string[];
  /** The functions' variables. */
  readonly environment: Readonly<Record<string, Value>>;
  readonly vpc: ReturnType<typeof network>["vpc"];
  readonly fileSystem: { readonly arn: string | null; readonly localMountPath: string } | null;
  readonly alarmTopic: Value;
  readonly resources: Resources;
}

/**
 * Returns the settings of the stage.
 *
 * @throws an error that names each parameter that is missing or wrong, and what it must be.
 */
export default async function settings(
  { resolveVariable }: Serverless,
  readFile: (path: string) => string | undefined = readIfThere,
): Promise<Settings> {
  const stage = await resolveVariable("sls:stage");
  if (stage === "local") return localSettings(process.env);
  if (typeof stage !== "string" || !/^[a-z][a-z0-9-]{0,15}$/.test(stage)) {
    return fail(
      "--stage is wrong: it must be 1 to 16 lower-case letters, digits and hyphens, a letter first",
    );
  }
  const file = `params/${stage}.yml`;
  const advice = "copy params/example.yml to it, and put in where your sessions are";
  const text = readFile(file);
  if (text === undefined) return fail(`${file} is missing: ${advice}`);
  // osls takes no file that holds nothing but comments.
  if (text.split("\n").every((line) => /^\s*(?:#|---|$)/.test(line)))
    return fail(`${file} is empty: ${advice}`);
  const given = await resolveVariable(`file(${file}), null`);
  const parameters = await checkParameters(given);
  if ("problems" in parameters) return fail(`${file}:\n  ${parameters.problems.join("\n  ")}`);
  const { store } = parameters;
  if (store.kind === "custom" && readFile(`custom/${store.name}.ts`) === undefined) {
    return fail(`${file}:\n  function.SESSION_STORE is wrong: custom/${store.name}.ts is not there`);
  }
  return deployedSettings(stage, parameters);
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function deployedSettings(stage: string, parameters: Parameters): Settings {
  const { vpc, environment, resources } = network(stage, parameters);
  const { variables, store, servedHosts, files } = parameters;
  const { region, reservedConcurrency, logs, tracing, alarms, arns, tags } = parameters;
  const { loginsPerSecond, loginBurst } = capacityOf(parameters);
  const mountPath = mountPathOf(store);
  const topic = alarms.topic ?? { Ref: "AlarmTopic" };
  return {
    ...{ region, reservedConcurrency, logs, tracing, arns, tags },
    environment: { ...variables, ...environment, STAGE: stage },
    vpc,
    fileSystem: mountPath === undefined ? null : { arn: files.accessPoint, localMountPath: mountPath },
    throttle: { ...parameters.throttle, loginsPerSecond, loginBurst },
    plan: planOf(parameters),
    accessLog: JSON.stringify({ stage, ...(logs.allRequests ? everyField : fewFields) }),
    alarmTopic: topic,
    resources: {
      ...resources,
      ...roles(stage, parameters),
      ...dashboard(stage, parameters),
      ...alarmsOf(stage, parameters, topic),
      ...(parameters.canary ? canary(stage, servedHosts[0] ?? "") : {}),
      ...(alarms.topic === null ? alarmTopic(stage, alarms.email) : {}),
    },
  };
}

/** Of a success this is short: the error is "-". The metric filters of http-api.yml read status and functionStatus. */
const fewFields = {
  status: "$context.status",
  error: "$context.error.responseType",
  sourceIp: "$context.identity.sourceIp",
  functionStatus: "$context.integration.status",
};
const everyField = {
  ...fewFields,
  requestId: "$context.requestId",
  time: "$context.requestTime",
  route: "$context.routeKey",
  caller: "$context.identity.userArn",
  latencyMs: "$context.responseLatency",
  functionLatencyMs: "$context.integrationLatency",
};

/** The topic that alarms go to if the operator names none. */
function alarmTopic(stage: string, email: string | null): Resources {
  const Subscription = email === null ? [] : [{ Protocol: "email", Endpoint: email }];
  return {
    AlarmTopic: {
      Type: "AWS::SNS::Topic",
      Properties: { DisplayName: `InspectorD ${stage}`, Subscription },
    },
  };
}

/** serverless-offline takes the environment from these. All else is there because serverless.yml asks for it. */
async function localSettings(environment: NodeJS.ProcessEnv): Promise<Settings> {
  const config = await readConfig(environment);
  if ("problems" in config)
    fail(`${config.problems.join("\n")}\ndocs/configuration.md says what each variable is.`);
  const anywhere = { SESSION_STORE: "dynamodb://none", SERVED_HOSTS: "none", SESSION_PRESET: "plain" };
  const parameters = await checkParameters({ region: "eu-central-1", function: anywhere });
  if ("problems" in parameters) return fail(parameters.problems.join("\n"));
  const set = functionVariables.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...deployedSettings("local", parameters),
    environment: { ...Object.fromEntries(set), STAGE: "local" },
  };
}

/** The message alone is shown: where in this file it was thrown helps nobody. */
function fail(message: string): never {
  throw Object.assign(new Error(message), { stack: message });
}
