// Is the pool of external programs large enough? Pure: settings and what was measured -> findings.

import { distinct, type Edit, type Finding } from "./finding.ts";
import type { Host } from "./hosts.ts";
import type { Settings } from "./settings.ts";
import { integerOf } from "./yml.ts";

export interface PoolOptions {
  /** The processors of this machine: ejabberd's default. */
  readonly processors: number;
  /** How many logins at one moment the pool is to serve, if that was stated. */
  readonly burst: number | undefined;
  /** The mean time of an answer, if it could be measured. */
  readonly answerSeconds: number | undefined;
}

/** ejabberd abandons a login after this time, the wait for its turn included. */
const ejabberdWaitsSeconds = 30;
/** In a smaller pool one slow answer holds too many others up. */
const leastPool = 8;
/** ejabberd does not share the questions out evenly: a pool did half of what its size and latency promise. */
const unevenness = 2;

/** Returns a finding for each host whose logins a pool serves. */
export function checkPool(
  settings: Settings,
  hosts: readonly Host[],
  options: PoolOptions,
): readonly Finding[] {
  return distinct(hosts.map((host) => checkPoolOf(settings, host, options)));
}

function checkPoolOf(settings: Settings, { name, at }: Host, options: PoolOptions): Finding {
  const { processors, burst, answerSeconds } = options;
  const set = settings.of(name, "extauth_pool_size");
  const size = set === undefined ? processors : (integerOf(set.value) ?? 0);
  const program = settings.of(name, "extauth_program");
  const place = set?.at ?? program?.at ?? at;
  const what =
    set === undefined ? `the pool has ${size} members, as this machine has processors,` : `${size} members`;
  const common = { check: "pool", at: place };
  if (size < 1) return { ...common, level: "fail", says: "extauth_pool_size is no whole number above 0" };
  const grow = (to: number): Edit => {
    const lines = [`extauth_pool_size: ${to}`];
    return set === undefined
      ? { kind: "append", file: place.file, lines }
      : { kind: "replace", at: set.at, lines };
  };
  if (answerSeconds === undefined) {
    if (size >= leastPool) return { ...common, level: "ok", says: `${what}; the latency is not known` };
    return { ...common, level: "warn", says: `${what} are few`, edit: grow(leastPool) };
  }
  const rate = size / answerSeconds;
  const most = Math.floor(ejabberdWaitsSeconds * rate);
  const serve = `${what} serve ${rate.toFixed(0)} logins/s at the measured latency, and a burst of at most ${most}`;
  const needed = Math.max(
    leastPool,
    Math.ceil((unevenness * (burst ?? 0) * answerSeconds) / ejabberdWaitsSeconds),
  );
  if (burst !== undefined && burst > most) {
    return { ...common, level: "fail", says: `${serve}: of ${burst} some would be lost`, edit: grow(needed) };
  }
  if (size < needed) {
    return {
      ...common,
      level: "warn",
      says: `${serve}; ejabberd shares them out unevenly`,
      edit: grow(needed),
    };
  }
  return { ...common, level: "ok", says: serve };
}
