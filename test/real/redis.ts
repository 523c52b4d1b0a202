// A real Redis on a port of its own: plain, with TLS beside that, with users, in cluster mode.

import { connect } from "node:net";
import { canConnect, freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import type { Certificate } from "./certificate.ts";

export interface Redis {
  readonly host: string;
  readonly port: number;
  readonly process: RunningProcess;
  /** Sends these commands in one write, and returns what it answers within its first chunk. */
  tell(...commands: readonly (readonly string[])[]): Promise<string>;
  stop(): Promise<void>;
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
    readyWithinMs: 10_000,
  });
  return {
    host,
    port: ownPort,
    process,
    tell: (...commands) => tell(ownPort, host, commands),
    stop: () => process.stop(),
  };
}

function tell(port: number, host: string, commands: readonly (readonly string[])[]): Promise<string> {
  const texts = commands.map((words) => {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    return `*${words.length}\r\n${parts.join("")}`;
  });
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(texts.join("")));
    socket.once("error", reject).once("data", (chunk) => {
      socket.destroy();
      resolve(chunk.toString());
    });
  });
}

/** Returns the settings by which it listens with TLS on this port, too. */
export function tlsSettings(port: number, { certPath, keyPath }: Certificate): string[] {
  const files = ["--tls-cert-file", certPath, "--tls-key-file", keyPath];
  return ["--tls-port", String(port), ...files, "--tls-auth-clients", "no"];
}
