// SESSION_STORE=mysql://... or postgres://... with what goes beside it. Loaded for such a store alone.

import { readSqlUrl, type SqlOptions, type SqlUrl } from "../stores/sql/sql-url.ts";
import { type Variable, variables } from "./variables.ts";

interface Beside {
  /** The options that the preset has. */
  readonly known: SqlOptions | undefined;
  readonly password: (() => string) | undefined;
  readonly isSet: (variable: Variable<unknown>) => boolean;
}

/** Returns where the sessions are, if it is right, and every problem with it. */
export function readSql(
  text: string,
  { known, password, isSet }: Beside,
): { readonly store?: SqlUrl; readonly problems: readonly string[] } {
  const { store: url, storePassword, serializeHandler, layers } = variables;
  const store = readSqlUrl(text, known);
  if ("problem" in store) return { problems: [`${url.name} is wrong: ${store.problem}`] };
  const problems: string[] = [];
  if (store.isIam && isSet(storePassword)) {
    problems.push(`${storePassword.name} is set, and ${url.name} has auth=iam: unset one of them`);
  }
  if (!store.isIam && !isSet(storePassword)) {
    problems.push(`${storePassword.name} is missing: it must be the password of ${url.name}'s user`);
  }
  for (const variable of store.table.columns === undefined ? [] : [serializeHandler, layers]) {
    if (isSet(variable)) {
      problems.push(`${variable.name} is set, and the sessions are rows of a table (columns=): unset it`);
    }
  }
  return { store: { ...store, ...(password && { password }) }, problems };
}
