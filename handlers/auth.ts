// Lambda's entry point for POST /auth. What can be made once is made here, once a cold start.

import { createLoginHandler } from "./answer-login.ts";
import { createInspect, isUserPolicyOf } from "./compose.ts";
import { readConfigWithSecrets, readStage } from "./configuration.ts";
import { createLog, writeToStdout } from "./function-log.ts";
import { readParameter } from "./parameter-store.ts";

const log = createLog(writeToStdout);

const config = await readConfigWithSecrets(readParameter);

export const handler = createLoginHandler(await createInspect(config, log), isUserPolicyOf(config), {
  log,
  stage: readStage(),
  nowMs: () => performance.now(),
  timeMs: () => Date.now(),
});
