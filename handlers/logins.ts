// Lambda's entry point for POST /logins. What can be made once is made here, once a cold start.

import { createLoginsHandler } from "./answer-logins.ts";
import { createInspectLogins } from "./compose.ts";
import { readConfigWithSecrets, readStage } from "./configuration.ts";
import { createLog, writeToStdout } from "./function-log.ts";
import { readParameter } from "./parameter-store.ts";

const log = createLog(writeToStdout);

export const handler = createLoginsHandler(
  await createInspectLogins(await readConfigWithSecrets(readParameter), log),
  {
    log,
    stage: readStage(),
    nowMs: () => performance.now(),
    timeMs: () => Date.now(),
  },
);
