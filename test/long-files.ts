// The test files of `npm run test:long`, which wait or work for minutes: `npm test` stays below ten without them. Words find
// them in both: npm test -- logout

const paths: readonly string[] = [
  "test/doctor/stock-file.test.ts",
  "test/doctor/versions.test.ts",
  "test/end-to-end/chat-host-guide.test.ts",
  "test/end-to-end/faults.test.ts",
  "test/end-to-end/inspectord.test.ts",
  "test/end-to-end/logout.test.ts",
  "test/end-to-end/pool.test.ts",
  "test/end-to-end/storm.test.ts",
  "test/end-to-end/versions.test.ts",
  "test/handlers/hostile-sessions.test.ts",
  "test/infra/demo/demo.test.ts",
  "test/relay/one-account.test.ts",
  "test/stores/placement/real-php.test.ts",
];

/** Throws where one of them is not among the files that there are: its name has changed. */
export function longFilesOf(files: readonly string[]): ReadonlySet<string> {
  const missing = paths.filter((path) => !files.includes(path));
  if (missing.length > 0) throw new Error(`test/long-files.ts: there is no ${missing.join(", ")}`);
  return new Set(paths);
}
