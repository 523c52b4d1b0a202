// Where this host has ejabberd's Erlang code, and what its own start script would give it.

import { readdirSync } from "node:fs";
import type { Environment } from "../relay/config.ts";
import { readFileBytes } from "./read-file.ts";
import type { Running } from "./running.ts";

export interface Installation {
  /** Programs to try in turn: Erlang's own launcher. */
  readonly erl: readonly string[];
  /** ERL_LIBS: directories of Erlang applications. */
  readonly libraries: string;
  /** Directories put in front of all others by -pa, or behind them by -pz. */
  readonly paths: readonly { readonly flag: "-pa" | "-pz"; readonly directory: string }[];
  /** As its folder has it, `23.01` for one. */
  readonly version: string | undefined;
  /** Variables that the start script sets and ejabberd.yml depends on. */
  readonly environment: Environment;
}

const maxScriptBytes = 262_144;
/** In the order of a shell's PATH. */
const scripts = ["/usr/local/sbin/ejabberdctl", "/usr/sbin/ejabberdctl", "/usr/local/bin/ejabberdctl"];
const configurations = ["/etc/ejabberd/ejabberdctl.cfg", "/usr/local/etc/ejabberd/ejabberdctl.cfg"];

/** Returns what the process that runs was started with. */
export function installationOf({ environment, args }: Running): Installation {
  const libraries = environment["ERL_LIBS"] ?? "";
  const root = environment["ROOTDIR"];
  return {
    erl: [...(root === undefined ? [] : [`${root}/bin/erl`]), "erl"],
    libraries,
    paths: pathsIn(args),
    version: versionIn(libraries),
    environment: {},
  };
}

/** Returns what ejabberdctl would start, or undefined if this host has none. Reads files and runs nothing. */
export function findInstallation(
  scriptPaths: readonly string[] = scripts,
  settingsPaths: readonly string[] = configurations,
): Installation | undefined {
  const script = firstText(scriptPaths);
  const settings = { ...assignmentsIn(script ?? ""), ...assignmentsIn(firstText(settingsPaths) ?? "") };
  const libraries = settings["ERL_LIBS"] ?? debianLibraries();
  if (libraries === undefined) return undefined;
  const passed = Object.entries(settings).filter(([name]) =>
    /^(CONTRIB_MODULES_|EJABBERD_MACRO_)/.test(name),
  );
  return {
    erl: [...(settings["ERL"] === undefined ? [] : [settings["ERL"]]), "erl"],
    libraries,
    paths: pathsIn((settings["ERL_OPTIONS"] ?? "").split(/\s+/)),
    version: versionIn(libraries),
    environment: Object.fromEntries(passed),
  };
}

/** Returns the files of contributed modules that ejabberd reads beside its own, in its order. */
export function filesOfModules(environment: Environment): readonly string[] {
  const home = environment["CONTRIB_MODULES_PATH"] ?? `${environment["HOME"] ?? ""}/.ejabberd-modules`;
  const directory = environment["CONTRIB_MODULES_CONF_DIR"] ?? `${home}/conf`;
  return namesIn(directory)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => `${directory}/${name}`);
}

function pathsIn(args: readonly string[]): Installation["paths"] {
  return args.flatMap((arg, i) => {
    if (arg !== "-pa" && arg !== "-pz") return [];
    const directories = [];
    // One flag takes all that follow, up to the next flag.
    for (const directory of args.slice(i + 1)) {
      if (directory.startsWith("-") || directory.startsWith("+")) break;
      directories.push({ flag: arg, directory } as const);
    }
    return directories;
  });
}

/** Returns the variables that a shell script sets to plain texts, at whatever place. */
function assignmentsIn(script: string): Record<string, string> {
  const found: Record<string, string> = {};
  const assignment = /^[ \t]*(?:export[ \t]+)?([A-Z][A-Z0-9_]*)=("[^"\n]*"|'[^'\n]*'|[^\s"'#;]*)/gm;
  for (const [, name = "", quoted = ""] of script.matchAll(assignment)) {
    const text = quoted.replace(/^(["'])(.*)\1$/, "$2");
    if (!/[$`]/.test(text)) found[name] = text;
  }
  return found;
}

/** Debian's package has no need of ERL_LIBS in its file of settings. */
function debianLibraries(): string | undefined {
  return namesIn("/usr/lib")
    .map((name) => `/usr/lib/${name}`)
    .find((path) => namesIn(path).some((name) => name.startsWith("ejabberd-")));
}

function versionIn(libraries: string): string | undefined {
  const names = libraries.split(":").filter(Boolean).flatMap(namesIn);
  return names.map((name) => /^ejabberd-(\d+\.\d+)/.exec(name)?.[1]).find((version) => version !== undefined);
}

function firstText(paths: readonly string[]): string | undefined {
  for (const path of paths) {
    try {
      return readFileBytes(path, maxScriptBytes).bytes.toString();
    } catch {
      // Not there, or not for this user.
    }
  }
  return undefined;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
