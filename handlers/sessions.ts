// Lambda's entry point for POST /sessions. What can be made once is made here, once a cold start.

import { createSessionsHandler } from "./answer-sessions.ts";
import { readConfigWithSecrets, readStage } from "./config.ts";
import { createInspectSessions } from "./inspect.ts";
import { createLog, writeToStdout } from "./log.ts";
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
