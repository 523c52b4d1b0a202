// Lambda's entry point for POST /auth. What can be made once is made here, once a cold start.

import { createLoginHandler } from "./answer-login.ts";
import { createInspect } from "./compose.ts";
import { readConfigWithSecrets, readStage } from "./configuration.ts";
import { createLog, writeToStdout } from "./function-log.ts";
import { readParameter } from "./parameter-store.ts";

const log = createLog(writeToStdout);

export const handler = createLoginHandler(
  await createInspect(await readConfigWithSecrets(readParameter), log),
  {
    log,
    stage: readStage(),
    nowMs: () => performance.now(),
    timeMs: () => Date.now(),
  },
);
