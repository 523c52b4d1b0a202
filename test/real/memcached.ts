// A real memcached on a port of its own.

import { canConnect, freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";

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
export async function startMemcached(port?: number, host = "127.0.0.1"): Promise<Memcached> {
  const ownPort = port ?? (await freePort());
  const process = await startProcess({
    command: "memcached",
    args: ["-u", "nobody", "-l", host, "-p", String(ownPort), "-U", "0", "-m", "64"],
    isReady: () => canConnect(ownPort, host),
    readyWithinMs: 10_000,
  });
  return { host, port: ownPort, process, stop: () => process.stop() };
}
