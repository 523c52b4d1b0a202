// The listeners of ejabberd.yml that take a password: by which protocol, on which address, protected how.
//
// Source: ejabberd's guide, "Listen Modules", "Listen Options"; ejabberd, src/ejabberd_listener.erl,
// src/ejabberd_config_transformer.erl.

import { BlockList, isIP } from "node:net";
import type { Place } from "./finding.ts";
import type { Settings } from "./settings.ts";
import { booleanOf, type Entry, entryOf, integerOf, textOf, type Value } from "./yml.ts";

export interface WayIn {
  /** In a person's words. */
  readonly protocol: string;
  readonly kind: "xmpp" | "bosh" | "websocket" | "oauth" | "other";
  readonly listener: Value;
  /** Where the listener's first entry stands. */
  readonly at: Place;
  /** The port with its address, or the path of a unix socket. */
  readonly address: string;
  readonly protection: "tls" | "starttls" | "none";
  /** Whether only this machine reaches it. */
  readonly isLocal: boolean;
  /** The most bytes that a password can have on this way; undefined if ejabberd has no limit there. */
  readonly maxBytes: number | undefined;
  /** The entry of a request handler, if it is one. */
  readonly handler: Entry | undefined;
}

interface Protocol {
  readonly protocol: string;
  readonly kind: WayIn["kind"];
}

const handlers: Readonly<Record<string, Protocol>> = {
  mod_bosh: { protocol: "BOSH", kind: "bosh" },
  mod_http_bind: { protocol: "BOSH", kind: "bosh" },
  ejabberd_http_ws: { protocol: "WebSocket", kind: "websocket" },
  mod_mqtt: { protocol: "MQTT over WebSocket", kind: "other" },
  mod_http_api: { protocol: "HTTP Basic (mod_http_api)", kind: "other" },
  ejabberd_web_admin: { protocol: "HTTP Basic (ejabberd_web_admin)", kind: "other" },
  ejabberd_oauth: { protocol: "OAuth", kind: "oauth" },
  ejabberd_xmlrpc: { protocol: "XML-RPC", kind: "other" },
  mod_register_web: { protocol: "a web form (mod_register_web)", kind: "other" },
};

/** Options of old files that stand for a handler. */
const oldHandlers: Readonly<Record<string, string>> = {
  http_bind: "mod_bosh",
  web_admin: "ejabberd_web_admin",
  xmlrpc: "ejabberd_xmlrpc",
  register: "mod_register_web",
};

/** Returns every way in which a password comes to ejabberd. */
export function waysIn(settings: Settings): readonly WayIn[] {
  const listeners = settings.items("listen").filter((listener) => scalarOf(listener, "transport") !== "udp");
  const [firstStream] = listeners.filter((listener) => scalarOf(listener, "module") === "ejabberd_c2s");
  // BOSH has no limit of its own: it takes that of the first listener for XMPP.
  const boshBytes = firstStream === undefined ? undefined : maxStanzaBytes(firstStream);
  return listeners.flatMap((listener): WayIn[] => {
    const common = {
      listener,
      at: (listener.kind === "map" ? listener.entries[0]?.at : undefined) ?? listener.at,
      address: addressOf(listener),
      isLocal: isLocal(listener),
    };
    const isTls = booleanOf(entryOf(listener, "tls")?.value) === true;
    const isUnencryptedSasl2 = booleanOf(entryOf(listener, "allow_unencrypted_sasl2")?.value) === true;
    const one = (protocol: Protocol, maxBytes: number | undefined, handler?: Entry): WayIn => ({
      ...common,
      ...protocol,
      protection: isTls ? "tls" : "none",
      maxBytes,
      handler,
    });
    switch (scalarOf(listener, "module")) {
      case "ejabberd_c2s": {
        const isRequired = booleanOf(entryOf(listener, "starttls_required")?.value) === true;
        const way = one({ protocol: "XMPP", kind: "xmpp" }, maxStanzaBytes(listener));
        return [isRequired && !isTls && !isUnencryptedSasl2 ? { ...way, protection: "starttls" } : way];
      }
      case "mod_mqtt":
        return [one({ protocol: "MQTT", kind: "other" }, undefined)];
      case "ejabberd_xmlrpc":
        return [one({ protocol: "XML-RPC", kind: "other" }, undefined)];
      case "ejabberd_http":
        return handlersOf(listener).flatMap((handler) => {
          const protocol = handlers[textOf(handler.value) ?? ""];
          if (protocol === undefined) return [];
          return [one(protocol, protocol.kind === "bosh" ? boshBytes : undefined, handler)];
        });
      default:
        return [];
    }
  });
}

function handlersOf(listener: Value): readonly Entry[] {
  const set = entryOf(listener, "request_handlers")?.value;
  const old = listener.kind === "map" ? listener.entries : [];
  return [
    ...(set?.kind === "map" ? set.entries : []),
    ...old.flatMap(({ name, at, value }): Entry[] => {
      const module = oldHandlers[name];
      return module === undefined
        ? []
        : [{ name, at, value: { kind: "text", at: value.at, text: module, form: "atom" } }];
    }),
  ];
}

/** Returns the limit in bytes, undefined where there is none. */
function maxStanzaBytes(listener: Value): number | undefined {
  return integerOf(entryOf(listener, "max_stanza_size")?.value);
}

function addressOf(listener: Value): string {
  const port = scalarOf(listener, "port") ?? "?";
  if (port.startsWith("unix:")) return port;
  const ip = scalarOf(listener, "ip") ?? "0.0.0.0";
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`;
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addSubnet("::ffff:127.0.0.0", 104, "ipv6");

function isLocal(listener: Value): boolean {
  if (scalarOf(listener, "port")?.startsWith("unix:") === true) return true;
  const ip = scalarOf(listener, "ip") ?? "";
  const family = isIP(ip);
  // inet:parse_address/1 takes 127.1 for 127.0.0.1, too.
  if (family === 0) return /^127(\.\d+){1,2}$/.test(ip);
  return loopback.check(ip, family === 4 ? "ipv4" : "ipv6");
}

function scalarOf(listener: Value, name: string): string | undefined {
  return textOf(entryOf(listener, name)?.value);
}
