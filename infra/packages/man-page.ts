// A program's help -> its manual page, in roff (man(7)). The help stays the only place where an option is explained.

export interface ManPage {
  /** The program's name where it is installed. */
  readonly name: string;
  readonly section: 1 | 8;
  /** For the line NAME: what the program does. */
  readonly summary: string;
  /** What the program prints at --help. */
  readonly help: string;
  readonly version: string;
  readonly dateSeconds: number;
  /** Further pages, as inspectord-relay(8). */
  readonly seeAlso: readonly string[];
}

/** Returns the page's text. */
export function manPage({ name, section, summary, help, version, dateSeconds, seeAlso }: ManPage): string {
  const date = new Date(dateSeconds * 1000).toISOString().slice(0, 10);
  const [usage = "", ...blocks] = help.trimEnd().split("\n\n");
  const sections = [
    `.TH ${name.toUpperCase()} ${section} ${date} "InspectorD ${version}" "InspectorD"`,
    ".nh",
    ".SH NAME",
    `${escaped(name)} \\- ${escaped(summary)}`,
    ".SH SYNOPSIS",
    ...asItStands(usage.replace(/^usage: /, "       ").split("\n")),
    ".SH DESCRIPTION",
    ...blocks.flatMap((block, at) => [
      // What stands behind the examples is not about them.
      ...(isExamples(blocks[at - 2]) ? [".SH NOTES"] : []),
      ...blockOf(block),
    ]),
    ".SH SEE ALSO",
    seeAlso.map((page) => page.replace(/^(.*)\((\d)\)$/, "\\fB$1\\fR($2)").replaceAll("-", "\\-")).join(", "),
  ];
  // A section begins with a paragraph by itself.
  return `${sections.join("\n").replace(/^(\.SH .*)\n\.PP$/gm, "$1")}\n`;
}

function isExamples(block: string | undefined): boolean {
  return block !== undefined && /^Examples\b.*:$/.test(block);
}

function blockOf(block: string): string[] {
  const lines = block.split("\n");
  if (lines.length === 1 && /^\S.*:$/.test(block)) {
    const title = block.slice(0, -1);
    return isExamples(block) ? [".SH EXAMPLES", ...noteOf(title)] : [".SS", escaped(title)];
  }
  if (!lines.every((line) => line.startsWith("  "))) return [".PP", ...lines.map(escaped)];
  return isCommands(lines) ? asItStands(lines) : itemsOf(lines);
}

/** "Examples, with X set": what stands behind the word. */
function noteOf(title: string): string[] {
  const note = title.replace(/^Examples,? ?/, "");
  return note === "" ? [] : [`${escaped(note.charAt(0).toUpperCase() + note.slice(1))}:`];
}

/** Commands have no second column. */
function isCommands(lines: readonly string[]): boolean {
  return (
    lines.every((line) => !/^ {2}\S.*? {2,}\S|^ {8,}\S/.test(line)) &&
    lines.every((line) => !/^ {2}-/.test(line))
  );
}

function itemsOf(lines: readonly string[]): string[] {
  const indents = lines.map((line) => line.search(/\S/)).filter((indent) => indent >= 6);
  const first = lines
    .map((line) => /^ {2}\S.*? {2,}(?=\S)/.exec(line)?.[0].length ?? 0)
    .find((width) => width > 0);
  const column = indents.length > 0 ? Math.min(...indents) : (first ?? 0);
  return lines.flatMap((line) => {
    if (column > 0 && line.search(/\S/) >= column) return [escaped(line.trim())];
    const isSplit = column > 0 && line.length > column && line[column - 1] === " ";
    const term = isSplit ? line.slice(0, column) : line;
    const text = isSplit ? line.slice(column).trim() : "";
    return [".TP", `.B ${escaped(term.trim())}`, ...(text === "" ? [] : [escaped(text)])];
  });
}

function asItStands(lines: readonly string[]): string[] {
  const indent = Math.min(...lines.map((line) => line.search(/\S/)));
  return [".PP", ".nf", ...lines.map((line) => escaped(line.slice(indent))), ".fi"];
}

/** Escapes a line of text: roff's own characters, and what it takes for a request. */
function escaped(line: string): string {
  return line
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replace(/^\./, "\\&.");
}
