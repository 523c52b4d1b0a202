// The function's configuration as one table: the name of each variable, what is allowed there, how its text is parsed,
// and what holds where it is not set. The function, the deployment, `npm start` and `npm run inspect` read by it; the
// guides and params/example.yml are held to it.

import { type PlacementMode, placementModes } from "../inspector/placement-modes.ts";
import { type PresetName, presetNames } from "../inspector/preset-names.ts";
import {
  laravelKeyForm,
  laravelKeysForm,
  readLaravelKey,
  readLaravelKeys,
} from "../inspector/session/layers/laravel-key.ts";
import { layerNames, maxLayers, readLayers } from "../inspector/session/layers/layer-names.ts";
import { maxSidLength, minSidLength, type SidBits } from "../inspector/session-id.ts";
import { readTicketKeys, ticketKeysForm } from "../inspector/ticket-keys.ts";
import { keyTemplateForm, readKeyTemplate } from "../stores/session-key.ts";
import { readStoreUrl, storeUrlForms } from "../stores/store-url.ts";
import { configuredHandlers } from "./decoder.ts";

export interface Variable<T> {
  readonly name: string;
  /** Completes the sentence "NAME is wrong: it must be". */
  readonly allowed: string;
  /** Returns undefined for text that is not allowed. */
  readonly parse: (text: string) => T | undefined;
  /** The text that holds where the variable is not set. */
  readonly fallback?: string;
  /** Where it is deployed, NAME_PARAMETER names the parameter of SSM that holds it. */
  readonly isSecret?: true;
}

/** memcached's keys have at most 250 bytes, and a session id has 22 at least. */
const maxPrefixBytes = 228;

const phpHandlers = configuredHandlers.filter((name) => name !== "json" && name !== "laravel");

export const variables = {
  store: {
    name: "SESSION_STORE",
    allowed: storeUrlForms,
    parse: readStoreUrl,
  },
  /** Behind a function, so that nobody logs or prints it by mistake. */
  storePassword: {
    name: "SESSION_STORE_PASSWORD",
    allowed: "the password of Redis or of the SQL user, beside a SESSION_STORE that has no other",
    parse: (text: string) => (text === "" ? undefined : () => text),
    isSecret: true,
  },
  servedHosts: {
    name: "SERVED_HOSTS",
    allowed: "the XMPP hosts of this site's users, lower case, separated by commas",
    parse: (text: string) => {
      const hosts = text.split(",").map((host) => host.trim());
      return hosts.every(isHost) ? hosts : undefined;
    },
  },
  authenticated: {
    name: "AUTHENTICATED_EXPRESSION",
    allowed: "a JMESPath expression that is true for a user who is logged in",
    parse: unlessBlank,
  },
  user: {
    name: "USER_EXPRESSION",
    allowed: "a JMESPath expression for the site's user name",
    parse: unlessBlank,
  },
  hosts: {
    name: "HOSTS_EXPRESSION",
    allowed: "a JMESPath expression for the hosts that the user may log in to",
    parse: unlessBlank,
  },
  preset: {
    name: "SESSION_PRESET",
    ...oneOf<PresetName>(presetNames),
  },
  placement: {
    name: "SESSION_PLACEMENT",
    ...oneOf<PlacementMode>(placementModes),
    fallback: "ketama",
  },
  replicas: {
    name: "SESSION_REPLICAS",
    allowed: "the number of further copies of a session, 0 to 9",
    parse: (text: string) => (/^[0-9]$/.test(text) ? Number(text) : undefined),
    fallback: "0",
  },
  keyPrefix: {
    name: "SESSION_KEY_PREFIX",
    allowed: `printable ASCII without spaces and slashes, at most ${maxPrefixBytes} characters; or set SESSION_KEY in its place`,
    parse: (text: string) => (/^[!-.0-~]*$/.test(text) && text.length <= maxPrefixBytes ? text : undefined),
  },
  key: {
    name: "SESSION_KEY",
    allowed: keyTemplateForm,
    parse: readKeyTemplate,
  },
  keySecret: {
    name: "SESSION_KEY_SECRET",
    allowed: "the secret of hmac-sha256 or hmac-sha3-256 in SESSION_KEY, not empty",
    parse: (text: string) => (text === "" ? undefined : () => text),
    isSecret: true,
  },
  field: {
    name: "SESSION_FIELD",
    allowed: "the field of a Redis hash that holds the session: printable ASCII, at most 250 characters",
    parse: (text: string) => (/^[ -~]{1,250}$/.test(text) ? text : undefined),
  },
  serializeHandler: {
    name: "SESSION_SERIALIZE_HANDLER",
    ...oneOf(configuredHandlers),
    allowed: `PHP's session.serialize_handler (${phpHandlers.join(", ")}), json, or laravel`,
    fallback: "php",
  },
  layers: {
    name: "SESSION_LAYERS",
    allowed: `what stands around a session's bytes, outermost first, at most ${maxLayers} of ${layerNames.join(", ")}; or none`,
    parse: readLayers,
    fallback: "none",
  },
  sidLength: {
    name: "SESSION_SID_LENGTH",
    allowed: `PHP's session.sid_length, ${minSidLength} to ${maxSidLength}`,
    parse: (text: string) => {
      const length = /^[0-9]{2,3}$/.test(text) ? Number(text) : 0;
      return length >= minSidLength && length <= maxSidLength ? length : undefined;
    },
  },
  sidBits: {
    name: "SESSION_SID_BITS_PER_CHARACTER",
    allowed: "PHP's session.sid_bits_per_character: 4, 5 or 6",
    parse: (text: string) => (/^[456]$/.test(text) ? (Number(text) as SidBits) : undefined),
  },
  laravelKey: {
    name: "LARAVEL_APP_KEY",
    allowed: laravelKeyForm,
    parse: readLaravelKey,
    isSecret: true,
  },
  laravelPreviousKeys: {
    name: "LARAVEL_PREVIOUS_KEYS",
    allowed: laravelKeysForm,
    parse: readLaravelKeys,
    isSecret: true,
  },
  tickets: {
    name: "TICKETS",
    ...oneOf(["off", "accepted", "required"] as const),
    fallback: "off",
  },
  ticketKeys: {
    name: "TICKET_KEYS",
    allowed: ticketKeysForm,
    parse: readTicketKeys,
    isSecret: true,
  },
  ticketMaxSeconds: {
    name: "TICKET_MAX_SECONDS",
    allowed: "how far ahead a ticket may end, 10 to 600 seconds",
    parse: (text: string) => {
      const seconds = /^[0-9]{2,3}$/.test(text) ? Number(text) : 0;
      return seconds >= 10 && seconds <= 600 ? seconds : undefined;
    },
    fallback: "300",
  },
  nameCase: {
    name: "USER_NAME_CASE",
    ...oneOf(["insensitive", "sensitive"] as const),
    allowed: "insensitive, if names that differ in case only are one account on the site, or sensitive",
    fallback: "insensitive",
  },
  isUserPolicy: {
    name: "ISUSER_POLICY",
    ...oneOf(["all", "none"] as const),
    allowed: "all or none",
    fallback: "all",
  },
  stage: {
    name: "STAGE",
    allowed: "letters, digits, hyphens and underscores, at most 64",
    parse: (text: string) => (/^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : undefined),
    fallback: "local",
  },
} as const satisfies Readonly<Record<string, Variable<unknown>>>;

/** The variables that hold a secret. */
export const secretVariables: readonly string[] = Object.values(variables)
  .filter((variable: Variable<unknown>) => variable.isSecret === true)
  .map(({ name }) => name);

function oneOf<T extends string>(values: readonly T[]): Pick<Variable<T>, "allowed" | "parse"> {
  return {
    allowed: `one of ${values.join(", ")}`,
    parse: (text) => values.find((value) => value === text),
  };
}

function unlessBlank(text: string): string | undefined {
  return text.trim() === "" ? undefined : text;
}

/** Whether ejabberd can pass this as a host: not empty, in lower case, no blanks and no address of a user. */
function isHost(host: string): boolean {
  return host !== "" && host === host.toLowerCase() && !/[\s@/:]/u.test(host);
}
