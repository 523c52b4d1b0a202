// SESSION_STORE: where the site keeps its sessions, as one URL.
//
//   store     = memcached / elasticache / redis / dynamodb / sql / files / custom
//   memcached = ( "memcached://" / "memcacheds://" ) node *( "," node )
//                                                    ; in the order of PHP's session.save_path; "memcacheds": by TLS
//   node      = host ":" port [ ":" weight ]         ; host: name, IPv4 address, or IPv6 address in brackets
//   weight    = 1 to 10000                           ; 1 unless told
//   elasticache = "elasticache://" cluster-id        ; whose nodes its API names
//   cluster-id  = 1 to 50 letters, digits and hyphens ; begins with a letter, no hyphen at its end or beside another
//   redis     = ( "redis://" / "rediss://" ) [ access "@" ] node *( "," node ) [ "/" database ] [ "?cluster=true" ]
//   access    = user / [ user ] ":" password         ; percent-encoded; "rediss": by TLS
//   database  = 0 to 99999                           ; 0 unless told
//   "?cluster=true": the nodes are a Redis Cluster's, which may name others of the same domain
//   dynamodb  = "dynamodb://" table [ "?" option *( "&" option ) ]
//   option    = ( "hash_key" / "data_attribute" / "session_lifetime_attribute" ) "=" name
//                                                    ; as aws-sdk-php has them: id, data and expires unless told
//   sql       = ( "mysql://" / "postgres://" ) ...   ; sql/sql-url.ts
//   files     = "files://" absolute-path [ "?uid=" uid ]
//                                                    ; PHP's session.save_path, without its "N;"; no "?" in it
//   uid       = 0 to 4294967294                      ; the user id that PHP runs as
//   custom    = "custom://" ...                      ; custom-url.ts
//
// So ext-memcached's save_path can stand here as it is, after "memcached://". pecl-memcache writes a node as
// "tcp://host:port?weight=3": here it is "host:port:3". So does phpredis, and its servers' one database, user and
// password stand here once for all of them.

import type { CustomUrl } from "./custom-url.ts";
import type { Node } from "./placement/placement.ts";
import type { SqlUrl } from "./sql/sql-url.ts";

/** Of a SQL server or of the operator's own: sql/sql-url.ts or custom-url.ts reads it further, loaded for such a store alone. */
export interface UnreadUrl {
  readonly kind: "sql" | "custom";
  readonly text: string;
}

export type StoreUrl =
  | { readonly kind: "memcached"; readonly nodes: readonly Node[]; readonly isEncrypted: boolean }
  | { readonly kind: "elasticache"; readonly clusterId: string }
  | RedisUrl
  | DynamoDbUrl
  | SqlUrl
  | FilesUrl
  | CustomUrl;

export interface RedisUrl {
  readonly kind: "redis";
  /** In the order of PHP's session.save_path. */
  readonly nodes: readonly Node[];
  readonly isEncrypted: boolean;
  readonly database: number;
  /** Whether the nodes are those of a Redis Cluster, and may say that a session is on another. */
  readonly isCluster: boolean;
  readonly user?: string;
  /** Behind a function, so that nobody logs or prints it by mistake. */
  readonly password?: () => string;
}

interface DynamoDbUrl {
  readonly kind: "dynamodb";
  readonly table: string;
  readonly hashKey: string;
  readonly dataAttribute: string;
  readonly expiryAttribute: string;
}

interface FilesUrl {
  readonly kind: "files";
  readonly directory: string;
  /** The user id that PHP runs as. */
  readonly uid?: number;
}

export const storeUrlForms =
  "memcached://HOST:PORT,HOST:PORT:WEIGHT, redis://USER:PASSWORD@HOST:PORT/DATABASE, the same with memcacheds:// and " +
  "rediss:// for TLS, elasticache://CLUSTER-ID, dynamodb://TABLE, mysql://USER@HOST/DATABASE?OPTIONS, the same with postgres://, " +
  "files:///DIRECTORY?uid=N, or custom://MODULE?NAME=VALUE";

const maxNodes = 300;
const maxWeight = 10_000;
const clusterId = /^(?=.{1,50}$)[A-Za-z](?:-?[A-Za-z0-9])*$/;
const node = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})(?::([0-9]{1,5}))?$/;

/** Returns where the sessions are, or undefined where the text is no such URL. */
export function readStoreUrl(text: string): StoreUrl | UnreadUrl | undefined {
  if (text.startsWith("files://")) return readFilesUrl(text);
  if (text.startsWith("elasticache://")) {
    const id = text.slice("elasticache://".length);
    return clusterId.test(id) ? { kind: "elasticache", clusterId: id } : undefined;
  }
  if (/^rediss?:\/\//.test(text)) return readRedisUrl(text);
  if (text.startsWith("dynamodb://")) return readDynamoDbUrl(text);
  if (/^(?:mysql|postgres):\/\//.test(text)) return { kind: "sql", text };
  if (text.startsWith("custom://")) return { kind: "custom", text };
  const scheme = ["memcached://", "memcacheds://"].find((name) => text.startsWith(name));
  if (scheme === undefined) return undefined;
  const nodes = readNodes(text.slice(scheme.length));
  return nodes && { kind: "memcached", nodes, isEncrypted: scheme === "memcacheds://" };
}

function readRedisUrl(text: string): RedisUrl | undefined {
  const [, scheme, rawUser, rawPassword, list = "", database, cluster] = redisUrl.exec(text) ?? [];
  const nodes = readNodes(list);
  const user = decoded(rawUser);
  const password = decoded(rawPassword);
  if (nodes === undefined || user === undefined || password === undefined) return undefined;
  return {
    kind: "redis",
    nodes,
    isEncrypted: scheme === "rediss",
    database: Number(database ?? 0),
    isCluster: cluster !== undefined,
    ...(user !== "" && { user }),
    ...(password !== "" && { password: () => password }),
  };
}

const redisUrl =
  /^(rediss?):\/\/(?:([^:@/,\s]*)(?::([^:@/,\s]+))?@)?([^@/?]+)(?:\/([0-9]{1,5}))?(\?cluster=true)?$/;

/** Percent-decodes the text. Returns "" for a missing part and undefined for invalid encoding. */
export function decoded(text = ""): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

const filesUrl = /^files:\/\/(\/[^?]*)(?:\?uid=(0|[1-9][0-9]{0,9}))?$/;
/** The system's own for "no such user" is one above. */
const maxUid = 2 ** 32 - 2;

function readFilesUrl(text: string): FilesUrl | undefined {
  const [, directory, uid] = filesUrl.exec(text) ?? [];
  if (directory === undefined || Number(uid ?? 0) > maxUid) return undefined;
  return { kind: "files", directory, ...(uid !== undefined && { uid: Number(uid) }) };
}

const dynamoDbUrl = /^dynamodb:\/\/([A-Za-z0-9_.-]{3,255})(?:\?(.+))?$/;
const dynamoDbOption = /^(hash_key|data_attribute|session_lifetime_attribute)=([A-Za-z0-9_.-]{1,255})$/;

function readDynamoDbUrl(text: string): DynamoDbUrl | undefined {
  const [, table, query] = dynamoDbUrl.exec(text) ?? [];
  const options = query === undefined ? [] : query.split("&").map((option) => dynamoDbOption.exec(option));
  if (table === undefined || !options.every((option) => option !== null)) return undefined;
  const named = new Map(options.map(([, name, value]) => [name, value]));
  if (named.size < options.length) return undefined;
  return {
    kind: "dynamodb",
    table,
    hashKey: named.get("hash_key") ?? "id",
    dataAttribute: named.get("data_attribute") ?? "data",
    expiryAttribute: named.get("session_lifetime_attribute") ?? "expires",
  };
}

function readNodes(list: string): readonly Node[] | undefined {
  const nodes = list.split(",").map(readNode);
  return nodes.length <= maxNodes && nodes.every((found) => found !== undefined) ? nodes : undefined;
}

/** Returns the node of "host:port" or "host:port:weight", or undefined if the text is not one. */
export function readNode(text: string): Node | undefined {
  const match = node.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const weight = Number(match?.[4] ?? 1);
  const isRight = port >= 1 && port <= 65535 && weight >= 1 && weight <= maxWeight;
  return host !== undefined && isRight ? { host, port, weight } : undefined;
}
