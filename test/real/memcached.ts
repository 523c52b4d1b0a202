// A real memcached on a port of its own, and one with TLS beside it.

import { canConnect, freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import type { Certificate } from "./certificate.ts";

export interface Memcached {
  readonly host: string;
  readonly port: number;
  readonly process: RunningProcess;
  stop(): Promise<void>;
}

/**
 * Starts it, on the given port where one that was stopped is to come back, and on the given address of the
 * loopback where several share a port.
 */
export async function startMemcached(
  port?: number,
  host = "127.0.0.1",
  settings: readonly string[] = [],
): Promise<Memcached> {
  const ownPort = port ?? (await freePort());
  return start(["-l", host, "-p", String(ownPort), ...settings], ownPort, host);
}

export interface TlsMemcached extends Memcached {
  /** Where the same memcached listens without TLS: PHP's own client has none. */
  readonly plainPort: number;
}

/** Starts one that listens with TLS (-Z), on the ports of one that was stopped where it is to come back. */
export async function startTlsMemcached(
  { certPath, keyPath }: Certificate,
  before?: TlsMemcached,
): Promise<TlsMemcached> {
  const host = before?.host ?? "127.0.0.1";
  const [port, plainPort] = before
    ? [before.port, before.plainPort]
    : await Promise.all([freePort(), freePort()]);
  const listeners = ["-l", `notls:${host}:${plainPort}`, "-l", `${host}:${port}`];
  const tls = ["-Z", "-o", `ssl_chain_cert=${certPath},ssl_key=${keyPath}`];
  return { ...(await start([...listeners, ...tls], port, host)), plainPort };
}

async function start(args: readonly string[], port: number, host: string): Promise<Memcached> {
  const process = await startProcess({
    command: "memcached",
    args: [...args, "-U", "0", "-m", "64", "-u", "nobody"],
    isReady: () => canConnect(port, host),
  });
  return { host, port, process, stop: () => process.stop() };
}
