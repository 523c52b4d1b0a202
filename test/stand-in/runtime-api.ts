// A stand-in for Lambda's Runtime API, by which AWS's own loader of functions gets its events and gives its answers.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface RuntimeApi {
  /** As AWS_LAMBDA_RUNTIME_API has it. */
  readonly host: string;
  /** Hands the function this event, and returns its answer. Throws what the loader reports of an error. */
  invoke(event: unknown): Promise<unknown>;
  /** Returns what the loader reports of a function that could not be loaded. */
  readonly initError: Promise<{ readonly errorType: string; readonly errorMessage: string }>;
  stop(): Promise<void>;
}

interface Invocation {
  readonly event: unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

const start = "/2018-06-01/runtime";

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const waiting: Invocation[] = [];
  const given = new Map<string, Invocation>();
  let asker: ServerResponse | undefined;
  let failed: (error: { errorType: string; errorMessage: string }) => void;
  const initError = new Promise<{ errorType: string; errorMessage: string }>((resolve) => {
    failed = resolve;
  });

  const giveNext = () => {
    const invocation = asker === undefined ? undefined : waiting.shift();
    if (asker === undefined || invocation === undefined) return;
    const id = `request-${given.size + 1}`;
    given.set(id, invocation);
    asker.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": id,
      "lambda-runtime-deadline-ms": String(Date.now() + 6_000),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:inspectord",
    });
    asker.end(JSON.stringify(invocation.event));
    asker = undefined;
  };

  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const path = request.url ?? "";
      if (path === `${start}/invocation/next`) {
        asker = response;
        giveNext();
        return;
      }
      response.writeHead(202).end();
      if (path === `${start}/init/error`) failed(JSON.parse(body));
      const [, id = "", kind] = /\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
      if (kind === "response") given.get(id)?.resolve(JSON.parse(body));
      if (kind === "error") given.get(id)?.reject(new Error(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    invoke: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        giveNext();
      }),
    initError,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
