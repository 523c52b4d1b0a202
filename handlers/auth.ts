// Lambda's entry point for POST /auth. What can be made once is made here, once a cold start.

import { createLoginHandler } from "./answer-login.ts";
import { createInspect, isUserPolicyOf } from "./compose.ts";
import { readConfigWithSecrets } from "./configuration.ts";
import { environment } from "./environment.ts";
import { readParameter } from "./parameter-store.ts";

const config = await readConfigWithSecrets(readParameter);

export const handler = createLoginHandler(
  await createInspect(config, environment.log),
  isUserPolicyOf(config),
  environment,
);
