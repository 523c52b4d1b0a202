// What a server speaks that does not speak what SESSION_STORE says: memcached, Redis, either with TLS or without.

import { openStore } from "../../handlers/compose.ts";
import type { Config } from "../../handlers/configuration.ts";
import { StoreError } from "../../inspector/session-store.ts";

const schemes = ["memcached", "redis", "memcacheds", "rediss"] as const;
type Scheme = (typeof schemes)[number];

const hasTls = (scheme: Scheme) => scheme === "memcacheds" || scheme === "rediss";

/** No session's: only whether the server answers in its protocol counts. */
const nobodysKey = "inspectord:nobody";

/** Returns what is wrong with the scheme of SESSION_STORE, or undefined where no other one is answered, either. */
export async function otherProtocol(config: Config): Promise<string | undefined> {
  const { store } = config;
  if (store.kind !== "memcached" && store.kind !== "redis") return undefined;
  const own: Scheme = `${store.kind}${store.isEncrypted ? "s" : ""}`;
  const [node] = store.nodes;
  if (node === undefined) return undefined;
  // The same one with TLS, or without, goes first: a certificate that is not trusted does not say whose it is.
  const isOfKind = (scheme: Scheme) => scheme.startsWith(store.kind);
  const others = [
    ...schemes.filter((scheme) => scheme !== own && isOfKind(scheme)),
    ...schemes.filter((scheme) => !isOfKind(scheme)),
  ];
  const spoken = await Promise.all(others.map((scheme) => isSpoken(config, scheme)));
  const scheme = others[spoken.indexOf(true)];
  if (scheme === undefined) return undefined;
  const place = node.host.includes(":") ? `[${node.host}]:${node.port}` : `${node.host}:${node.port}`;
  const named = scheme.startsWith("redis") ? "Redis or Valkey" : "memcached";
  return `${place} is a ${named}${hasTls(scheme) ? " with TLS" : ""}: SESSION_STORE must begin with ${scheme}://, not ${own}://`;
}

async function isSpoken(config: Config, scheme: Scheme): Promise<boolean> {
  const { store: told } = config;
  if (!("nodes" in told)) return false;
  const nodes = told.nodes.slice(0, 1);
  const isEncrypted = hasTls(scheme);
  // No password goes to a server that was asked in a protocol that nobody told.
  const store: Config["store"] = scheme.startsWith("redis")
    ? { kind: "redis", nodes, isEncrypted, database: 0, isCluster: false }
    : { kind: "memcached", nodes, isEncrypted };
  const { field: _, ...others } = config;
  const opened = await openStore({ ...others, store, keyOf: (key) => key }, () => {});
  try {
    await opened.getData(nobodysKey);
    return true;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // It answered with an error of this protocol, or showed a certificate.
    const isRefusal = error.fault === "store-refused";
    return isRefusal || (isEncrypted && error.fault === "store-untrusted");
  } finally {
    opened.close();
  }
}
