// A real Redis on a port of its own: plain, with TLS beside that, with users, in cluster mode.

import { connect } from "node:net";
import { canConnect, freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import type { Certificate } from "./certificate.ts";
import { temporaryDirectory } from "./directory.ts";

export interface Redis {
  readonly host: string;
  readonly port: number;
  readonly process: RunningProcess;
  /** Sends these commands in one write, and returns all that it answers. */
  tell(...commands: readonly (readonly string[])[]): Promise<string>;
  stop(): Promise<void>;
}

export interface ClusterRedis extends Redis {
  /** The port on which the servers of a cluster talk to each other. */
  readonly busPort: number;
}

/**
 * Starts it, on the given port where one that was stopped is to come back. `settings` are redis.conf's, as options
 * of its command line.
 */
export async function startRedis(port?: number, settings: readonly string[] = []): Promise<Redis> {
  const host = "127.0.0.1";
  const ownPort = port ?? (await freePort());
  const process = await startProcess({
    command: "redis-server",
    // Nothing on disk.
    args: ["--bind", host, "--port", String(ownPort), "--save", "", "--appendonly", "no", ...settings],
    isReady: (output) => output.includes("Ready to accept connections") && canConnect(ownPort, host),
  });
  return {
    host,
    port: ownPort,
    process,
    tell: (...commands) => tell(ownPort, host, commands),
    stop: () => process.stop(),
  };
}

/** Starts it in cluster mode; the caller gives it slots and others to meet. Its bus has a free port, too. */
export async function startClusterRedis(settings: readonly string[] = []): Promise<ClusterRedis> {
  const busPort = await freePort();
  // Unless told otherwise, the bus takes the port 10,000 above, which an outgoing connection may hold.
  const mode = ["--cluster-enabled", "yes", "--cluster-port", String(busPort), "--dir", temporaryDirectory()];
  return { ...(await startRedis(undefined, [...mode, ...settings])), busPort };
}

/** Waits until each of these servers knows of `size` servers with slots, and finds the cluster complete. */
export async function waitForCluster(
  servers: readonly Redis[],
  size: number,
  before: readonly (readonly string[])[] = [],
): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const infos = await Promise.all(servers.map((server) => server.tell(...before, ["CLUSTER", "INFO"])));
    if (infos.every((info) => info.includes("cluster_state:ok") && info.includes(`cluster_size:${size}\r`)))
      return;
    if (Date.now() > deadline)
      throw new Error(`The Redis Cluster is not complete after a minute:\n${infos.join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function tell(port: number, host: string, commands: readonly (readonly string[])[]): Promise<string> {
  const texts = [...commands, ["QUIT"]].map((words) => {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    return `*${words.length}\r\n${parts.join("")}`;
  });
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, host, () => socket.write(texts.join("")));
    socket.on("error", reject).on("data", (chunk) => chunks.push(chunk));
    // It closes the connection after its answer to QUIT, which stands last.
    socket.on("end", () =>
      resolve(
        Buffer.concat(chunks)
          .toString()
          .replace(/\+OK\r\n$/, ""),
      ),
    );
  });
}

/** Returns the settings by which it listens with TLS on this port, too. */
export function tlsSettings(port: number, { certPath, keyPath }: Certificate): string[] {
  const files = ["--tls-cert-file", certPath, "--tls-key-file", keyPath];
  return ["--tls-port", String(port), ...files, "--tls-auth-clients", "no"];
}
