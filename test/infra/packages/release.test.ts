// One release: its number and its date stand in several places, and are the same in all of them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { datesOf, readRelease } from "../../../infra/packages/release.ts";
import { version as relayVersion } from "../../../relay/version.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, "utf8");
const { version, dateSeconds } = readRelease(root, 0);
const changelog = read("CHANGELOG.md");

describe("the release", () => {
  it("is the same in package.json, its lock, the relay, the Erlang application and the packages", () => {
    const lock = JSON.parse(read("package-lock.json"));
    assert.equal(JSON.parse(read("package.json")).version, version);
    assert.equal(lock.version, version);
    assert.equal(lock.packages[""].version, version);
    assert.equal(relayVersion, version);
    assert.equal(
      /\{vsn, "([^"]+)"\}/.exec(read("infra/ejabberd/inspectord/src/inspectord.app.src"))?.[1],
      version,
    );
  });

  it("is the one of the images that the examples name", () => {
    for (const name of ["ecs", "kubernetes"]) {
      const text = read(`infra/packages/examples/${name}.yml`);
      const named = [...text.matchAll(/inspectord-relay[:-](\d+\.\d+\.\d+)/g)].map(([, found]) => found);
      assert.ok(named.length >= 2, name);
      for (const found of named) assert.equal(found, version, name);
    }
  });

  it("is the newest one of CHANGELOG.md, which says what an upgrade to it asks for", () => {
    const [[newest, date] = []] = datesOf(changelog);
    assert.equal(newest, version);
    assert.equal(new Date(dateSeconds * 1000).toISOString().slice(0, 10), date);
    const [, section = ""] = changelog.split(/^## \[\d.*$/m);
    assert.match(section, /^\n\n### Upgrading\n/);
  });
});

describe("the changelog", () => {
  it("has what is not released first, and then each release with its date, the newest first", () => {
    const headings = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading = ""]) => heading);
    assert.equal(headings[0], "[Unreleased]");
    const dated = [...datesOf(changelog)];
    assert.equal(headings.length, dated.length + 1, headings.join());
    const numbers = dated.map(([number]) =>
      number.split(".").reduce((sum, part) => 1000 * sum + Number(part), 0),
    );
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => b - a),
    );
  });
});
