// SESSION_STORE=mysql://... or postgres://...: which server, which table, and which columns make a session of a row.
//
//   sql      = ( "mysql" / "postgres" ) "://" user "@" host [ ":" port ] "/" database [ "?" option *( "&" option ) ]
//   user     = percent-encoded; the password is a variable of its own
//   host     = name; or an IPv4 address, or an IPv6 address in brackets, where it is this machine's own
//   option   = "table=" name [ "." name ]        ; with the schema before it, where it is not the first one looked into
//            / "id=" name                        ; the column with the key: that of SESSION_KEY, the session's id else
//            / "data=" name                      ; the column with the session's bytes
//            / "columns=" name *( "," name )     ; in its place: each column is a variable of the session
//            / "expires=" name                   ; the column with a time, in seconds since 1970, or of a type for times
//            / "lifetime=" ( seconds / name )    ; what is added to that time, as a number or a column; 0 unless told
//            / "zone=" zone                      ; that of times without one, by IANA's name
//            / "charset=utf8"                    ; that of the site's own connection: then data= may hold text of it
//            / "auth=iam"                        ; a token of RDS in place of the password
//   name     = 1*63( letter / digit / "_" / "$" / "-" ) ; begins with a letter or "_"
//
// A connection has TLS, and the certificate must be for the host's name, except where the server is on this machine.
//
// This module is loaded where SESSION_STORE is such a URL.

export interface SqlUrl {
  readonly kind: "sql";
  readonly engine: SqlEngine;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly isEncrypted: boolean;
  /** Whether the password is a token that RDS takes: stores/sql/rds-token.ts. */
  readonly isIam: boolean;
  /** Behind a function, so that nobody logs or prints it by mistake. */
  readonly password?: () => string;
  readonly table: SqlTable;
}

type SqlEngine = "mysql" | "postgres";

export interface SqlTable {
  /** With its schema's, where it has one. */
  readonly names: readonly string[];
  readonly id: string;
  /** The column with the session's bytes, or those whose row is the session: exactly one of both. */
  readonly data?: string;
  readonly columns?: readonly string[];
  /** A row is a session until this time and the lifetime have passed. */
  readonly expires: string;
  /** In seconds, or the column that has it. */
  readonly lifetime: number | { readonly column: string };
  /** Of times without a zone. */
  readonly zone?: string;
  /** That of the site's own connection, where it is known: row.ts says why. */
  readonly charset?: "utf8";
}

/** What a URL's options say, or a preset in their place: the same names and texts. */
export type SqlOptions = Readonly<Partial<Record<(typeof optionNames)[number], string>>>;

const optionNames = ["table", "id", "data", "columns", "expires", "lifetime", "zone", "charset"] as const;

const sqlUrlForm =
  "mysql://USER@HOST/DATABASE?table=TABLE&id=COLUMN&data=COLUMN&expires=COLUMN&lifetime=SECONDS, the same with " +
  "postgres://, less where SESSION_PRESET has a table of its own";

const ports = { mysql: 3306, postgres: 5432 } as const;
const maxLifetimeSeconds = 10 * 366 * 86_400;
const maxColumns = 32;

const urlPattern =
  /^(mysql|postgres):\/\/([^:@/?#\s]{1,240})@(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?\/([^?#]*)(?:\?(.*))?$/;
const name = /^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/;
/** Printable ASCII without blanks. */
const userName = /^[!-~]{1,80}$/;
const address = /^[0-9.]+$|:/;
const loopback = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|::1)$/;

/**
 * Returns where the sessions are, or what is wrong.
 * @param known the options that the preset has
 */
export function readSqlUrl(text: string, known: SqlOptions = {}): SqlUrl | { readonly problem: string } {
  const [, engine, rawUser = "", ipv6, named, rawPort, database = "", query] = urlPattern.exec(text) ?? [];
  const host = ipv6 ?? named;
  const user = decoded(rawUser);
  if ((engine !== "mysql" && engine !== "postgres") || host === undefined || !userName.test(user)) {
    return { problem: `it must be ${sqlUrlForm}` };
  }
  const port = Number(rawPort ?? ports[engine]);
  if (port < 1 || port > 65_535 || !name.test(database)) return { problem: `it must be ${sqlUrlForm}` };
  const isLocal = loopback.test(host);
  if (!isLocal && address.test(host)) {
    return { problem: "name the host as its certificate does, not by its address" };
  }
  const options = readOptions(query);
  if ("problem" in options) return options;
  const { auth, ...given } = options.options;
  if (auth === "iam" && isLocal) return { problem: "auth=iam is for RDS, with TLS" };
  const table = tableOf(given, known);
  if ("problem" in table) return table;
  return {
    kind: "sql",
    engine,
    host,
    port,
    user,
    database,
    isEncrypted: !isLocal,
    isIam: auth === "iam",
    table,
  };
}

/** Options that have one value alone. */
const onlyValues: Readonly<Record<string, string>> = { auth: "iam", charset: "utf8" };
const namesOfValues = optionNames.filter((option) => !(option in onlyValues));

type Given = SqlOptions & { readonly auth?: string };

function readOptions(query: string | undefined): { readonly options: Given } | { readonly problem: string } {
  const options = new Map<string, string>();
  for (const part of query === undefined ? [] : query.split("&")) {
    const [, option = "", value = ""] = /^([a-z]+)=(.+)$/.exec(part) ?? [];
    const only = onlyValues[option];
    const isKnown = only === undefined ? optionNames.some((known) => known === option) : value === only;
    if (!isKnown || options.has(option)) {
      return {
        problem: `each of its options must be one of ${namesOfValues.join(", ")}, charset=utf8 or auth=iam, once, with a value`,
      };
    }
    options.set(option, value);
  }
  return { options: Object.fromEntries(options) };
}

/** A preset's options hold where the URL has none; what belongs together is of one of both. */
function tableOf(given: SqlOptions, known: SqlOptions): SqlTable | { readonly problem: string } {
  const { data: knownData, columns: knownColumns, expires, lifetime, zone, ...others } = known;
  const all: SqlOptions = {
    ...others,
    ...(given.data === undefined &&
      given.columns === undefined &&
      withoutUndefined({ data: knownData, columns: knownColumns })),
    ...(given.expires === undefined && withoutUndefined({ expires, lifetime, zone })),
    ...given,
  };
  const lacking = (["table", "id", "expires"] as const).filter((option) => all[option] === undefined);
  if (lacking.length > 0) return { problem: `it lacks ${lacking.map((option) => `${option}=`).join(", ")}` };
  if ((all.data === undefined) === (all.columns === undefined)) {
    return { problem: "it must have one of data= and columns=" };
  }
  const names = (all.table ?? "").split(".");
  const columns = all.columns?.split(",");
  const seconds = /^[0-9]{1,9}$/.test(all.lifetime ?? "0") ? Number(all.lifetime ?? 0) : undefined;
  const identifiers = [
    ...names,
    all.id ?? "",
    ...(columns ?? [all.data ?? ""]),
    all.expires ?? "",
    ...(seconds === undefined ? [all.lifetime ?? ""] : []),
  ];
  if (names.length > 2 || !identifiers.every((identifier) => name.test(identifier))) {
    return { problem: "a table or a column is no name: letters, digits, _, $ and -, at most 63" };
  }
  if (columns !== undefined && (columns.length > maxColumns || new Set(columns).size < columns.length)) {
    return { problem: `columns= must be different names, at most ${maxColumns}` };
  }
  if (seconds !== undefined && seconds > maxLifetimeSeconds)
    return { problem: "lifetime= is above ten years" };
  if (all.zone !== undefined && !isZone(all.zone)) {
    return { problem: "zone= must be a time zone by its name, such as UTC or Europe/Berlin" };
  }
  return {
    names,
    id: all.id ?? "",
    ...withoutUndefined({ data: all.data, columns, zone: all.zone }),
    ...(all.charset === "utf8" && { charset: all.charset }),
    expires: all.expires ?? "",
    lifetime: seconds ?? { column: all.lifetime ?? "" },
  };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function isZone(zone: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Returns "" for what is not percent-encoded right: no user's name. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
