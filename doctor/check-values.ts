// Values that ejabberd refuses, so that it does not start. Pure: settings -> findings.

import { isIP } from "node:net";
import type { Edit, Finding } from "./finding.ts";
import type { Settings } from "./settings.ts";
import { formOf } from "./yaml/scalar.ts";
import { booleanOf, type Entry, integerOf, textOf, type Value } from "./yml.ts";

interface Rule {
  readonly wants: string;
  readonly isValid: (value: Value) => boolean;
  /** Returns what was probably meant, or undefined. */
  readonly repair: (text: string) => string | undefined;
}

const boolean: Rule = {
  wants: "true or false, in lower case",
  isValid: (value) => booleanOf(value) !== undefined,
  repair: (text) =>
    ["true", "false", "yes", "no", "on", "off"].includes(text.toLowerCase()) ? text.toLowerCase() : undefined,
};

const count: Rule = {
  wants: "a whole number above 0, without quotes",
  isValid: (value) => (integerOf(value) ?? 0) > 0,
  repair: numberIn,
};

const infinite = ["infinity", "infinite", "unlimited"];
const size: Rule = {
  wants: "a whole number above 0, without quotes, or infinity",
  isValid: (value) => (integerOf(value) ?? 0) > 0 || infinite.includes(textOf(value) ?? ""),
  repair: numberIn,
};

const port: Rule = {
  wants: "a port without quotes, or unix:PATH",
  isValid: (value) => {
    const number = integerOf(value);
    return number === undefined ? /^unix:/.test(textOf(value) ?? "") : number >= 0 && number <= 65_535;
  },
  repair: numberIn,
};

const address: Rule = {
  wants: "an IP address",
  // inet:parse_address/1 takes shorter forms, too.
  isValid: (value) => isIP(textOf(value) ?? "") !== 0 || /^\d+(\.\d+){0,3}$/.test(textOf(value) ?? ""),
  repair: () => undefined,
};

const anonymous: Rule = {
  wants: "sasl_anon, login_anon or both",
  isValid: (value) => ["sasl_anon", "login_anon", "both"].includes(textOf(value) ?? ""),
  repair: () => undefined,
};

/** Returns the number that quotes or hexadecimal digits hide. */
function numberIn(text: string): string | undefined {
  return /^(0x[0-9a-f]+|\d+)$/i.test(text) && Number(text) > 0 ? String(Number(text)) : undefined;
}

const options: Readonly<Record<string, Rule>> = {
  auth_use_cache: boolean,
  use_cache: boolean,
  allow_multiple_connections: boolean,
  extauth_pool_size: count,
  anonymous_protocol: anonymous,
};

const listenerOptions: Readonly<Record<string, Rule>> = {
  port,
  ip: address,
  tls: boolean,
  starttls: boolean,
  starttls_required: boolean,
  allow_unencrypted_sasl2: boolean,
  max_stanza_size: size,
};

export function checkValues(settings: Settings): readonly Finding[] {
  const own = settings.ownEntries.flatMap(([, entries]) => entries);
  const listeners = settings.items("listen").flatMap((item) => (item.kind === "map" ? item.entries : []));
  return [
    ...[...settings.everywhere, ...own].flatMap((entry) => checkEntry(entry, options[entry.name])),
    ...listeners.flatMap((entry) => checkEntry(entry, listenerOptions[entry.name])),
  ];
}

function checkEntry({ name, at, value }: Entry, rule: Rule | undefined): readonly Finding[] {
  if (rule === undefined || rule.isValid(value)) return [];
  const meant = rule.repair(textOf(value) ?? "");
  const isMeant =
    meant !== undefined && rule.isValid({ kind: "text", at, text: meant, form: formOf(meant, "plain") });
  const repaired = isMeant ? meant : undefined;
  const says = `${name} is not ${rule.wants}: ejabberd does not start`;
  const edit: Edit | undefined =
    repaired === undefined ? undefined : { kind: "replace", at, lines: [`${name}: ${repaired}`] };
  return [
    {
      level: "fail",
      check: "yml",
      at,
      says,
      ...(edit === undefined ? { change: `write ${rule.wants}` } : { edit }),
    },
  ];
}
