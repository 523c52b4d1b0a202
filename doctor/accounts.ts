// The accounts of this machine, as far as the doctor needs them: ejabberd's user and the relay's.

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Returns the accounts of /etc/passwd (passwd(5)): name:password:uid:gid:comment:home:shell. */
export function readAccounts(passwd: string): readonly Account[] {
  return passwd
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => fields.length === 7 && /^\d+$/.test(fields[2] ?? ""))
    .map(([name = "", , uid, gid, , home = ""]) => ({ name, uid: Number(uid), gid: Number(gid), home }));
}

/** Returns the account of a unit's `User=`, which is a name or a number. */
export function accountOf(accounts: readonly Account[], user: string): Account | undefined {
  return accounts.find(({ name, uid }) => name === user || String(uid) === user);
}

/** Returns the name of this user, or its number where it has none. */
export function nameOf(accounts: readonly Account[], uid: number): string {
  return accounts.find((account) => account.uid === uid)?.name ?? `uid ${uid}`;
}
