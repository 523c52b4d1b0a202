// What an operator has to do so that an ejabberd on this machine asks the local stack: commands for a shell, as root, and the
// lines of ejabberd.yml. Debian's unit of ejabberd hides the home directories and /tmp, so the relay is copied out of there,
// and ejabberd's environment stands in a file beside the unit.

import { dirname } from "node:path";
import { localKey } from "./sigv4.ts";

export interface ForEjabberd {
  /** The full URL of POST /auth. */
  readonly url: string;
  /** The relay's file in this checkout. */
  readonly relay: string;
  /** The path of a Node that ejabberd's user may run. */
  readonly node: string;
  /** Whether Node has to be installed there first. */
  readonly needsNode: boolean;
}

const folder = "/opt/inspectord-local";
const dropIn = "/etc/systemd/system/ejabberd.service.d/inspectord-local.conf";
const debiansNode = "/usr/bin/node";

/** Directories that ejabberd.service hides or makes its own: ProtectHome=, PrivateTmp=. */
const hidden = /^\/(?:home|root|run\/user|tmp|var\/tmp)\//;

/** Returns the Node for ejabberd: this one where its unit can run it, else Debian's. */
export function nodeFor(
  ownNode: string,
  isFile: (path: string) => boolean,
): Pick<ForEjabberd, "node" | "needsNode"> {
  if (isFile(debiansNode)) return { node: debiansNode, needsNode: false };
  return hidden.test(ownNode) ? { node: debiansNode, needsNode: true } : { node: ownNode, needsNode: false };
}

/** Returns the text. */
export function forEjabberd({ url, relay, node, needsNode }: ForEjabberd): string {
  const commands = [
    ...(needsNode ? ["apt-get install nodejs"] : []),
    `install -D -m 755 '${relay}' ${folder}/relay.mjs`,
    `mkdir -p ${dirname(dropIn)}`,
    `cat > ${dropIn} <<'END'`,
    "[Service]",
    ...Object.entries(localKey).map(([name, value]) => `Environment=${name}=${value}`),
    "END",
    "systemctl daemon-reload",
  ];
  return [
    "For Debian's ejabberd on this machine, as root:",
    "",
    ...indented(commands),
    "",
    "In /etc/ejabberd/ejabberd.yml:",
    "",
    ...indented([
      "auth_method: [external]",
      `extauth_program: "${node} ${folder}/relay.mjs ${url}"`,
      "auth_use_cache: false",
    ]),
    "",
    "and then: systemctl restart ejabberd",
    `To undo it, take these lines out, remove ${dropIn} and ${folder}, and restart ejabberd.`,
  ].join("\n");
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}
