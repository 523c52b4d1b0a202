// Lambda's entry point for POST /sessions. What can be made once is made here, once a cold start.

import { createSessionsHandler } from "./answer-sessions.ts";
import { createInspectSessions } from "./compose.ts";
import { readConfigWithSecrets, readStage } from "./configuration.ts";
import { createLog, writeToStdout } from "./function-log.ts";
import { readParameter } from "./parameter-store.ts";

const log = createLog(writeToStdout);

export const handler = createSessionsHandler(
  await createInspectSessions(await readConfigWithSecrets(readParameter), log),
  {
    log,
    stage: readStage(),
    nowMs: () => performance.now(),
    timeMs: () => Date.now(),
  },
);
