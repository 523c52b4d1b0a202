// A real Prosody in a directory of its own, which asks over HTTP.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import type { Certificate } from "./certificate.ts";

export interface Prosody {
  readonly tcpPort: number;
  readonly process: RunningProcess;
}

export interface ProsodyOptions {
  /** Kept until it is stopped. */
  readonly directory: string;
  readonly certificate: Certificate;
  /** Where it asks, and NAME:PASSWORD. */
  readonly url: string;
  readonly secret: string;
}

/** Starts it for the host localhost. */
export async function startProsody(options: ProsodyOptions): Promise<Prosody> {
  const { directory, certificate, url, secret } = options;
  const tcpPort = await freePort();
  const configPath = join(directory, "prosody.cfg.lua");
  mkdirSync(join(directory, "data"));
  const config = `
run_as_root = true
pidfile = "${join(directory, "prosody.pid")}"
data_path = "${join(directory, "data")}"
plugin_paths = { "${fileURLToPath(new URL("prosody", import.meta.url))}" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${tcpPort} }
modules_disabled = { "s2s" }
modules_enabled = { "saslauth", "tls", "roster" }
c2s_require_encryption = true
log = { debug = "*console" }
VirtualHost "localhost"
  ssl = { certificate = "${certificate.certPath}", key = "${certificate.keyPath}" }
  authentication = "http_dialect"
  http_auth_url = "${url}"
  http_auth_secret = "${secret}"
`;
  writeFileSync(configPath, config);
  const started = await startProcess({
    command: "prosody",
    args: ["--config", configPath, "-F"],
    cwd: directory,
    isReady: (output) => output.includes("Activated service 'c2s'"),
  });
  return { tcpPort, process: started };
}
