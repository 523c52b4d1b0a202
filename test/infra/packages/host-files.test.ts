// The unit as Debian's package has it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { packagedUnit } from "../../../infra/packages/host-files.ts";

const unit = readFileSync(
  new URL("../../../infra/ejabberd/inspectord-relay.service", import.meta.url),
  "utf8",
);

describe("the packaged unit", () => {
  const packaged = packagedUnit(unit);

  it("is the guide's, with the package's path and manual pages", () => {
    const changed = packaged.split("\n").filter((line) => !unit.split("\n").includes(line));
    assert.deepEqual(changed, [
      "Documentation=man:inspectord-relay(8) man:inspectord-doctor(8)",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own
      "ExecStart=/usr/bin/node /usr/lib/inspectord/relay.mjs ${INSPECTORD_URL} --listen /run/inspectord/relay.sock",
    ]);
    assert.doesNotMatch(packaged, /\/opt\/|Install it as/);
  });

  it("starts nothing without a URL", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own
    assert.ok(packaged.includes("\nExecCondition=/usr/bin/test -n ${INSPECTORD_URL}\n"));
  });
});
