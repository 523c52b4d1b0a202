// `npm run test:unit`: the test files that need no real part and no build, in one process. A word runs the files whose
// path holds it: npm run test:unit -- relay

import { fileURLToPath, pathToFileURL } from "node:url";
import { isUnit, needsOf, testFiles } from "./needs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2);
const files = testFiles()
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .filter((name) => isUnit(needsOf(name)));
// A process for each file would take longer to start than its tests take to run.
for (const file of files) await import(pathToFileURL(root + file).href);
