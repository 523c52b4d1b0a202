// Lambda's entry point for POST /logins. What can be made once is made here, once a cold start.

import { createLoginsHandler } from "./answer-logins.ts";
import { createInspectLogins } from "./compose.ts";
import { readConfigWithSecrets } from "./configuration.ts";
import { environment } from "./environment.ts";
import { readParameter } from "./parameter-store.ts";

const config = await readConfigWithSecrets(readParameter);

export const handler = createLoginsHandler(await createInspectLogins(config, environment.log), environment);
