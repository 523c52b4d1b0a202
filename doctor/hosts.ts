// The hosts of ejabberd.yml, and who authenticates their users.

import type { Place } from "./finding.ts";
import type { Settings } from "./settings.ts";
import { textsOf } from "./yml.ts";

export interface Method {
  readonly name: string;
  readonly at: Place;
}

export interface Host {
  readonly name: string;
  readonly at: Place;
  /** In the order in which ejabberd asks them; as it is set, or its own default. */
  readonly methods: readonly Method[];
}

/** The methods that end at the relay. */
const ours = ["inspectord", "extguard", "external"];
/** Those of ours that ask a pool of programs. */
export const pooled: readonly string[] = ["extguard", "external"];
/** Older names that ejabberd still takes. */
const aliases: Readonly<Record<string, string>> = { internal: "mnesia", odbc: "sql" };

export function hostsOf(settings: Settings): readonly Host[] {
  return settings.hosts.map(({ name, at }) => {
    const set = settings.of(name, "auth_method");
    const methods = textsOf(set?.value).map((method) => ({
      name: aliases[method.text] ?? method.text,
      at: method.at,
    }));
    return { name, at, methods: set === undefined ? [{ name: "mnesia", at }] : methods };
  });
}

/** Whether logins to this host are InspectorD's. */
export function isOurs({ methods }: Host): boolean {
  return methods.some(({ name }) => ours.includes(name));
}

/** Whether a pool of external programs is asked. */
export function isPooled({ methods }: Host): boolean {
  return methods.some(({ name }) => pooled.includes(name));
}

export function hasMethod({ methods }: Host, asked: string): boolean {
  return methods.some(({ name }) => name === asked);
}

/** Returns the methods that answer logins beside ours. */
export function otherMethods({ methods }: Host): readonly Method[] {
  return methods.filter(({ name }) => !ours.includes(name));
}
