// mod_inspectord, which ends chats when their sessions end on the site: is it there, would ejabberd take its options, and
// what gets past it? Pure: settings -> findings. Whether the API knows its question is check-api.ts's.

import { socketOf } from "./check-methods.ts";
import type { Finding, Place } from "./finding.ts";
import { type Host, hasMethod, isOurs } from "./hosts.ts";
import { usualSocket } from "./machine.ts";
import { type Settings, settingOf } from "./settings.ts";
import { type Entry, entryOf, textOf, type Value } from "./yml.ts";

const check = "logout";
const moduleName = "mod_inspectord";
const handlerName = "inspectord_http";

/** Returns the entry of the module that watches this host's connections. */
export function watchOf(settings: Settings, { name }: Host): Entry | undefined {
  return settings.modulesOf(name).findLast((entry) => entry.name === moduleName);
}

export function checkLogout(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  const watched = hosts.flatMap((host) => {
    const entry = watchOf(settings, host);
    return entry === undefined ? [] : [{ host, entry }];
  });
  if (watched.length === 0) {
    const says = "a logout on the site ends no chat: mod_inspectord is not loaded (docs/logout.md)";
    return [{ level: "ok", check, says }];
  }
  const unwatched = hosts
    .filter((host) => isOurs(host) && watchOf(settings, host) === undefined)
    .map(({ name, at }): Finding => {
      const says = `${name} is not watched: a logout on the site ends no chat there`;
      return { level: "warn", check, at, says, change: `add ${moduleName} to its modules` };
    });
  return [
    ...watched.flatMap(({ host, entry }) => checkWatched(settings, host, entry)),
    ...unwatched,
    ...checkHandler(
      settings,
      watched.map(({ entry }) => entry),
    ),
    ...checkMqtt(settings, hosts),
  ];
}

function checkWatched(settings: Settings, host: Host, { value, at }: Entry): readonly Finding[] {
  const { name } = host;
  const found: Finding[] = [...problemsOf(value)];
  const fail = (says: string, change: string, place: Place = at) =>
    found.push({ level: "fail", check, at: place, says, change });
  const warn = (says: string, change: string, place: Place = at) =>
    found.push({ level: "warn", check, at: place, says, change });
  if (!hasMethod(host, "inspectord") && !hasMethod(host, "extguard")) {
    const says = `${name} watches nobody: only our module and our guard say with which session a login was proved`;
    fail(says, "auth_method: [inspectord], or [extguard]");
  }
  const socket = textOf(entryOf(value, "socket")?.value) ?? usualSocket;
  const program = settingOf(settings, name, "extauth_program")?.text;
  const own = hasMethod(host, "inspectord") ? socketOf(program ?? usualSocket) : undefined;
  if (own !== undefined && own !== socket) {
    warn(`${name} asks the relay at ${own}, and mod_inspectord the one at ${socket}`, `socket: ${own}`);
  }
  const interval = entryOf(value, "interval");
  const isOff = textOf(interval?.value) === "off";
  const hasToken = entryOf(value, "hint_token") !== undefined;
  if (isOff && !hasToken) {
    const says = `no logout ends a chat on ${name}: interval is off, and without hint_token no hint is taken`;
    fail(says, "interval: 10s, or a hint_token that the site has, too", interval?.at);
  }
  const isObserving = textOf(entryOf(value, "mode")?.value) !== "end";
  if (isObserving) {
    warn(
      `mod_inspectord only observes on ${name}: its log says what would end (would-end)`,
      "mode: end, once that is right",
    );
  }
  const sessionless = entryOf(value, "sessionless");
  if (textOf(sessionless?.value) === "allow") {
    const says = `${name} lets logins by FAST and OAuth tokens in, which no logout ends`;
    warn(says, "take sessionless: allow out", sessionless?.at);
  }
  if (found.length > 0) return found;
  const how = isOff ? "by hints alone" : `within ${textOf(interval?.value) ?? "10s"} and its confirmation`;
  return [{ level: "ok", check, says: `${name}: a logout on the site ends its chats ${how}` }];
}

/** Returns why ejabberd would not start with these options: what mod_inspectord's own mod_opt_type refuses. */
function problemsOf(value: Value): readonly Finding[] {
  if (value.kind !== "map") return [];
  return value.entries.flatMap(({ name, value: set, at }): Finding[] => {
    const rule = rules[name];
    const text = textOf(set) ?? "";
    if (rule === undefined) {
      const says = `${name} is no option of mod_inspectord: ejabberd does not start`;
      return [{ level: "fail", check, at, says, change: `it has ${Object.keys(rules).join(", ")}` }];
    }
    if (rule.isRight(text)) return [];
    const says = `${name} is wrong: ejabberd does not start`;
    return [{ level: "fail", check, at, says, change: `${name} must be ${rule.allowed}` }];
  });
}

interface Rule {
  readonly allowed: string;
  readonly isRight: (text: string) => boolean;
}

const oneOf = (...words: readonly string[]): Rule => ({
  allowed: words.join(" or "),
  isRight: (text) => words.includes(text),
});
const number = (from: number, to: number): Rule => ({
  allowed:
    to === Number.POSITIVE_INFINITY ? `a whole number from ${from}` : `a whole number from ${from} to ${to}`,
  isRight: (text) => /^\d+$/.test(text) && Number(text) >= from && Number(text) <= to,
});
const time = (from: number, to: number, allowed: string): Rule => ({
  allowed,
  isRight: (text) => {
    const seconds = secondsOf(text);
    return seconds !== undefined && seconds >= from && seconds <= to;
  },
});

const rules: Readonly<Record<string, Rule>> = {
  socket: {
    allowed: "the path of the relay's socket, at most 107 characters",
    isRight: (text) => text.startsWith("/") && Buffer.byteLength(text) <= 107,
  },
  interval: {
    allowed: "off, or a time from 5s to 10m",
    isRight: (text) => text === "off" || time(5, 600, "").isRight(text),
  },
  confirm_after: time(1, 60, "a time from 1s to 60s"),
  mode: oneOf("observe", "end"),
  brake_percent: number(1, 100),
  brake_least: number(1, Number.POSITIVE_INFINITY),
  brake_hold: time(1, 86_400, "a time from 1s to 24h"),
  hint_token: {
    allowed: "22 to 256 letters, digits and . _ ~ + / -, such as the output of: openssl rand -hex 24",
    isRight: (text) => /^[\w.~+/-]{22,256}=*$/.test(text),
  },
  sessionless: oneOf("refuse", "allow"),
};

/** Source: processone/yconf, src/yconf.erl, to_timeout: a number is in seconds here. */
const unitSeconds: Readonly<Record<string, number>> = {
  ...{ ms: 0.001, msec: 0.001, msecs: 0.001, millisec: 0.001, millisecs: 0.001, millisecond: 0.001 },
  ...{ milliseconds: 0.001, s: 1, sec: 1, secs: 1, second: 1, seconds: 1 },
  ...{ m: 60, min: 60, mins: 60, minute: 60, minutes: 60 },
  ...{ h: 3_600, hour: 3_600, hours: 3_600, d: 86_400, day: 86_400, days: 86_400 },
};

function secondsOf(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d+)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const seconds = unit === "" ? 1 : unitSeconds[unit.toLowerCase()];
  return count === undefined || seconds === undefined ? undefined : Number(count) * seconds;
}

/** Hints come through a handler of ejabberd's HTTP listener. */
function checkHandler(settings: Settings, modules: readonly Entry[]): readonly Finding[] {
  const token = modules.map(({ value }) => entryOf(value, "hint_token")).find((entry) => entry !== undefined);
  const handlers = settings.items("listen").flatMap((listener) => {
    const requests = entryOf(listener, "request_handlers")?.value;
    const entries = requests?.kind === "map" ? requests.entries : [];
    return entries.filter(({ value }) => textOf(value) === handlerName);
  });
  if (token !== undefined && handlers.length === 0) {
    const says = "hint_token is set, and no listener takes hints";
    const change = `add to request_handlers of an ejabberd_http listener: "/inspectord": ${handlerName}`;
    return [{ level: "warn", check, at: token.at, says, change }];
  }
  const [handler] = handlers;
  if (token !== undefined || handler === undefined) return [];
  const says = "hints are refused: mod_inspectord has no hint_token";
  return [{ level: "warn", check, at: handler.at, says, change: "set hint_token, or take the handler out" }];
}

function checkMqtt(settings: Settings, hosts: readonly Host[]): readonly Finding[] {
  const mqtt = hosts.flatMap(({ name }) => settings.modulesOf(name)).find(({ name }) => name === "mod_mqtt");
  if (mqtt === undefined) return [];
  const says = "a logout on the site ends no MQTT session: mod_inspectord watches XMPP connections alone";
  return [{ level: "warn", check, at: mqtt.at, says, change: "take mod_mqtt out, if nobody needs it" }];
}
