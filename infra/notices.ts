// The third-party notices of a build: which packages have code in which bundle, and the licence of each with its text. The
// licences ask for these with every copy of the code.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Metafile } from "esbuild";

/** A file or directory of dist/, with what esbuild says of it. */
export interface Bundle {
  readonly name: string;
  readonly metafile: Metafile;
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** The licence's text and further notices, as the package has them; empty if it has none. */
  readonly texts: readonly string[];
}

/** The licences whose terms these notices meet: permissive ones, by their SPDX identifiers. */
const allowedLicences = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"];

/** These ask for no notice. */
const withoutConditions = ["0BSD", "MIT-0"];

const rule = `${"=".repeat(80)}\n`;

/**
 * Returns the text of the notices file for these bundles, whose paths are relative to `root`.
 *
 * @throws Error if a package's licence is not one of the allowed ones, or if its text is nowhere to be found.
 */
export function noticesOf(bundles: readonly Bundle[], root: string): string {
  const holders = new Map<string, string[]>();
  for (const { name, metafile } of bundles) {
    for (const directory of directoriesIn(metafile)) {
      holders.set(directory, [...(holders.get(directory) ?? []), name]);
    }
  }
  const found = [...holders].map(([directory, names]) => ({ names, ...readPackage(join(root, directory)) }));
  const byText = new Map<string, string[]>();
  for (const one of found.toSorted(byNameAndVersion)) {
    const text = textOf(one, found);
    const line = `${one.name} ${one.version} (${one.licence}), in ${one.names.join(", ")}`;
    byText.set(text, [...(byText.get(text) ?? []), line]);
  }
  const sections = [...byText].map(([text, lines]) => `${rule}${lines.join("\n")}\n\n${text}\n`);
  return `InspectorD's bundles hold code of these packages, each under its own licence.\n\n${sections.join("\n")}`;
}

/** Returns the directories of the packages that have at least one byte in a bundle. */
function directoriesIn({ outputs }: Metafile): string[] {
  const paths = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path),
  );
  const directories = paths.flatMap((path) => {
    const [directory] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    return directory === undefined ? [] : [directory];
  });
  return [...new Set(directories)];
}

function readPackage(directory: string): Package {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  if (!allowedLicences.includes(license)) {
    throw new Error(
      `${name} ${version} is in a bundle, and its licence is ${license ?? "not named"}. ` +
        `Replace the package, or add its licence to infra/notices.ts if its terms are met.`,
    );
  }
  const texts = readdirSync(directory)
    .filter((file) => /^(?:licen[cs]e|notice|copying)(?:[.-].*)?$/i.test(file))
    .toSorted()
    .map((file) => readText(join(directory, file)));
  return { name, version, licence: license, texts: texts.length > 0 ? texts : licenceInReadme(directory) };
}

/** Some packages have their licence's text in their README alone, as its last section. */
function licenceInReadme(directory: string): string[] {
  const readme = readdirSync(directory).find((file) => /^readme(?:\.md)?$/i.test(file));
  const [, text] = /^#+ licen[cs]e\s*$([^#]+)$/im.exec(readme ? readText(join(directory, readme)) : "") ?? [];
  return text?.includes("Permission is hereby granted") ? [text.trim()] : [];
}

/** The blanks before the first word stay: a heading may be centred. */
function readText(path: string): string {
  return readFileSync(path, "utf8")
    .replaceAll("\r\n", "\n")
    .replace(/^\s*\n/, "")
    .trimEnd();
}

/** Some of Amazon's packages lack the text of the Apache licence, which is the same for all of them. */
function textOf({ name, licence, texts }: Package, others: readonly Package[]): string {
  if (texts.length > 0) return texts.join("\n\n");
  if (withoutConditions.includes(licence)) return `${licence}: https://spdx.org/licenses/${licence}.html`;
  const other = others.find(
    (one) => licence === "Apache-2.0" && one.licence === licence && one.texts.length > 0,
  );
  if (other === undefined)
    throw new Error(`${name} is in a bundle and lacks the text of its licence (${licence}).`);
  return other.texts.join("\n\n");
}

function byNameAndVersion(a: Package, b: Package): number {
  const [left, right] = [`${a.name} ${a.version}`, `${b.name} ${b.version}`];
  return left < right ? -1 : 1;
}
