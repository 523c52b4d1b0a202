// What AWS would say of a template before it makes anything: by AWS's own schemas of its resources, and by the rules of
// the template language on names.

import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import type { PropertyType, ResourceProperties } from "@aws-cdk/service-spec-types";

export interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly DependsOn?: string | readonly string[];
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>;
}

type Map = Readonly<Record<string, unknown>>;

const database = loadAwsServiceSpecSync();

/** Returns every problem, each with the place it has in the template. */
export function problemsOf(template: Template): string[] {
  const schemas = Object.entries(template.Resources).flatMap(([name, { Type, Properties = {} }]) => {
    const [schema] = database.lookup("resource", "cloudFormationType", "equals", Type);
    if (schema === undefined) return [`${name}: no type ${Type}`];
    return problemsOfObject(name, schema.properties, Properties);
  });
  return [...schemas, ...problemsOfNames(template), ...problemsOfOrder(template)];
}

function problemsOfObject(place: string, properties: ResourceProperties, value: Map): string[] {
  const missing = Object.entries(properties)
    .filter(([name, { required }]) => required === true && value[name] === undefined)
    .map(([name]) => `${place}: ${name} is missing`);
  const others = Object.entries(value).flatMap(([name, inner]) => {
    const property = properties[name];
    return property === undefined
      ? [`${place}: no property ${name}`]
      : problemsOfValue(`${place}.${name}`, property.type, inner);
  });
  return [...missing, ...others];
}

function problemsOfValue(place: string, type: PropertyType, value: unknown): string[] {
  // What it will be is known when it is deployed only.
  if (isIntrinsic(value)) return [];
  const unless = (isRight: boolean) => (isRight ? [] : [`${place}: not of type ${type.type}`]);
  switch (type.type) {
    case "string": {
      const isAllowed = typeof value === "string" && (type.allowedValues?.includes(value) ?? true);
      return isAllowed ? [] : [`${place}: not a text, or none of those allowed`];
    }
    case "integer":
      return unless(Number.isInteger(value) && (type.allowedValues?.includes(Number(value)) ?? true));
    case "number":
      return unless(typeof value === "number");
    case "boolean":
      return unless(typeof value === "boolean");
    case "json":
      return unless(isMap(value));
    case "tag":
      return unless(isMap(value) && typeof value["Key"] === "string" && typeof value["Value"] === "string");
    case "array":
      if (!Array.isArray(value)) return unless(false);
      return value.flatMap((item, i) => problemsOfValue(`${place}[${i}]`, type.element, item));
    case "map":
      if (!isMap(value)) return unless(false);
      return Object.entries(value).flatMap(([key, item]) =>
        problemsOfValue(`${place}.${key}`, type.element, item),
      );
    case "ref":
      if (!isMap(value)) return unless(false);
      return problemsOfObject(place, database.get("typeDefinition", type.reference.$ref).properties, value);
    case "union": {
      const found = type.types.map((one) => problemsOfValue(place, one, value));
      return found.some((problems) => problems.length === 0) ? [] : (found[0] ?? []);
    }
    default:
      return [`${place}: of type ${type.type}, which is not known here`];
  }
}

function isMap(value: unknown): value is Map {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isIntrinsic(value: unknown): boolean {
  if (!isMap(value)) return false;
  const [name, ...others] = Object.keys(value);
  return others.length === 0 && name !== undefined && (name === "Ref" || name.startsWith("Fn::"));
}

/** What a value of the template refers to: a resource's name, and the attribute of it that is asked for. */
function referencesOf(value: unknown): { readonly name: string; readonly attribute?: string }[] {
  if (Array.isArray(value)) return value.flatMap(referencesOf);
  if (!isMap(value)) return [];
  const { Ref, "Fn::GetAtt": got, "Fn::Sub": text } = value;
  if (typeof Ref === "string") return [{ name: Ref }];
  if (Array.isArray(got)) return [{ name: got[0], attribute: got[1] }];
  if (typeof text === "string") {
    return [...text.matchAll(/\$\{([^!}.]+)(?:\.([^}]+))?\}/g)].map(([, name = "", attribute]) =>
      attribute === undefined ? { name } : { name, attribute },
    );
  }
  return Object.values(value).flatMap(referencesOf);
}

function dependenciesOf({ Properties, DependsOn = [] }: Resource) {
  return [...referencesOf(Properties), ...[DependsOn].flat().map((name) => ({ name, attribute: undefined }))];
}

function problemsOfNames({ Resources, Outputs }: Template): string[] {
  const all = [
    ...Object.entries(Resources).map(([name, resource]) => ({ name, references: dependenciesOf(resource) })),
    ...Object.entries(Outputs).map(([name, { Value }]) => ({ name, references: referencesOf(Value) })),
  ];
  return all.flatMap(({ name, references }) =>
    references
      .filter((reference) => !reference.name.startsWith("AWS::"))
      .flatMap((reference) => {
        const target = Resources[reference.name];
        if (target === undefined) return [`${name}: refers to ${reference.name}, which is not there`];
        if (reference.attribute === undefined) return [];
        const [schema] = database.lookup("resource", "cloudFormationType", "equals", target.Type);
        const isThere = Object.hasOwn(schema?.attributes ?? {}, reference.attribute);
        return isThere ? [] : [`${name}: ${target.Type} has no ${reference.attribute}`];
      }),
  );
}

/** A resource is made after those it depends on: where that goes round in a circle nothing is made. */
function problemsOfOrder({ Resources }: Template): string[] {
  const made = new Set<string>();
  let waiting = Object.keys(Resources);
  for (;;) {
    const ready = waiting.filter((name) => {
      const resource = Resources[name];
      return (
        resource !== undefined &&
        dependenciesOf(resource).every(({ name: on }) => made.has(on) || !Resources[on])
      );
    });
    if (ready.length === 0) break;
    for (const name of ready) made.add(name);
    waiting = waiting.filter((name) => !made.has(name));
  }
  return waiting.length === 0 ? [] : [`${waiting.join(", ")}: depend on each other in a circle`];
}
