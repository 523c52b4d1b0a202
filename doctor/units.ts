// What systemd's unit files say of a service: its user, and the directories that it does not see.

import { readdirSync, readFileSync } from "node:fs";

/** In systemd's order: the first that has a unit replaces those in the others (systemd.unit(5)). */
const unitDirectories = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** Returns the text of this service's unit and its drop-ins; undefined if there is no such unit. */
export function readUnit(
  service: string,
  directories: readonly string[] = unitDirectories,
): string | undefined {
  const unit = directories
    .map((directory) => textOf(`${directory}/${service}`))
    .find((text) => text !== undefined);
  if (unit === undefined) return undefined;
  const dropIns = new Map<string, string>();
  for (const directory of directories) {
    for (const name of namesIn(`${directory}/${service}.d`)) {
      if (!name.endsWith(".conf") || dropIns.has(name)) continue;
      dropIns.set(name, textOf(`${directory}/${service}.d/${name}`) ?? "");
    }
  }
  return [unit, ...[...dropIns.keys()].sort().map((name) => dropIns.get(name))].join("\n");
}

/** Returns the user that a unit names: a name or a number. systemd's own default is root. */
export function userOf(unit: string): string {
  return lastSetting(unit, "User") ?? "root";
}

/** Returns the directories that a unit hides from what it runs (systemd.exec(5): ProtectHome, PrivateTmp). */
export function hiddenDirectories(unit: string): readonly string[] {
  const isOn = (value: string) => ["yes", "true", "on", "1"].includes(value);
  const home = lastSetting(unit, "ProtectHome")?.toLowerCase() ?? "no";
  const temporary = lastSetting(unit, "PrivateTmp")?.toLowerCase() ?? "no";
  return [
    ...(isOn(home) || home === "tmpfs" ? ["/home", "/root", "/run/user"] : []),
    ...(isOn(temporary) || temporary === "disconnected" ? ["/tmp", "/var/tmp"] : []),
  ];
}

/** Returns the last value that is set; an empty one resets it. */
function lastSetting(unit: string, name: string): string | undefined {
  const values = [...unit.matchAll(new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*(\\S*)`, "gm"))];
  return values.at(-1)?.[1] || undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
