// What ejabberd.yml says, held to what a session id as a password needs. Pure: settings -> findings.

import type { Finding, Place } from "./finding.ts";
import { type Settings, settingOf } from "./settings.ts";
import { booleanOf, type Entry, entryOf, textOf, textsOf, type Value } from "./yml.ts";

/** In bytes: a longer password does not fit into a frame, and each member of the pool would fail on it in turn. */
const maxStanzaBytes = 81_920;
/** Our own: one that asks the relay itself, and one that guards ejabberd's external authentication. */
const external = ["external", "extguard", "inspectord"];

export interface Host {
  readonly name: string;
  readonly at: Place;
}

/** Gives the hosts whose logins go to an external program. */
export function externalHosts(settings: Settings): readonly Host[] {
  return settings.hosts.filter(({ name }) =>
    textsOf(settings.of(name, "auth_method")?.value).some(({ text }) => external.includes(text)),
  );
}

/** Gives all findings on the settings themselves, at least one for each check. */
export function checkSettings(settings: Settings): readonly Finding[] {
  const hosts = externalHosts(settings);
  // Where no host authenticates externally yet, the rest is said of all, so that one look tells everything.
  const meant = hosts.length > 0 ? hosts : settings.hosts;
  // Where none does yet, what is said to be written is the guard.
  const isGuarded = hosts.every(({ name }) => {
    const methods = textsOf(settings.of(name, "auth_method")?.value);
    return !methods.some(({ text }) => text === "external");
  });
  const listeners = settings.items("listen");
  return [
    ...checkMethods(settings, hosts),
    ...unlessAny("cache", "the cache is off", checkCache(settings, meant)),
    ...unlessAny("sasl", "PLAIN may be used, X-OAUTH2 may not", checkSasl(settings, meant)),
    ...unlessAny("listeners", "passwords come over TLS or from this machine", listeners.flatMap(checkTls)),
    ...unlessAny(
      "passwords",
      "a password that is too long for a frame is stopped",
      checkLength(listeners, isGuarded),
    ),
    ...unlessAny("modules", "none that answers in place of us", checkModules(settings)),
  ];
}

/** The same line for fifty hosts is one finding. */
function unlessAny(check: string, says: string, found: readonly Finding[]): readonly Finding[] {
  const lines = new Map(found.map((finding) => [JSON.stringify(finding), finding]));
  return lines.size > 0 ? [...lines.values()] : [{ level: "ok", check, says }];
}

function checkMethods(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  const check = "method";
  const change = "auth_method: [extguard]";
  if (settings.hosts.length === 0) {
    return [{ level: "fail", check, says: "no host is served: hosts is missing or empty" }];
  }
  const level = hosts.length === 0 ? "fail" : "warn";
  const others = settings.hosts.filter((host) => !hosts.includes(host));
  const lines = new Map<Place, Finding>();
  for (const { name, at } of others) {
    const set = settings.of(name, "auth_method");
    const says =
      set === undefined
        ? `${name} has no auth_method, and the default is internal: the program is never asked; add`
        : `neither extguard nor external for ${name}: the program is never asked`;
    const place = set?.at ?? at;
    if (!lines.has(place)) lines.set(place, { level, check, at: place, says, change });
  }
  const found = [...lines.values()];
  if (hosts.length === 0) return found;
  return [{ level: "ok", check, says: `${hosts.length} of ${settings.hosts.length} hosts ask it` }, ...found];
}

function checkCache(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  return hosts.flatMap(({ name, at }): Finding[] => {
    const set = settings.of(name, "auth_use_cache") ?? settings.of(name, "use_cache");
    if (booleanOf(set?.value) === false) return [];
    const why = "a user's second session is refused, and one that is logged out is let in for an hour";
    const common = { level: "fail", check: "cache", change: "auth_use_cache: false" } as const;
    if (set !== undefined) {
      return [{ ...common, at: set.value.at, says: `${set.name} leaves the cache on: ${why}` }];
    }
    const beside = settings.of(name, "extauth_program") ?? settings.of(name, "auth_method");
    return [
      { ...common, at: beside?.at ?? at, says: `the cache is on unless turned off: ${why}; add below` },
    ];
  });
}

function checkSasl(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  return hosts.flatMap(({ name, at }): Finding[] => {
    const set = settings.of(name, "disable_sasl_mechanisms");
    const disabled = textsOf(set?.value);
    const plain = disabled.find(({ text }) => text.toUpperCase() === "PLAIN");
    if (plain !== undefined) {
      const says = "PLAIN is disabled, and no other mechanism hands a session id over: take it out";
      return [{ level: "fail", check: "sasl", at: plain.at, says }];
    }
    if (disabled.some(({ text }) => text.toUpperCase() === "X-OAUTH2")) return [];
    const says = "X-OAUTH2 is offered beside PLAIN: a client that prefers it fails";
    const change = "disable_sasl_mechanisms: [X-OAUTH2]";
    return [{ level: "warn", check: "sasl", at: set?.at ?? at, says, change }];
  });
}

const browserHandlers = ["mod_bosh", "ejabberd_http_ws", "mod_http_bind"];

function checkTls(listener: Value): readonly Finding[] {
  const module = textOf(entryOf(listener, "module")?.value);
  if (booleanOf(entryOf(listener, "tls")?.value) === true || isOfThisMachine(listener)) return [];
  const port = textOf(entryOf(listener, "port")?.value) ?? "?";
  const common = { level: "fail", check: "listeners" } as const;
  if (module === "ejabberd_c2s") {
    const set = entryOf(listener, "starttls_required");
    if (booleanOf(set?.value) === true) return [];
    const says = `port ${port} takes passwords without TLS${set === undefined ? "; add" : ""}`;
    return [{ ...common, at: set?.value.at ?? listener.at, says, change: "starttls_required: true" }];
  }
  if (module !== "ejabberd_http") return [];
  const handler = handlersOf(listener).find(({ value }) => browserHandlers.includes(textOf(value) ?? ""));
  if (handler === undefined) return [];
  const says = `port ${port} takes passwords over plain http (${handler.name}); add`;
  const change = 'tls: true, or ip: "127.0.0.1" behind a proxy that speaks TLS';
  return [{ ...common, at: listener.at, says, change }];
}

function handlersOf(listener: Value): readonly Entry[] {
  const handlers = entryOf(listener, "request_handlers")?.value;
  return handlers?.kind === "map" ? handlers.entries : [];
}

function isOfThisMachine(listener: Value): boolean {
  const port = textOf(entryOf(listener, "port")?.value) ?? "";
  const ip = textOf(entryOf(listener, "ip")?.value) ?? "";
  return port.startsWith("unix:") || ip === "::1" || ip.startsWith("127.") || ip.startsWith("::ffff:127.");
}

/** The first ejabberd_c2s listener's limit is that of BOSH, too; WebSocket, HTTP Basic and MQTT have none. */
function checkLength(listeners: readonly Value[], isGuarded: boolean): readonly Finding[] {
  const check = "passwords";
  const level = isGuarded ? "warn" : "fail";
  const harm = isGuarded
    ? "the guard stops what would end the pool, but ejabberd reads it first"
    : "one long password, of anybody, ends every program of the pool, and some twenty in a row BOSH, too";
  const change = "max_stanza_size: 65536";
  const found: Finding[] = [];
  const streams = listeners.filter((one) => textOf(entryOf(one, "module")?.value) === "ejabberd_c2s");
  for (const [i, listener] of streams.entries()) {
    const set = entryOf(listener, "max_stanza_size");
    const bytes = Number(textOf(set?.value) ?? Number.NaN);
    if (bytes <= maxStanzaBytes) continue;
    const what =
      i === 0 ? "the first ejabberd_c2s listener, whose limit is that of BOSH, too," : "this listener";
    const says = `${what} ${set === undefined ? "has no limit" : `takes more than ${maxStanzaBytes} bytes`}: ${harm}`;
    found.push({ level, check, at: set?.value.at ?? listener.at, says, change });
  }
  if (isGuarded) return found;
  for (const listener of listeners) {
    const module = textOf(entryOf(listener, "module")?.value);
    const ways = ["ejabberd_http_ws", "ejabberd_web_admin", "mod_http_api"];
    const way =
      module === "mod_mqtt"
        ? "mod_mqtt"
        : handlersOf(listener)
            .map(({ value }) => textOf(value) ?? "")
            .find((handler) => ways.includes(handler));
    if (way === undefined) continue;
    const says = `${way} has no limit of its own: ${harm}`;
    found.push({ level, check, at: listener.at, says, change: "auth_method: [extguard]" });
  }
  return found;
}

function checkModules(settings: Settings): readonly Finding[] {
  const modules = settings.hosts.flatMap(({ name }) => settings.modulesOf(name));
  return modules.flatMap(({ name, at }): Finding[] => {
    const common = { check: "modules", at };
    if (name === "mod_auth_fast") {
      const says = "mod_auth_fast hands out tokens that live 30 days: a logout on the site does not end them";
      return [{ ...common, level: "fail", says, change: "take mod_auth_fast out" }];
    }
    if (name === "mod_fail2ban") {
      const says =
        "mod_fail2ban counts every refusal: an outage of the API, or a proxy's one address, bans users for an hour";
      return [
        { ...common, level: "warn", says, change: "take it out, or set access and c2s_max_auth_failures" },
      ];
    }
    return [];
  });
}

export interface PoolOptions {
  /** The processors of this machine: ejabberd's default. */
  readonly processors: number;
  /** So many logins at one moment are to be served; nothing where none was stated. */
  readonly burst: number | undefined;
  /** The mean of what one answer takes, as measured, in seconds; nothing where it could not be. */
  readonly answerSeconds: number | undefined;
}

/** ejabberd gives a login up after so many seconds, the wait for its turn among them. */
const ejabberdWaitsSeconds = 30;
/** With fewer, one slow answer holds too many others up. */
const leastPool = 8;
/** ejabberd does not share the questions out evenly: a pool did half of what its size and latency promise. */
const unevenness = 2;

export function checkPool(
  settings: Settings,
  hosts: readonly Host[],
  options: PoolOptions,
): readonly Finding[] {
  return unlessAny(
    "pool",
    "no host asks it",
    hosts.map((host) => checkPoolOf(settings, host, options)),
  );
}

function checkPoolOf(settings: Settings, { name, at }: Host, options: PoolOptions): Finding {
  const { processors, burst, answerSeconds } = options;
  const set = settingOf(settings, name, "extauth_pool_size");
  const size = Number(set?.text ?? processors);
  const place = set?.at ?? settings.of(name, "extauth_program")?.at ?? at;
  const what =
    set === undefined ? `the pool has ${size} members, this machine's processors,` : `${size} members`;
  const common = { check: "pool", at: place };
  if (!(size >= 1)) return { ...common, level: "fail", says: "extauth_pool_size is no number" };
  if (answerSeconds === undefined) {
    if (size >= leastPool) return { ...common, level: "ok", says: `${what}; the latency is not known` };
    return { ...common, level: "warn", says: `${what} are few`, change: `extauth_pool_size: ${leastPool}` };
  }
  const rate = size / answerSeconds;
  const most = Math.floor(ejabberdWaitsSeconds * rate);
  const serve = `${what} serve ${rate.toFixed(0)} logins/s at the measured latency: a burst of ${most} logins at the most`;
  const needed = Math.max(
    leastPool,
    Math.ceil((unevenness * (burst ?? 0) * answerSeconds) / ejabberdWaitsSeconds),
  );
  const change = `extauth_pool_size: ${needed}`;
  if (burst !== undefined && burst > most) {
    return { ...common, level: "fail", says: `${serve}, and ${burst} would lose logins`, change };
  }
  if (size < needed) {
    return { ...common, level: "warn", says: `${serve}; ejabberd shares them out unevenly`, change };
  }
  return { ...common, level: "ok", says: serve };
}
