// A program's help as a manual page.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { manPage } from "../../../infra/packages/man-page.ts";

const help = `usage: x URL [options]
       x --raw < FILE

Says what a file's \\ name is. It
does nothing else.

  URL                 where
  --long-option-name PATH
                      a file,
                      for nobody
  --tight-option PATH said at once

  --version, --help

Examples, with Y set:

  x http://a/ --long-option-name 'a b' \\
    --tight-option c
  x

Exit codes: 0, 1.
`;

const page = manPage({
  ...{ name: "in-x", section: 8, summary: "says x", help, version: "1.2.3", dateSeconds: 86_400 },
  seeAlso: ["in-y(1)"],
});
const between = (from: string, to: string) =>
  page.slice(page.indexOf(from) + from.length, to === "" ? undefined : page.indexOf(to)).trim();

describe("a manual page", () => {
  it("has the program's name, section, release and date in its head", () => {
    assert.match(page, /^\.TH IN-X 8 1970-01-02 "InspectorD 1\.2\.3" "InspectorD"\n/);
    assert.equal(between(".SH NAME", ".SH SYNOPSIS"), "in\\-x \\- says x");
  });

  it("has the usage as it stands", () => {
    assert.equal(between(".SH SYNOPSIS", ".SH DESCRIPTION"), ".nf\nx URL [options]\nx \\-\\-raw < FILE\n.fi");
  });

  it("has each option with its text, wherever the text begins", () => {
    assert.equal(
      between("nothing else.", ".SH EXAMPLES"),
      [
        ".TP\n.B URL\nwhere",
        ".TP\n.B \\-\\-long\\-option\\-name PATH\na file,\nfor nobody",
        ".TP\n.B \\-\\-tight\\-option PATH\nsaid at once",
        ".TP\n.B \\-\\-version, \\-\\-help",
      ].join("\n"),
    );
  });

  it("has the examples as they stand, and what follows them under a heading of its own", () => {
    const examples = between(".SH EXAMPLES", ".SH NOTES");
    assert.match(examples, /^With Y set:\n\.PP\n\.nf\nx http:\/\/a\/ \\-\\-long/);
    assert.ok(examples.includes("\\(aqa b\\(aq \\e\n  \\-\\-tight\\-option c\nx\n.fi"), examples);
    assert.equal(between(".SH NOTES", ".SH SEE ALSO"), "Exit codes: 0, 1.");
  });

  it("names other pages by their sections", () => {
    assert.equal(between(".SH SEE ALSO", ""), "\\fBin\\-y\\fR(1)");
  });

  it("shows every character of the help: none is a command of the formatter's", () => {
    assert.match(page, /a file\\\(aqs \\e name is/);
    const odd = manPage({
      ...{ name: "x", section: 1, summary: "s", version: "1", dateSeconds: 0, seeAlso: [] },
      help: "usage: x\n\n.de is no macro\n'br is none",
    });
    assert.match(odd, /\n\\&\.de is no macro\n\\\(aqbr is none\n/);
  });
});
