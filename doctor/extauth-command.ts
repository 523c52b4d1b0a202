// extauth_program -> what would be run. ejabberd hands it to Erlang's open_port({spawn, ...}), which is the shell:
// /bin/sh -c "exec PROGRAM". The look at it here is a reader's: the trial (try-program.ts) leaves it to the shell.

export interface Command {
  /** What is run, as written: a path, or a name that is looked for in PATH. */
  readonly program: string | undefined;
  /** The file that an interpreter is given to run. */
  readonly script: string | undefined;
  /** What stands behind the script, or behind the program where there is none. */
  readonly args: readonly string[];
  /** The unix socket that socat connects to. */
  readonly socket: string | undefined;
}

const interpreters = /^(node|nodejs|python[\d.]*|php[\d.]*|perl|ruby|bash|sh)$/;

/** Gives the parts of the command. Throws nothing: what cannot be understood is left out. */
export function readCommand(text: string): Command {
  let words = wordsOf(text);
  if (/^(.*\/)?(ba|da)?sh$/.test(words[0] ?? "") && words[1] === "-c") words = lastCommand(words[2] ?? "");
  const socket = /\bUNIX(?:-CONNECT)?:([^,\s'"]+)/i.exec(text)?.[1];
  return { ...readWords(words), socket };
}

/** Gives the parts of a command that is split into its words. */
export function readWords(words: readonly string[]): Omit<Command, "socket"> {
  const [program, ...rest] = words;
  if (!interpreters.test(program?.split("/").at(-1) ?? "")) return { program, script: undefined, args: rest };
  const at = rest.findIndex((word) => !word.startsWith("-"));
  return { program, script: rest[at], args: at < 0 ? [] : rest.slice(at + 1) };
}

/** Gives the words as the shell splits them, quotes taken off. */
function wordsOf(text: string): string[] {
  return (text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((word) => word.replace(/["']/g, ""));
}

/** `sleep 2; exec socat ...`: the last one is what stays. */
function lastCommand(script: string): string[] {
  const words = wordsOf(script.split(/;|&&|\|\|/).at(-1) ?? "");
  return words[0] === "exec" ? words.slice(1) : words;
}

/** Whether these are arguments of a relay: the URL of the route stands among them. */
export function isRelays(args: readonly string[]): boolean {
  return args.some((arg) => /^https?:\/\//.test(arg));
}
