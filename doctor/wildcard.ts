// Paths with wildcards -> the files that there are, as Erlang's filelib:wildcard/1 has it: `*`, `?`, `[a-z]`, `{a,b}`, `**`.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** More are not looked at. */
export const maxMatches = 1_000;
const maxDepth = 16;

/** Returns the existing paths that an absolute pattern means, in order. A pattern without a wildcard means itself. */
export function expandWildcard(pattern: string): readonly string[] {
  const [alternatives, rest] = [alternativesOf(pattern), [] as string[]];
  for (const one of alternatives) rest.push(...expand("/", one.split("/").filter(Boolean), 0));
  return [...new Set(rest)].sort().slice(0, maxMatches);
}

export function hasWildcard(pattern: string): boolean {
  return /[*?[{]/.test(pattern);
}

function alternativesOf(pattern: string): readonly string[] {
  const match = /^(.*?)\{([^{}]*)\}(.*)$/.exec(pattern);
  if (match === null) return [pattern];
  const [, before = "", inner = "", after = ""] = match;
  return inner
    .split(",")
    .flatMap((one) => alternativesOf(before + one + after))
    .slice(0, maxMatches);
}

function expand(directory: string, segments: readonly string[], depth: number): readonly string[] {
  const [segment, ...more] = segments;
  if (segment === undefined || depth > maxDepth) return [directory];
  if (segment === "**") {
    const below = namesIn(directory)
      .map((name) => join(directory, name))
      .filter(isDirectory)
      .flatMap((path) => expand(path, segments, depth + 1));
    return [...expand(directory, more, depth + 1), ...below].slice(0, maxMatches);
  }
  const names = hasWildcard(segment) ? namesIn(directory).filter(matcherOf(segment)) : [segment];
  return names
    .map((name) => join(directory, name))
    .filter((path) => (more.length === 0 ? isThere(path) : isDirectory(path)))
    .flatMap((path) => expand(path, more, depth + 1))
    .slice(0, maxMatches);
}

function matcherOf(segment: string): (name: string) => boolean {
  const source = segment.replace(/\[(?:[^\]]+)\]|[*?]|[^*?[]+|\[/g, (part) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    if (part.length > 2 && part.startsWith("[")) return `[${part.slice(1, -1).replace(/[\\^\]]/g, "\\$&")}]`;
    return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  const expression = new RegExp(`^${source}$`, "s");
  // Erlang's wildcards match no name that begins with a dot, unless the pattern does.
  return (name) => (segment.startsWith(".") || !name.startsWith(".")) && expression.test(name);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function isThere(path: string): boolean {
  return statOf(path) !== undefined;
}

function isDirectory(path: string): boolean {
  return statOf(path)?.isDirectory() === true;
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
