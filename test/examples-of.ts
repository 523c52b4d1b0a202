// The examples in a program's help.

/** Returns the arguments of each example line of this program: the words as a shell reads them, redirections left out. */
export function examplesOf(help: string, program: string): string[][] {
  const [, block = ""] = /^Examples\b.*:\n\n((?: .*\n|\n(?= ))+)/m.exec(help) ?? [];
  const lines = block.replaceAll("\\\n", " ").split("\n");
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
      const own = program.split(" ");
      if (own.some((word, at) => words[at] !== word)) throw new Error(`no example of ${program}: ${line}`);
      const redirection = words.indexOf("<");
      return words
        .slice(own.length, redirection < 0 ? undefined : redirection)
        .filter((word) => word !== "--");
    });
}
