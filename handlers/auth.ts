// Lambda's entry point for POST /auth. What can be made once is made here, once a cold start.

import { createLoginHandler } from "./answer-login.ts";
import { readConfigWithSecrets, readStage } from "./config.ts";
import { createInspect } from "./inspect.ts";
import { createLog, writeToStdout } from "./log.ts";
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
