// The configuration of the inspect tool: the function's own, without what a question does not need. Who is still looking
// for the user's name in a session has no expressions yet, and bytes on stdin need no store.

import { type Config, environmentWith, readConfig } from "../handlers/configuration.ts";
import { readStoreUrl } from "../stores/store-url.ts";
import type { InspectOptions } from "./inspect-options.ts";

/** The values of variables that are not needed. */
const standIns = {
  SESSION_STORE: "files:///",
  AUTHENTICATED_EXPRESSION: "`false`",
  USER_EXPRESSION: "`null`",
  SERVED_HOSTS: "localhost",
};

/** Returns the configuration, or every problem with it. */
export async function readInspectConfig(
  options: InspectOptions,
): Promise<Config | { readonly problems: string[] }> {
  const environment = environmentWith({
    ...(options.serializeHandler === undefined
      ? {}
      : { SESSION_SERIALIZE_HANDLER: options.serializeHandler }),
    ...(options.preset === undefined ? {} : { SESSION_PRESET: options.preset }),
    // The verdict asked for is on the session's user, on whatever host.
    SERVED_HOSTS: standIns.SERVED_HOSTS,
    ISUSER_POLICY: undefined,
  });
  const { SESSION_SERIALIZE_HANDLER, SESSION_PRESET, SESSION_LAYERS, SESSION_STORE_PASSWORD } = environment;
  const { LARAVEL_APP_KEY, LARAVEL_PREVIOUS_KEYS } = environment;
  const { AUTHENTICATED_EXPRESSION, USER_EXPRESSION } = standIns;
  // What stands around a preset's sessions hangs on the store that their bytes come from.
  const { SESSION_STORE: told = "" } = environment;
  const SESSION_STORE = readStoreUrl(told) === undefined ? standIns.SESSION_STORE : told;
  const decoding = {
    ...standIns,
    ...{ SESSION_STORE, SESSION_STORE_PASSWORD },
    ...{ SESSION_SERIALIZE_HANDLER, SESSION_PRESET, SESSION_LAYERS, LARAVEL_APP_KEY, LARAVEL_PREVIOUS_KEYS },
    // For a preset whose prefix only the site knows: nothing is looked up.
    SESSION_KEY_PREFIX: "",
  };
  if (options.user === undefined) {
    if (options.isRaw) return readConfig(decoding);
    return readConfig({ ...environment, AUTHENTICATED_EXPRESSION, USER_EXPRESSION });
  }
  if (!options.isRaw) return readConfig(environment);
  const { AUTHENTICATED_EXPRESSION: authenticated, USER_EXPRESSION: user } = environment;
  return readConfig({
    ...decoding,
    AUTHENTICATED_EXPRESSION: authenticated,
    USER_EXPRESSION: user,
  });
}
