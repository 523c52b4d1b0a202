// What the system calls a fault of a connection or a file: ECONNREFUSED, ENOTFOUND, EACCES and their like.

/** ERR_... are Node's own names for a program's faults. */
const systemCode = /^E(?!RR_)[A-Z0-9_]{1,39}$/;

/** Returns the system's code of an error, or undefined where it is not the system's: a fault of a program, ours first. */
export function systemCodeOf(error: unknown): Uppercase<string> | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && systemCode.test(code) ? (code as Uppercase<string>) : undefined;
}
