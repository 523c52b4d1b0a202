// SESSION_STORE: where the site keeps its sessions, as one URL.
//
//   store     = memcached / elasticache / files
//   memcached = ( "memcached://" / "memcacheds://" ) node *( "," node )
//                                                    ; in the order of PHP's session.save_path; "memcacheds": by TLS
//   node      = host ":" port [ ":" weight ]         ; host: name, IPv4 address, or IPv6 address in brackets
//   weight    = 1 to 10000                           ; 1 unless told
//   elasticache = "elasticache://" cluster-id        ; whose nodes its API names
//   cluster-id  = 1 to 50 letters, digits and hyphens ; begins with a letter, no hyphen at its end or beside another
//   files     = "files://" absolute-path             ; PHP's session.save_path, without its "N;"
//
// So ext-memcached's save_path can stand here as it is, behind "memcached://". pecl-memcache writes a node as
// "tcp://host:port?weight=3": here it is "host:port:3".

import type { Node } from "../inspector/placement.ts";

export type StoreUrl =
  | { readonly kind: "memcached"; readonly nodes: readonly Node[]; readonly isEncrypted: boolean }
  | { readonly kind: "elasticache"; readonly clusterId: string }
  | { readonly kind: "files"; readonly directory: string };

export const storeUrlForms =
  "memcached://HOST:PORT,HOST:PORT:WEIGHT, the same with memcacheds:// for TLS, elasticache://CLUSTER-ID, or files:///DIRECTORY";

const maxNodes = 300;
const maxWeight = 10_000;
const clusterId = /^(?=.{1,50}$)[A-Za-z](?:-?[A-Za-z0-9])*$/;
const node = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})(?::([0-9]{1,5}))?$/;

/** Gives where the sessions are, or undefined where the text is no such URL. */
export function readStoreUrl(text: string): StoreUrl | undefined {
  if (text.startsWith("files:///")) {
    return { kind: "files", directory: text.slice("files://".length) };
  }
  if (text.startsWith("elasticache://")) {
    const id = text.slice("elasticache://".length);
    return clusterId.test(id) ? { kind: "elasticache", clusterId: id } : undefined;
  }
  const scheme = ["memcached://", "memcacheds://"].find((name) => text.startsWith(name));
  if (scheme === undefined) return undefined;
  const nodes = text.slice(scheme.length).split(",").map(readNode);
  if (nodes.length > maxNodes || !nodes.every((found) => found !== undefined)) return undefined;
  return { kind: "memcached", nodes, isEncrypted: scheme === "memcacheds://" };
}

/** Gives the node of "host:port" or "host:port:weight", or undefined where the text is none. */
export function readNode(text: string): Node | undefined {
  const match = node.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const weight = Number(match?.[4] ?? 1);
  const isRight = port >= 1 && port <= 65535 && weight >= 1 && weight <= maxWeight;
  return host !== undefined && isRight ? { host, port, weight } : undefined;
}
