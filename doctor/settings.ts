// ejabberd.yml with the files that it includes -> what is set, for each host.
//
// Lists and maps of one name, in several files, are one; of other values ejabberd takes one only.
//
// Source: ejabberd's guide, "Include Additional Files", "Virtual Hosting"; processone/yconf, ejabberd src/econf.erl.

import { resolve } from "node:path";
import type { Place } from "./finding.ts";
import { type Entry, macrosOf, parseYml, putMacrosIn, textOf, textsOf, type Value, YmlFault } from "./yml.ts";

/** Each file once. */
export const maxFiles = 64;

export class Settings {
  readonly hosts: readonly { readonly name: string; readonly at: Place }[];
  readonly #everywhere: readonly Entry[];
  readonly #ofHost: ReadonlyMap<string, readonly Entry[]>;
  readonly #appended: ReadonlyMap<string, readonly Entry[]>;

  constructor(entries: readonly Entry[]) {
    this.#everywhere = entries;
    this.#ofHost = byHost(entries, "host_config");
    this.#appended = byHost(entries, "append_host_config");
    this.hosts = entries
      .filter(({ name }) => name === "hosts" || name === "host")
      .flatMap(({ value }) => textsOf(value))
      .map(({ text, at }) => ({ name: text.toLowerCase(), at }));
  }

  /** Gives what is set for this host: its own, or else what is set for all. */
  of(host: string, name: string): Entry | undefined {
    const isAsked = (entry: Entry) => entry.name === name;
    return (
      this.#ofHost.get(host)?.findLast(isAsked) ??
      this.#appended.get(host)?.findLast(isAsked) ??
      this.#everywhere.findLast(isAsked)
    );
  }

  /** Gives the items of all lists of this name at the top level. */
  items(name: string): readonly Value[] {
    return this.#everywhere
      .filter((entry) => entry.name === name)
      .flatMap(({ value }) => (value.kind === "list" ? value.items : []));
  }

  /** Gives the modules that are loaded for any host. */
  modules(): readonly Entry[] {
    const all = [this.#everywhere, ...this.#ofHost.values(), ...this.#appended.values()].flat();
    return all
      .filter(({ name }) => name === "modules")
      .flatMap(({ value }) => (value.kind === "map" ? value.entries : []));
  }
}

function byHost(entries: readonly Entry[], option: string): ReadonlyMap<string, readonly Entry[]> {
  const hosts = new Map<string, readonly Entry[]>();
  for (const { name, value } of entries) {
    if (name !== option || value.kind !== "map") continue;
    for (const host of value.entries) {
      const before = hosts.get(host.name.toLowerCase()) ?? [];
      const own = host.value.kind === "map" ? host.value.entries : [];
      hosts.set(host.name.toLowerCase(), [...before, ...own]);
    }
  }
  return hosts;
}

/**
 * Gives the settings of this file and of those that it includes; `directory`: ejabberd's own, which relative paths
 * begin at. Throws YmlFault.
 */
export function readSettings(file: string, directory: string, readText: (file: string) => string): Settings {
  const seen = new Set<string>();
  const entriesOf = (path: string, from: Place): readonly Entry[] => {
    if (seen.has(path)) return [];
    seen.add(path);
    if (seen.size > maxFiles) throw new YmlFault(from, `includes more than ${maxFiles} files`);
    let text: string;
    try {
      text = readText(path);
    } catch (error) {
      throw new YmlFault(from, `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
    return parseYml(path, text).flatMap((entry) =>
      entry.name === "include_config_file" ? included(entry.value) : [entry],
    );
  };
  /** A path, a list of paths, or a map from paths to { allow_only: [name] } or { disallow: [name] }. */
  const included = (value: Value): readonly Entry[] => {
    if (value.kind === "list") return value.items.flatMap(included);
    if (value.kind === "text") return entriesOf(resolve(directory, value.text), value.at);
    return value.entries.flatMap(({ name, at, value: limits }) => {
      const rules = limits.kind === "map" ? limits.entries : [];
      const namesOf = (rule: string) =>
        rules.filter((entry) => entry.name === rule).flatMap((entry) => textsOf(entry.value));
      const allowed = namesOf("allow_only").map(({ text }) => text);
      const disallowed = namesOf("disallow").map(({ text }) => text);
      const isTaken = (entry: Entry) =>
        allowed.length > 0 ? allowed.includes(entry.name) : !disallowed.includes(entry.name);
      return entriesOf(resolve(directory, name), at).filter(isTaken);
    });
  };
  const entries = entriesOf(resolve(file), { file, line: 1 });
  return new Settings(putMacrosIn(entries, macrosOf(entries)));
}

/** Gives the text that is set for a host, and where. */
export function settingOf(
  settings: Settings,
  host: string,
  name: string,
): { readonly text: string; readonly at: Place } | undefined {
  const value = settings.of(host, name)?.value;
  const text = textOf(value);
  return value === undefined || text === undefined ? undefined : { text, at: value.at };
}
