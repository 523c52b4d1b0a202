// A reporter for node's test runner that says nothing but the last line: how many passed, failed, were skipped.
// Plain JavaScript: the runner loads its reporters before it can read TypeScript.

export default async function* closingLine(events) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for await (const { type, data } of events) {
    if (type !== "test:pass" && type !== "test:fail") continue;
    // A suite counts by its tests, unless it was skipped or failed by itself: then it counts as one.
    const isSuite = data.details?.type === "suite";
    if (isSuite && type === "test:pass" && data.skip === undefined) continue;
    if (isSuite && data.details.error?.failureType === "subtestsFailed") continue;
    if (type === "test:fail") counts.failed++;
    else if (data.skip !== undefined) counts.skipped++;
    else counts.passed++;
  }
  yield `\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`;
}
