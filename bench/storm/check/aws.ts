// A stand-in for API Gateway and Lambda, which cannot be had here: the model's own token buckets and environments on a
// real clock, in front of the real function. What it says of AWS is therefore not checked by it.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endWithParent, stopProcess } from "../../../infra/local/process.ts";
import { loginEvent } from "../../../test/infra/login-event.ts";
import { nodePath } from "../../../test/real/parts.ts";
import { say, startStandIn } from "../../../test/stand-in/api-gateway.ts";
import { Lambda } from "../lambda.ts";
import type { Scenario } from "../scenario.ts";
import { count } from "../series.ts";
import { TokenBucket } from "../token-bucket.ts";

export interface Aws {
  readonly url: string;
  /** Resets to the limits of this scenario: its buckets are full, and only its own environments are warm. */
  begin(scenario: Scenario): void;
  /** What came since then. */
  seen(): { readonly requests: number; readonly mostASecond: number; readonly environments: number };
  /** From the event to the function's response, in milliseconds, for each so far. */
  readonly functionMs: number[];
  stop(): Promise<void>;
}

interface Response {
  readonly statusCode: number;
  readonly body: string;
}

const handler = fileURLToPath(new URL("../../../dist/auth/handler.mjs", import.meta.url));

/** Starts it, over HTTPS with this certificate, and the function with these variables. */
export async function startAws(
  tls: { readonly cert: Buffer; readonly key: Buffer },
  variables: Readonly<Record<string, string>>,
): Promise<Aws> {
  const lambdaFunction = await startFunction(variables);
  const functionMs: number[] = [];
  let limits: { account: TokenBucket; route: TokenBucket; lambda: Lambda } | undefined;
  let sinceMs = 0;
  let perSecond = new Float64Array(0);
  let requests = 0;

  const run = async (body: string): Promise<Response> => {
    const startedMs = performance.now();
    const response = await lambdaFunction.ask({ ...loginEvent("", ""), body, isBase64Encoded: false });
    functionMs.push(performance.now() - startedMs);
    return response;
  };
  const standIn = await startStandIn(
    async (body, response, request) => {
      const answer = ({ statusCode, body: text }: Response) => say(statusCode, text)(body, response, request);
      const nowMs = performance.now() - sinceMs;
      if (limits === undefined) return answer(await run(body));
      requests++;
      count(perSecond, nowMs);
      if (!limits.account.take(nowMs) || !limits.route.take(nowMs)) {
        return answer({ statusCode: 429, body: '{"message":"Too Many Requests"}' });
      }
      const coldMs = limits.lambda.begin(nowMs);
      if (coldMs === undefined) {
        return answer({ statusCode: 503, body: '{"message":"Service Unavailable"}' });
      }
      if (coldMs > 0) await new Promise((resolve) => setTimeout(resolve, coldMs));
      const ran = await run(body);
      limits.lambda.end();
      answer(ran);
    },
    { tls },
  );
  return {
    url: standIn.url,
    functionMs,
    begin: ({ gateway, lambda, horizonMs }) => {
      sinceMs = performance.now();
      perSecond = new Float64Array(Math.ceil(horizonMs / 1000) + 60);
      requests = 0;
      limits = {
        account: new TokenBucket(gateway.account),
        route: new TokenBucket(gateway.route),
        lambda: new Lambda(lambda),
      };
    },
    seen: () => ({
      requests,
      mostASecond: Math.max(...perSecond),
      environments: limits?.lambda.environments ?? 0,
    }),
    stop: async () => {
      await standIn.stop();
      await stopProcess(lambdaFunction.process);
    },
  };
}

async function startFunction(variables: Readonly<Record<string, string>>): Promise<{
  readonly process: ChildProcess;
  ask(event: object): Promise<Response>;
}> {
  const program = fileURLToPath(new URL("function.mjs", import.meta.url));
  const child = fork(program, [handler], {
    execPath: nodePath("24"),
    execArgv: [],
    env: variables,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  endWithParent(child);
  const waiting = new Map<number, (response: Response) => void>();
  let asked = 0;
  await new Promise<void>((resolve) => {
    child.on("message", (message: "ready" | { readonly id: number; readonly response: Response }) => {
      if (message === "ready") return resolve();
      waiting.get(message.id)?.(message.response);
      waiting.delete(message.id);
    });
  });
  return {
    process: child,
    ask: (event) =>
      new Promise((resolve) => {
        waiting.set(++asked, resolve);
        child.send({ id: asked, event });
      }),
  };
}
