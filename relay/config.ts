// The relay's configuration: its command line, checked. A wrong one is said in words that name what to change.

import { isIP } from "node:net";
import { parseArgs } from "node:util";

export interface RelayConfig {
  /** The route's full URL. */
  readonly url: URL;
  /** How long one login may take in all, in milliseconds. ejabberd itself waits 30000. */
  readonly deadlineMs: number;
}

export const usage =
  "usage: node relay.mjs URL [--deadline-ms N]\n" +
  "  URL              the route's full URL, https://ID.execute-api.REGION.amazonaws.com/auth;\n" +
  "                   plain http only to this machine itself (127.0.0.1, [::1], localhost)\n" +
  "  --deadline-ms N  answer no when a login takes longer; 100 to 20000 milliseconds, 10000 unless given";

const defaultDeadlineMs = 10_000;

/** Gives the configuration that these arguments make, frozen, or the problem with them. Throws nothing. */
export function readConfig(args: readonly string[]): RelayConfig | { readonly problem: string } {
  let parsed: { values: { "deadline-ms"?: string | undefined }; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      options: { "deadline-ms": { type: "string" } },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    return { problem: (error as Error).message };
  }
  const [address, ...more] = parsed.positionals;
  if (address === undefined) return { problem: "the URL of the route is missing" };
  if (more.length > 0) return { problem: "more than one URL is given" };
  const url = readUrl(address);
  if ("problem" in url) return url;
  const deadline = parsed.values["deadline-ms"];
  const deadlineMs = deadline === undefined ? defaultDeadlineMs : Number(deadline);
  if (!Number.isInteger(deadlineMs) || deadlineMs < 100 || deadlineMs > 20_000) {
    return { problem: "--deadline-ms is not a whole number from 100 to 20000" };
  }
  return Object.freeze({ url, deadlineMs });
}

function readUrl(address: string): URL | { readonly problem: string } {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return { problem: "the URL cannot be read; it is written https://HOST/auth" };
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return { problem: "the URL begins neither with https:// nor with http://" };
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return { problem: "the URL is plain http to another machine: session ids would travel unencrypted" };
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return { problem: "the URL holds a user name, a password, a query or a fragment; it takes none" };
  }
  if (url.pathname === "/") return { problem: "the URL names no route; it ends in /auth" };
  return url;
}

function isLoopback(hostname: string): boolean {
  if (hostname === "localhost" || hostname === "[::1]") return true;
  return isIP(hostname) === 4 && hostname.startsWith("127.");
}
