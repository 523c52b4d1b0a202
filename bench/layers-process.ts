// What the process of layers.ts runs, built as the function is: what it takes to take a layer off, to decode JSON, or
// to read an encrypted Laravel session. For each line "WHAT base64 count" it writes the nanoseconds that so many runs
// took, or "wrong" where the result is not the session.

import { createInterface } from "node:readline";
import { decodeJson } from "../inspector/session/formats/json.ts";
import { laravelDecoder } from "../inspector/session/layers/laravel.ts";
import { readLaravelKey } from "../inspector/session/layers/laravel-key.ts";
import { readLayers } from "../inspector/session/layers/layer-names.ts";
import { openLayers } from "../inspector/session/layers/open-layers.ts";

const key = readLaravelKey(`base64:${Buffer.alloc(32, "k").toString("base64")}`);
const decodeLaravel = laravelDecoder(key === undefined ? [] : [key]);

/** Returns a run that says whether the result is the session. */
function runOf(what: string): (bytes: Uint8Array) => boolean {
  if (what === "json") return (bytes) => decodeJson(bytes).variables.has("user");
  if (what.startsWith("laravel")) return (bytes) => decodeLaravel(bytes).variables.has("user");
  const takeOff = openLayers(readLayers(what) ?? []);
  return (bytes) => takeOff(bytes)[0] === 0x75;
}

createInterface(process.stdin).on("line", (line) => {
  const [what = "", base64 = "", count] = line.split(" ");
  const bytes = Buffer.from(base64, "base64");
  const run = runOf(what);
  let right = 0;
  const start = process.hrtime.bigint();
  for (let done = 0; done < Number(count); done++) if (run(bytes)) right++;
  const took = process.hrtime.bigint() - start;
  process.stdout.write(`${right === Number(count) ? took : "wrong"}\n`);
});
