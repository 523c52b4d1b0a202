// The dashboard for Grafana, held to the metrics that the relay has.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Metrics } from "../../relay/metrics.ts";

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

const dashboard = JSON.parse(
  readFileSync(new URL("../../infra/grafana/dashboard.json", import.meta.url), "utf8"),
);
const panels: readonly Panel[] = dashboard.panels;
const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const metrics = new Metrics();
metrics.login({ outcome: "refused", code: "no-session" }, 1);
const text = metrics.text({ connections: 0, members: 0, isBreakerOpen: false, inFlight: 0, queued: 0 });
/** By name, the labels that the relay writes. */
const written = new Map<string, Set<string>>();
for (const [, name = "", labels = ""] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? /gm)) {
  const names = [...labels.matchAll(/([a-z]+)="/g)].map(([, label = ""]) => label);
  written.set(name, new Set([...(written.get(name) ?? []), ...names]));
}

describe("the dashboard for Grafana", () => {
  it("reads metrics that the relay has, by labels that they have", () => {
    for (const expression of expressions) {
      const [, name = ""] = /(inspectord_[a-z_]+)\{/.exec(expression) ?? [];
      const labels = written.get(name);
      assert.ok(labels !== undefined, expression);
      const [, by = ""] = /by \(([^)]*)\)/.exec(expression) ?? [];
      for (const label of by.split(/, */).filter((one) => one !== "" && one !== "instance")) {
        assert.ok(labels.has(label), `${label}: ${expression}`);
      }
    }
  });

  it("reads every metric that the relay has", () => {
    const families = [...text.matchAll(/^# TYPE ([a-z_]+) /gm)].map(([, name = ""]) => name);
    assert.ok(families.length >= 10);
    for (const family of families) {
      assert.ok(
        expressions.some((expression) => new RegExp(`\\b${family}(_bucket)?\\{`).test(expression)),
        family,
      );
    }
  });

  it("takes a rate of every counter, and no rate of a gauge", () => {
    for (const expression of expressions) {
      const isCounter = /inspectord_\w+_(total|bucket)\{/.test(expression);
      assert.equal(/rate\(/.test(expression), isCounter, expression);
    }
  });

  it("has panels with a title and a description each, none over another", () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = new Set<string>();
    for (const { title, description, gridPos } of panels) {
      assert.ok(title !== "" && description !== "", title);
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!cells.has(`${x},${y}`), title);
          cells.add(`${x},${y}`);
        }
      }
    }
  });

  it("asks the data source that the operator chooses", () => {
    assert.doesNotMatch(JSON.stringify(dashboard), /"uid":"(?!\$\{datasource\}|inspectord-relay)/);
    const names = dashboard.templating.list.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ["datasource", "job", "instance"]);
  });
});
