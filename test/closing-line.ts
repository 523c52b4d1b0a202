// A reporter for node's test runner that says nothing but the last line: how many passed, failed, were skipped.

import type { TestEvent } from "node:test/reporters";

export default async function* closingLine(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details.type === "suite") continue;
    if (type === "test:fail") counts.failed++;
    else if (data.skip !== undefined) counts.skipped++;
    else counts.passed++;
  }
  yield `\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
