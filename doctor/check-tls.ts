// What a request to the API needs first: its name, its address, its certificate.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Endpoint } from "../relay/connection.ts";
import type { Finding, Place } from "./finding.ts";

/** A certificate that ends within this time does not seem to be renewed by itself. */
const fewDays = 14;
const dayMs = 86_400_000;

export async function checkName({ hostname }: Endpoint, at: Place | undefined): Promise<Finding> {
  const check = "dns";
  if (isIP(hostname) !== 0) return { level: "ok", check, says: "the URL has an address" };
  const startedMs = performance.now();
  try {
    const addresses = await lookup(hostname, { all: true });
    const tookMs = (performance.now() - startedMs).toFixed(0);
    return {
      level: "ok",
      check,
      says: `${hostname} has ${addresses.length} addresses, found in ${tookMs} ms`,
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { level: "fail", check, at, says: `${hostname} cannot be resolved (${code})` };
  }
}

/** Returns a finding on the API's certificate within `timeoutMs`. */
export function checkCertificate(
  endpoint: Endpoint,
  at: Place | undefined,
  options: { readonly now: Date; readonly timeoutMs: number },
): Promise<Finding> {
  const { hostname, port, isSecure, ca } = endpoint;
  const check = "tls";
  if (!isSecure) {
    return Promise.resolve({ level: "ok", check, says: "no TLS: the URL is plain http to this machine" });
  }
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port,
      minVersion: "TLSv1.2",
      ...(isIP(hostname) === 0 && { servername: hostname }),
      ...(ca !== undefined && { ca }),
      timeout: options.timeoutMs,
    });
    const end = (finding: Omit<Finding, "check">) => {
      socket.destroy();
      resolve({ check, ...finding });
    };
    socket.on("timeout", () =>
      end({ level: "fail", at, says: `no TLS handshake within ${options.timeoutMs} ms` }),
    );
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      const change = /CERT|ISSUER|SELF_SIGNED|VERIFY|ALTNAME/.test(code ?? "")
        ? {
            change:
              "the certificate must name this host and come from an authority that Node trusts, or --ca-file",
          }
        : {};
      end({
        level: "fail",
        at,
        says: `no TLS with ${hostname}:${port} (${code ?? "closed"})`,
        ...change,
      });
    });
    socket.on("secureConnect", () => {
      const ends = new Date(socket.getPeerCertificate().valid_to);
      const days = Math.floor((ends.getTime() - options.now.getTime()) / dayMs);
      const says = `${socket.getProtocol()}, a certificate until ${ends.toISOString().slice(0, 10)} (${days} days)`;
      end({ level: days < fewDays ? "warn" : "ok", says });
    });
  });
}
