// Modules and handlers that let somebody in without the session, or get in the way. Pure: settings -> findings.

import type { Finding } from "./finding.ts";
import type { Host } from "./hosts.ts";
import type { Settings } from "./settings.ts";
import { waysIn } from "./ways-in.ts";

const harmful: Readonly<Record<string, string>> = {
  mod_auth_fast: "mod_auth_fast hands out tokens that live 30 days: a logout on the site does not end them",
  mod_scram_upgrade:
    "mod_scram_upgrade has no password to upgrade, and fails at each SASL2 stream of ejabberd 26.07",
};

export function checkModules(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  const check = "modules";
  const modules = hosts.flatMap(({ name }) => settings.modulesOf(name));
  const found = modules.flatMap(({ name, at }): Finding[] => {
    const says = harmful[name];
    if (says !== undefined) return [{ level: "fail", check, at, says, edit: { kind: "remove", at } }];
    if (name !== "mod_fail2ban") return [];
    const harm =
      "mod_fail2ban counts every refusal: an outage of the API, or a proxy's one address, bans users for an hour";
    const change = "take it out, or set its access and c2s_max_auth_failures";
    return [{ level: "warn", check, at, says: harm, change }];
  });
  const tokens = waysIn(settings).flatMap(({ kind, address, handler, at }): Finding[] => {
    if (kind !== "oauth") return [];
    const says = `OAuth on ${address} hands out tokens that a logout on the site does not end, and ejabberd can log passwords there`;
    const place = handler?.at ?? at;
    return [{ level: "fail", check, at: place, says, edit: { kind: "remove", at: place } }];
  });
  const all = [...found, ...tokens];
  return all.length > 0 ? all : [{ level: "ok", check, says: "none lets anybody in without the session" }];
}
