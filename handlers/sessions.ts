// Lambda's entry point for POST /sessions. What can be made once is made here, once a cold start.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { Response } from "./answer-event.ts";
import { answerSessions } from "./answer-sessions.ts";
import { readConfig } from "./config.ts";
import { createInspectSessions } from "./inspect.ts";
import { createLog } from "./log.ts";

const log = createLog((line) => console.log(line));
const inspectSessions = await createInspectSessions(readConfig(), log);

export async function handler(event: APIGatewayProxyEventV2): Promise<Response> {
  return answerSessions(event, inspectSessions, log, () => performance.now());
}
