// Lambda's entry point for POST /sessions. What can be made once is made here, once a cold start.

import { createSessionsHandler } from "./answer-sessions.ts";
import { createInspectSessions } from "./compose.ts";
import { readConfigWithSecrets } from "./configuration.ts";
import { environment } from "./environment.ts";
import { readParameter } from "./parameter-store.ts";

const config = await readConfigWithSecrets(readParameter);

export const handler = createSessionsHandler(
  await createInspectSessions(config, environment.log),
  environment,
);
