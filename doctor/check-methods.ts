// Who authenticates the users of each host, by which mechanism, and what is remembered. Pure: settings -> findings.

import type { IsUserPolicy } from "../protocol/login-answer.ts";
import type { EjabberdAnswers } from "./ask-ejabberd.ts";
import { distinct, type Edit, type Finding, type Place } from "./finding.ts";
import { type Host, hasMethod, isOurs, otherMethods, pooled } from "./hosts.ts";
import { type Settings, settingOf } from "./settings.ts";
import { booleanOf, textsOf } from "./yml.ts";

/** What a host without InspectorD is told to write. */
export interface Recommended {
  readonly method: "inspectord" | "extguard";
  /** The socket of the relay that runs here, or the usual one. */
  readonly socket: string;
  /** The file to write it into. */
  readonly file: string;
}

/** Returns the method to recommend: one whose module this ejabberd can load, or the one to build. */
export function recommendedMethod(answers: EjabberdAnswers | undefined): Recommended["method"] {
  const isMissing = (name: string) => answers?.unloadable.has(name) === true;
  return isMissing("inspectord") && !isMissing("extguard") ? "extguard" : "inspectord";
}

/** A pool of extauth that outlives restarts of the relay. */
const poolProgram = (socket: string) =>
  `extauth_program: "sh -c 'sleep 2; exec socat - UNIX-CONNECT:${socket},retry=280,interval=0.1'"`;

/** Returns all lines that a host with this method needs. */
function blockOf(method: string, socket: string): readonly string[] {
  if (method === "inspectord") return ["auth_method: [inspectord]", `extauth_program: ${socket}`];
  return [`auth_method: [${method}]`, poolProgram(socket), "extauth_pool_size: 64", "auth_use_cache: false"];
}

export function checkMethods(
  settings: Settings,
  hosts: readonly Host[],
  recommended: Recommended,
): readonly Finding[] {
  const check = "method";
  if (hosts.length === 0) {
    return [{ level: "fail", check, says: "hosts is missing or empty: ejabberd does not start" }];
  }
  const own = hosts.filter(isOurs);
  const found = [
    ...own.flatMap((host) => checkProgram(settings, host, recommended)),
    ...checkUnused(
      settings,
      hosts.filter((host) => !isOurs(host)),
      own.length,
      recommended,
    ),
  ];
  const seconds = own.flatMap(({ name, methods, ...host }) =>
    otherMethods({ name, methods, ...host }).map(
      (method): Finding => ({
        level: "warn",
        check,
        at: method.at,
        says: `${name} asks ${method.name}, too: whom it knows logs in without a session`,
        change: `take ${method.name} out of auth_method`,
      }),
    ),
  );
  if (own.length === 0) return distinct([...found, ...seconds]);
  const says = `${own.length} of ${hosts.length} hosts ask InspectorD`;
  return [{ level: "ok", check, says }, ...distinct([...found, ...seconds])];
}

/** Returns one finding for all hosts that the same change helps. */
function checkUnused(
  settings: Settings,
  hosts: readonly Host[],
  ownCount: number,
  { method, socket, file }: Recommended,
): readonly Finding[] {
  const groups = new Map<string, { readonly finding: Finding; readonly count: number }>();
  for (const { name, at } of hosts) {
    const set = settings.of(name, "auth_method");
    const lines = missingLines(settings, name, blockOf(method, socket));
    const edit: Edit =
      set === undefined ? { kind: "append", file, lines } : { kind: "replace", at: set.at, lines };
    const key = JSON.stringify(edit);
    const before = groups.get(key);
    const says =
      set === undefined
        ? `${name} has no auth_method, so ejabberd asks its own database and never InspectorD`
        : `${name} never asks InspectorD`;
    const finding: Finding = {
      level: ownCount === 0 ? "fail" : "warn",
      check: "method",
      at: set?.at ?? at,
      says,
      edit,
    };
    groups.set(key, { finding: before?.finding ?? finding, count: (before?.count ?? 0) + 1 });
  }
  return [...groups.values()].map(({ finding, count }) =>
    count === 1 ? finding : { ...finding, says: `${finding.says}, nor do ${count - 1} other hosts` },
  );
}

/** Leaves out what is set already, but for the method. */
function missingLines(settings: Settings, host: string, lines: readonly string[]): readonly string[] {
  return lines.filter((line) => {
    const name = line.slice(0, line.indexOf(":"));
    return name === "auth_method" || settings.of(host, name) === undefined;
  });
}

/** A host that asks InspectorD needs a program, or the path of a socket for the module. */
function checkProgram(settings: Settings, host: Host, recommended: Recommended): readonly Finding[] {
  const { name, at } = host;
  const set = settingOf(settings, name, "extauth_program");
  const isModule = hasMethod(host, "inspectord");
  const common = { level: "fail", check: "program", at: set?.at ?? at } as const;
  if (set === undefined) {
    // The module then takes the usual socket.
    if (isModule) return [];
    const lines = missingLines(settings, name, blockOf("external", recommended.socket).slice(1));
    const says = `${name} has no extauth_program: every login is refused`;
    return [{ ...common, says, edit: { kind: "append", file: recommended.file, lines } }];
  }
  if (!isModule) return checkPoolsProgram(settings, host, set.text, common, recommended);
  if (socketOf(set.text) !== undefined) return [];
  const says = `extauth_program of ${name} names no socket, so ejabberd_auth_inspectord does not start`;
  const entry = settings.of(name, "extauth_program");
  const lines = [`extauth_program: ${recommended.socket}`];
  return [{ ...common, says, edit: { kind: "replace", at: entry?.at ?? set.at, lines } }];
}

/** A pool runs extauth_program. The path of a socket is for the module alone. */
function checkPoolsProgram(
  settings: Settings,
  { name, methods }: Host,
  program: string,
  common: Pick<Finding, "level" | "check" | "at">,
  { method: recommended, socket }: Recommended,
): readonly Finding[] {
  if (!isSocketPath(program, socket)) return [];
  const method = settings.of(name, "auth_method");
  const entry = settings.of(name, "extauth_program");
  const says = `extauth_program of ${name} is the path of a socket, which ${pooledOf(methods)} would run as a program`;
  if (recommended === "inspectord" && method !== undefined) {
    const all = methods.map((one) => (pooled.includes(one.name) ? "inspectord" : one.name));
    const lines = [`auth_method: [${[...new Set(all)].join(", ")}]`];
    return [{ ...common, says, edit: { kind: "replace", at: method.at, lines } }];
  }
  if (entry === undefined) return [{ ...common, says }];
  return [{ ...common, says, edit: { kind: "replace", at: entry.at, lines: [poolProgram(program)] } }];
}

function pooledOf(methods: Host["methods"]): string {
  return methods.find(({ name }) => pooled.includes(name))?.name ?? "external";
}

/** Whether a program's text is the path of a socket and nothing else. `known`: the socket of a relay. */
export function isSocketPath(program: string, known: string): boolean {
  return program === known || /^\/\S*\.sock$/.test(program);
}

/** Returns the socket that ejabberd_auth_inspectord takes from extauth_program; undefined if it finds none. */
export function socketOf(program: string): string | undefined {
  const match = /UNIX-CONNECT:([^,' ]+)|^(\/[^ ]+)$/.exec(program);
  return match?.[1] ?? match?.[2];
}

/** `uncached`: the methods that are known to keep nothing, whatever is set. */
export function checkCache(
  settings: Settings,
  hosts: readonly Host[],
  uncached: ReadonlySet<string> | undefined,
): readonly Finding[] {
  const check = "cache";
  const why = "a user's second session is refused, and one that is logged out is let in for an hour";
  const found = hosts.flatMap((host): Finding[] => {
    const { name, at, methods } = host;
    const isCached = methods.some(
      ({ name: method }) =>
        method === "external" ||
        (["inspectord", "extguard"].includes(method) && uncached !== undefined && !uncached.has(method)),
    );
    if (!isCached) return [];
    const set = settings.of(name, "auth_use_cache") ?? settings.of(name, "use_cache");
    if (booleanOf(set?.value) === false) return [];
    const lines = ["auth_use_cache: false"];
    const common = { level: "fail", check } as const;
    if (set !== undefined) {
      const says = `${set.name} leaves the cache on: ${why}`;
      return [{ ...common, at: set.at, says, edit: { kind: "replace", at: set.at, lines } }];
    }
    const beside = settings.of(name, "extauth_program") ?? settings.of(name, "auth_method");
    const place = beside?.at ?? at;
    const says = `the cache is on unless it is turned off: ${why}`;
    return [{ ...common, at: place, says, edit: { kind: "append", file: place.file, lines } }];
  });
  if (found.length > 0) return distinct(found);
  return hosts.length === 0 ? [] : [{ level: "ok", check, says: "no answer is kept" }];
}

/** Mechanisms and types of passwords: only PLAIN hands a session id over. */
export function checkSasl(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  const check = "sasl";
  const found = hosts.flatMap((host): Finding[] => {
    const { name, at } = host;
    const disabled = settings.of(name, "disable_sasl_mechanisms");
    const names = textsOf(disabled?.value);
    const others = names.filter(({ text }) => text.toUpperCase() !== "PLAIN").map(({ text }) => text);
    const line = (all: readonly string[]) => [
      `disable_sasl_mechanisms: [${all.map((one) => JSON.stringify(one)).join(", ")}]`,
    ];
    const write = (all: readonly string[]): Edit =>
      disabled === undefined
        ? { kind: "append", file: at.file, lines: line(all) }
        : { kind: "replace", at: disabled.at, lines: line(all) };
    const hasToken = others.some((one) => one.toUpperCase() === "X-OAUTH2");
    const wanted = hasToken ? others : [...others, "X-OAUTH2"];
    const plain = names.find(({ text }) => text.toUpperCase() === "PLAIN");
    if (plain !== undefined) {
      const says = "PLAIN is disabled, and no other mechanism hands a session id over";
      return [{ level: "fail", check, at: plain.at, says, edit: write(wanted) }];
    }
    if (hasToken) return [];
    const says = "X-OAUTH2 is offered beside PLAIN: a client that prefers it fails";
    return [{ level: "warn", check, at: disabled?.at ?? at, says, edit: write(wanted) }];
  });
  const types = hosts.flatMap(({ name }) => [
    ...remove(
      settings,
      name,
      ["auth_password_types_hidden_in_sasl1", "auth_password_types_hidden_in_scram1"],
      (all) => all.includes("plain"),
      "hides PLAIN: no client can log in",
    ),
    ...remove(
      settings,
      name,
      ["auth_stored_password_types"],
      (all) => all.length > 0,
      "offers mechanisms that need a stored password, and there is none: a client that prefers them fails",
    ),
  ]);
  const all = distinct([...found, ...types]);
  return all.length > 0
    ? all
    : [{ level: "ok", check, says: "PLAIN is offered, and nothing that a session id cannot answer" }];
}

function remove(
  settings: Settings,
  host: string,
  names: readonly string[],
  isWrong: (texts: readonly string[]) => boolean,
  harm: string,
): readonly Finding[] {
  return names.flatMap((name): Finding[] => {
    const set = settings.of(host, name);
    if (set === undefined || !isWrong(textsOf(set.value).map(({ text }) => text))) return [];
    return [
      {
        level: "fail",
        check: "sasl",
        at: set.at,
        says: `${name} ${harm}`,
        edit: { kind: "remove", at: set.at },
      },
    ];
  });
}

/**
 * Returns what is wrong with anonymous logins by name. `policies`: whether the API says that every user exists or that
 * none does, by host; a host of which it said nothing is missing.
 */
export function checkAnonymous(
  settings: Settings,
  hosts: readonly Host[],
  policies: ReadonlyMap<string, IsUserPolicy>,
): readonly Finding[] {
  const check = "anonymous";
  return hosts.flatMap((host): Finding[] => {
    const protocol = settingOf(settings, host.name, "anonymous_protocol");
    if (!hasMethod(host, "anonymous") || !["login_anon", "both"].includes(protocol?.text ?? "")) return [];
    const at: Place | undefined = settings.of(host.name, "anonymous_protocol")?.at;
    const edit: Edit | undefined =
      at === undefined ? undefined : { kind: "replace", at, lines: ["anonymous_protocol: sasl_anon"] };
    const common = { check, at, ...(edit !== undefined && { edit }) };
    const harm = "any password opens any account of it";
    const policy = policies.get(host.name);
    const lets = `${host.name} lets guests in by a name`;
    if (policy === "all") {
      return [
        { ...common, level: "warn", says: `${lets}: none can, since the API says that every user exists` },
      ];
    }
    if (policy === "none") {
      return [{ ...common, level: "fail", says: `${lets}, and the API says that no user exists: ${harm}` }];
    }
    const says = `${lets}, and it is not known what the API says of users: if it says that none exists, ${harm}`;
    return [{ ...common, level: "warn", says }];
  });
}
