// Settings from the text of an ejabberd.yml that is well but for what a test changes.

import assert from "node:assert/strict";
import type { Finding } from "../../doctor/finding.ts";
import { type Host, hostsOf } from "../../doctor/hosts.ts";
import { macroFeatures } from "../../doctor/macros.ts";
import { readSettings, type Settings } from "../../doctor/settings.ts";

export function settingsOf(text: string): Settings {
  return readSettings("/e.yml", {
    directory: "/",
    environment: {},
    features: macroFeatures(undefined),
    beside: [],
    readBytes: () => Buffer.from(text),
  });
}

export const well = `hosts:
  - example.org
  - other.org
auth_method: [inspectord]
extauth_program: /run/inspectord/relay.sock
disable_sasl_mechanisms: [X-OAUTH2]
listen:
  - port: 5222
    module: ejabberd_c2s
    starttls_required: true
    max_stanza_size: 65536
  - port: 5443
    module: ejabberd_http
    tls: true
    request_handlers:
      /ws: ejabberd_http_ws
modules:
  mod_bosh: {}
`;

/** Returns the text with one piece replaced, which must be there. */
export function but(piece: string, other: string, text = well): string {
  assert.ok(text.includes(piece), piece);
  return text.replace(piece, other);
}

export function hostsIn(settings: Settings): readonly Host[] {
  return hostsOf(settings);
}

/** Returns what is not well: "level check line: edit". */
export function wrong(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level !== "ok").map(brief);
}

export function brief({ level, check, at, edit, change }: Finding): string {
  const lines = edit !== undefined && "lines" in edit ? ` ${edit.lines.join("; ")}` : "";
  const what = edit === undefined ? (change === undefined ? "-" : "change") : `${edit.kind}${lines}`;
  return `${level} ${check} ${at?.line}: ${what}`;
}
