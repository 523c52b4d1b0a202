// What every entry point has of Lambda: its log, its stage and its clocks.

import type { Environment } from "./answer-event.ts";
import { readStage } from "./configuration.ts";
import { createLog, writeToStdout } from "./function-log.ts";

export const environment: Environment = {
  log: createLog(writeToStdout),
  stage: readStage(),
  nowMs: () => performance.now(),
  timeMs: () => Date.now(),
};
