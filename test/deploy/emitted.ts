// The metrics that the built functions really write: their log lines, read as CloudWatch reads the embedded format.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { nodePath } from "../real/parts.ts";

/** A metric that CloudWatch keeps: its namespace, its name, and its dimensions' names and values. */
export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

export interface Call {
  /** The directory that the function's zip was unpacked to. */
  readonly directory: string;
  /** As Lambda has it, such as "dist/auth/handler.handler". */
  readonly handler: string;
  readonly event: APIGatewayProxyEventV2;
  readonly environment: Readonly<Record<string, string>>;
}

interface Answered {
  readonly response: { readonly statusCode: number; readonly body: string };
  readonly metrics: readonly Metric[];
}

/** Calls a function once, in a process of its own, under Lambda's version of Node. */
export function call({ directory, handler, event, environment }: Call): Answered {
  const [module = "", name = ""] = handler.split(/\.(?=[^.]+$)/);
  const program = `const module = await import(${JSON.stringify(pathToFileURL(`${join(directory, module)}.mjs`).href)});
    const response = await module[${JSON.stringify(name)}](${JSON.stringify(event)});
    process.stdout.write(JSON.stringify({ response }));
    process.exit();`;
  const { stdout, stderr } = spawnSync(nodePath("24"), ["--input-type=module", "-e", program], {
    cwd: directory,
    encoding: "utf8",
    env: environment,
  });
  assert.equal(stderr, "");
  const lines = stdout.split("\n");
  const { response } = JSON.parse(lines.at(-1) ?? "");
  return { response, metrics: lines.slice(0, -1).flatMap(metricsOf) };
}

/** Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide. */
function metricsOf(line: string): Metric[] {
  const fields = JSON.parse(line);
  return (fields._aws?.CloudWatchMetrics ?? []).flatMap(
    (directive: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string }[] }) =>
      directive.Dimensions.flatMap((names) =>
        directive.Metrics.map(({ Name }) => ({
          namespace: directive.Namespace,
          name: Name,
          dimensions: Object.fromEntries(names.map((dimension) => [dimension, fields[dimension]])),
        })),
      ),
  );
}
