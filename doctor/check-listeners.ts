// Every way in that takes a password: does it travel readable, and can a long one end the pool? Pure: settings -> findings.

import type { Edit, Finding } from "./finding.ts";
import { type Host, hasMethod } from "./hosts.ts";
import type { Settings } from "./settings.ts";
import { type WayIn, waysIn } from "./ways-in.ts";
import { entryOf, type Value } from "./yml.ts";

/** A longer password does not fit into a frame of extauth, and each member of the pool would end on it in turn. */
const maxStanzaBytes = 81_920;
const recommendedBytes = 65_536;

/** Returns one finding a way in. `hosts`: those whose users log in by InspectorD. */
export function checkListeners(settings: Settings): readonly Finding[] {
  const check = "listeners";
  const ways = waysIn(settings);
  if (ways.length === 0) return [{ level: "warn", check, says: "no listener takes a login" }];
  return ways.map((way): Finding => {
    const { protocol, address, protection, isLocal, listener, at } = way;
    if (protection === "none" && !isLocal) {
      const says = `${protocol} on ${address} takes session ids without TLS`;
      return { level: "fail", check, at, says, edit: protect(way) };
    }
    const how = protection === "none" ? "from this machine only" : protection === "tls" ? "TLS" : "STARTTLS";
    return { level: "ok", check, at: listener.at, says: `${protocol} on ${address}: ${how}` };
  });
}

function protect({ listener, at, kind }: WayIn): Edit {
  const sasl2 = entryOf(listener, "allow_unencrypted_sasl2");
  const isRequired = entryOf(listener, "starttls_required");
  if (kind !== "xmpp") return put(listener, "tls", "true");
  // STARTTLS is required already, but not for SASL2.
  if (sasl2 !== undefined && isRequired !== undefined) return { kind: "remove", at: sasl2.at };
  return put(listener, "starttls_required", "true");

  function put(map: Value, name: string, value: string): Edit {
    const set = entryOf(map, name);
    const lines = [`${name}: ${value}`];
    return set === undefined ? { kind: "add", at, lines } : { kind: "replace", at: set.at, lines };
  }
}

/**
 * Returns what is wrong with the length of passwords. Only `external` is in danger: the modules of this project refuse a
 * long password themselves, and `guard` is the one to write in its place.
 */
export function checkPasswords(
  settings: Settings,
  hosts: readonly Host[],
  guard: "inspectord" | "extguard",
): readonly Finding[] {
  const check = "passwords";
  const unguarded = hosts.filter((host) => hasMethod(host, "external"));
  const [first] = unguarded;
  if (first === undefined) {
    if (hosts.length === 0) return [];
    return [{ level: "ok", check, says: "the module refuses a password that is too long" }];
  }
  const harm =
    "one long password, of anybody, ends every program of the pool, and some twenty in a row BOSH, too";
  const found = waysIn(settings).flatMap((way): Finding[] => {
    const { protocol, address, kind, maxBytes, listener, at } = way;
    if (maxBytes !== undefined && maxBytes <= maxStanzaBytes) return [];
    const hasLimit = kind === "xmpp" || kind === "bosh";
    const what = maxBytes === undefined ? "has no limit" : `takes ${maxBytes} bytes`;
    const says = `${protocol} on ${address} ${what}: ${harm}`;
    const common = { level: "fail", check, at, says } as const;
    if (kind === "xmpp") {
      const lines = [`max_stanza_size: ${recommendedBytes}`];
      const set = entryOf(listener, "max_stanza_size");
      const edit: Edit =
        set === undefined ? { kind: "add", at, lines } : { kind: "replace", at: set.at, lines };
      return [{ ...common, edit }];
    }
    if (hasLimit) {
      const change = `give the first ejabberd_c2s listener max_stanza_size: ${recommendedBytes}`;
      return [{ ...common, change }];
    }
    return [{ ...common, edit: guardOf(settings, first, guard) }];
  });
  if (found.length > 0) return found;
  return [{ level: "ok", check, says: `no way in takes a password of more than ${maxStanzaBytes} bytes` }];
}

function guardOf(settings: Settings, { name, at, methods }: Host, guard: string): Edit {
  const names = methods.map((method) => (method.name === "external" ? guard : method.name));
  const place = settings.of(name, "auth_method")?.at ?? at;
  return { kind: "replace", at: place, lines: [`auth_method: [${[...new Set(names)].join(", ")}]`] };
}
