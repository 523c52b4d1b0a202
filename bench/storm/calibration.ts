// What was measured, and so is no guess of the model: `npm run storm -- --check` writes calibration.json.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** All in milliseconds. */
export interface Calibration {
  /** The processor's time that ejabberd's Erlang needs for a login by the module. */
  readonly ejabberdCpuMs: number;
  /** That of the relay for a request, with 64 in flight. */
  readonly relayCpuMs: number;
  /** A login in the warm function, without its look-up. */
  readonly handlerMs: number;
  /** A look-up in memcached over the loopback: its median, and the deviation of its logarithm. */
  readonly lookUpMs: number;
  readonly lookUpSigma: number;
  /** From the relay to the API and back, over the loopback, without the function. */
  readonly roundTripMs: number;
}

const calibrationPath = fileURLToPath(new URL("calibration.json", import.meta.url));

/** @throws an error of node:fs if nothing was measured */
export function readCalibration(): Calibration {
  return JSON.parse(readFileSync(calibrationPath, "utf8"));
}
