// Lambda's entry point for POST /auth. What can be made once is made here, once a cold start.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { Response } from "./answer-event.ts";
import { answerLogin } from "./answer-login.ts";
import { readConfig } from "./config.ts";
import { createInspect } from "./inspect.ts";
import { createLog } from "./log.ts";

const log = createLog((line) => console.log(line));
const inspect = await createInspect(readConfig(), log);

export async function handler(event: APIGatewayProxyEventV2): Promise<Response> {
  return answerLogin(event, inspect, log, () => performance.now());
}
