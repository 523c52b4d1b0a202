// extauth_program -> what would be run. ejabberd hands it to Erlang's open_port({spawn, ...}), which is the shell:
// /bin/sh -c "exec PROGRAM". Here it is only read; the trial (try-program.ts) leaves it to the shell.

export interface Command {
  /** The program as written: a path, or a name to look for in PATH. */
  readonly program: string | undefined;
  /** The file that an interpreter runs. */
  readonly script: string | undefined;
  /** The arguments of the script, or of the program if there is no script. */
  readonly args: readonly string[];
  /** The unix socket that socat connects to. */
  readonly socket: string | undefined;
}

const interpreters = /^(node|nodejs|python[\d.]*|php[\d.]*|perl|ruby|bash|sh)$/;

/** Returns the parts of the command. What cannot be understood is left out. */
export function readCommand(text: string): Command {
  let words = wordsOf(text);
  if (/^(.*\/)?(ba|da)?sh$/.test(words[0] ?? "") && words[1] === "-c") words = lastCommand(words[2] ?? "");
  const socket = /\bUNIX(?:-CONNECT)?:([^,\s'"]+)/i.exec(text)?.[1];
  return { ...readWords(words), socket };
}

/** Returns the parts of a command that is split into its words. */
export function readWords(words: readonly string[]): Omit<Command, "socket"> {
  const [program, ...rest] = words;
  if (!interpreters.test(program?.split("/").at(-1) ?? "")) return { program, script: undefined, args: rest };
  const at = rest.findIndex((word) => !word.startsWith("-"));
  return { program, script: rest[at], args: at < 0 ? [] : rest.slice(at + 1) };
}

/** Returns the words as the shell splits them, without their quotes. */
function wordsOf(text: string): string[] {
  return (text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? []).map((word) => word.replace(/["']/g, ""));
}

/** Returns the last command of a script: `sleep 2; exec socat ...` leaves a socat. */
function lastCommand(script: string): string[] {
  const words = wordsOf(script.split(/;|&&|\|\|/).at(-1) ?? "");
  return words[0] === "exec" ? words.slice(1) : words;
}

/** Whether these are a relay's arguments: the URL of the route is among them. */
export function isRelays(args: readonly string[]): boolean {
  return args.some((arg) => /^https?:\/\//.test(arg));
}
