// ejabberd.yml with the files that it includes -> what is set, for each host.
//
// Source: ejabberd's guide, "Include Additional Files", "Virtual Hosting"; ejabberd, src/ejabberd_config.erl and
// src/econf.erl; processone/yconf, src/yconf.erl.

import { dirname, resolve } from "node:path";
import type { Environment } from "../relay/config.ts";
import type { Place } from "./finding.ts";
import { keywordsOf, type MacroFeatures, macrosOf, putKeywordsIn, putMacrosIn } from "./macros.ts";
import { type Entry, parseYml, textOf, textsOf, type Value, YmlError } from "./yml.ts";

export const maxFiles = 64;

export class Settings {
  readonly hosts: readonly { readonly name: string; readonly at: Place }[];
  /** The entries at the top level, those of one name put together. */
  readonly everywhere: readonly Entry[];
  readonly #ofHost: ReadonlyMap<string, readonly Entry[]>;
  readonly #appended: ReadonlyMap<string, readonly Entry[]>;

  constructor(entries: readonly Entry[]) {
    this.everywhere = grouped(entries);
    this.#ofHost = byHost(this.everywhere, "host_config");
    this.#appended = byHost(this.everywhere, "append_host_config");
    this.hosts = textsOf(this.#global("hosts")?.value).map(({ text, at }) => ({
      name: text.toLowerCase(),
      at,
    }));
  }

  /** Returns what is set for this host: its own or else what is set for all, and what is appended to it. */
  of(host: string, name: string): Entry | undefined {
    const isAsked = (entry: Entry) => entry.name === name;
    const base = this.#ofHost.get(host)?.findLast(isAsked) ?? this.#global(name);
    const appended = this.#appended.get(host)?.findLast(isAsked);
    if (base === undefined || appended === undefined) return appended ?? base;
    return { ...appended, value: joined(asList(base.value), asList(appended.value)) };
  }

  /** Returns the items of this list at the top level. */
  items(name: string): readonly Value[] {
    const value = this.#global(name)?.value;
    return value?.kind === "list" ? value.items : [];
  }

  /** Returns the modules of this host. */
  modulesOf(host: string): readonly Entry[] {
    const value = this.of(host, "modules")?.value;
    return value?.kind === "map" ? value.entries : [];
  }

  /** Returns what hosts have of their own, by the host's name. */
  get ownEntries(): readonly (readonly [string, readonly Entry[]])[] {
    return [...this.#ofHost, ...this.#appended];
  }

  #global(name: string): Entry | undefined {
    return this.everywhere.find((entry) => entry.name === name);
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
 * Returns the entries with lists and maps of one name put together.
 *
 * @throws YmlError for another option that is set twice: ejabberd then does not start.
 */
function grouped(entries: readonly Entry[]): readonly Entry[] {
  const groups = new Map<string, Entry>();
  for (const entry of entries) {
    const before = groups.get(entry.name);
    if (before === undefined) {
      groups.set(entry.name, entry);
      continue;
    }
    if (entry.value.kind === "text" || before.value.kind === "text") {
      const { file, line } = before.at;
      throw new YmlError(
        entry.at,
        `${entry.name} is set twice, first in ${file}:${line}: ejabberd does not start`,
      );
    }
    groups.set(entry.name, { ...before, value: joined(before.value, entry.value) });
  }
  return [...groups.values()];
}

function asList(value: Value): Value {
  return value.kind === "text" ? { kind: "list", at: value.at, items: [value] } : value;
}

/** An empty map is an empty list to ejabberd, and the reverse. */
function joined(one: Value, other: Value): Value {
  if (one.kind === "list" && other.kind === "list") return { ...one, items: [...one.items, ...other.items] };
  if (one.kind === "map" && other.kind === "map")
    return { ...one, entries: [...one.entries, ...other.entries] };
  const isEmpty =
    one.kind === "list" ? one.items.length === 0 : one.kind === "map" && one.entries.length === 0;
  return isEmpty ? other : one;
}

export interface ReadOptions {
  /** ejabberd's own directory, at which relative paths begin. */
  readonly directory: string;
  /** ejabberd's environment. */
  readonly environment: Environment;
  readonly features: MacroFeatures;
  /** Files that ejabberd reads beside its own: those of its contributed modules. */
  readonly beside: readonly string[];
  /** Throws an error with a code. */
  readonly readBytes: (file: string) => Uint8Array;
}

/**
 * Returns the settings of this file and of those that it includes.
 *
 * @throws YmlError for files that ejabberd would not read.
 */
export function readSettings(file: string, options: ReadOptions): Settings {
  const main = resolve(file);
  let count = 0;
  const read = (path: string, from: Place): readonly Entry[] => {
    const found = readWithIncluded(path, from, options, () => ++count);
    return putMacrosIn(found, macrosOf(found, options.environment, options.features), options.features);
  };
  const place = { file: main, line: 1 };
  const entries = [read(main, place), ...options.beside.map((path) => read(path, place))].flat();
  if (!options.features.hasKeywords) return new Settings(entries);
  const known = (text: string): Value => ({ kind: "text", at: place, text, form: "binary" });
  const keywords = new Map([
    ...keywordsOf(entries),
    ["HOME", known(options.environment["HOME"] ?? "")],
    ["CONFIG_PATH", known(dirname(main))],
  ] as const);
  return new Settings(putKeywordsIn(entries, keywords));
}

function readWithIncluded(
  main: string,
  place: Place,
  { directory, readBytes }: ReadOptions,
  countFile: () => number,
): readonly Entry[] {
  const entriesOf = (path: string, from: Place, above: readonly string[]): readonly Entry[] => {
    if (above.includes(path)) throw new YmlError(from, `${path} includes itself: ejabberd does not start`);
    if (countFile() > maxFiles) throw new YmlError(from, `includes more than ${maxFiles} files`);
    let bytes: Uint8Array;
    try {
      bytes = readBytes(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new YmlError(from, `${path} cannot be read (${code})`, { cause: error });
    }
    return parseYml(path, bytes).flatMap((entry) =>
      entry.name === "include_config_file" ? included(entry.value, [...above, path]) : [entry],
    );
  };
  /** A path, a list of paths, or a map from paths to { allow_only: [name] } or { disallow: [name] }. */
  const included = (value: Value, above: readonly string[]): readonly Entry[] => {
    if (value.kind === "list") return value.items.flatMap((item) => included(item, above));
    if (value.kind === "text") return entriesOf(resolve(directory, value.text), value.at, above);
    return value.entries.flatMap(({ name, at, value: limits }) => {
      const rules = limits.kind === "map" ? limits.entries : [];
      const namesOf = (rule: string) =>
        rules.filter((entry) => entry.name === rule).flatMap((entry) => textsOf(entry.value));
      const allowed = namesOf("allow_only").map(({ text }) => text);
      const disallowed = namesOf("disallow").map(({ text }) => text);
      const isTaken = (entry: Entry) =>
        allowed.length > 0 ? allowed.includes(entry.name) : !disallowed.includes(entry.name);
      return entriesOf(resolve(directory, name), at, above).filter(isTaken);
    });
  };
  return entriesOf(main, place, []);
}

/** Returns the text that is set for a host, and where. */
export function settingOf(
  settings: Settings,
  host: string,
  name: string,
): { readonly text: string; readonly at: Place } | undefined {
  const value = settings.of(host, name)?.value;
  const text = textOf(value);
  return value === undefined || text === undefined ? undefined : { text, at: value.at };
}
