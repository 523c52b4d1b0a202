// SESSION_STORE=custom://NAME: which store of the operator's own, and what it is made with.
//
//   custom  = "custom://" module [ "?" setting *( "&" setting ) ] ; custom/MODULE.ts
//   module  = 1 to 40 lower-case letters, digits and hyphens      ; begins with a letter
//   setting = name "=" value                                      ; percent-encoded; for that store alone
//
// This module is loaded where SESSION_STORE is such a URL.

import { decoded } from "./store-url.ts";

export interface CustomUrl {
  readonly kind: "custom";
  /** custom/NAME.ts. */
  readonly name: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Behind a function, so that nobody logs or prints it by mistake. */
  readonly password?: () => string;
}

export const customUrlForm =
  "custom://MODULE or custom://MODULE?NAME=VALUE&NAME=VALUE, MODULE being lower-case letters, digits and hyphens, and " +
  "each VALUE percent-encoded";

const customUrl = /^custom:\/\/([a-z][a-z0-9-]{0,39})(?:\?(.+))?$/;
const customSetting = /^([A-Za-z][A-Za-z0-9_]{0,39})=([!-%'-~]{0,1024})$/;
const maxSettings = 16;

/** Returns which of the operator's own stores it is, or undefined where the text is no such URL. */
export function readCustomUrl(text: string): CustomUrl | undefined {
  const [, name, query] = customUrl.exec(text) ?? [];
  const pairs = query === undefined ? [] : query.split("&").map((setting) => customSetting.exec(setting));
  if (name === undefined || pairs.length > maxSettings) return undefined;
  const settings = new Map<string, string>();
  for (const pair of pairs) {
    const [, setting = "", raw] = pair ?? [];
    const value = decoded(raw);
    if (pair === null || value === undefined || settings.has(setting)) return undefined;
    settings.set(setting, value);
  }
  return { kind: "custom", name, settings: Object.freeze(Object.fromEntries(settings)) };
}
