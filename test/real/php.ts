// Real PHP on the command line, with its real session module.

import { execFileSync, spawnSync } from "node:child_process";

export type Ini = Readonly<Record<string, string | number>>;

/** No cookie and no header: there is no browser on a command line. */
const commandLineIni: Ini = { "session.use_cookies": 0, "session.cache_limiter": "" };

/** php.ini's settings as arguments of the php command. */
export function iniArguments(ini: Ini): string[] {
  return Object.entries(ini).flatMap(([name, value]) => ["-d", `${name}=${value}`]);
}

/**
 * Runs PHP code, without its opening tag, and returns what it prints. Throws when PHP fails. The file that
 * auto_prepend_file names is required first: php -r leaves it out.
 */
export function runPhp(code: string, ini: Ini = {}, input = ""): Buffer {
  const { auto_prepend_file: before, ...others } = ini;
  const whole = before === undefined ? code : `require ${JSON.stringify(before)}; ${code}`;
  return execFileSync("php", [...iniArguments({ ...commandLineIni, ...others }), "-r", whole], {
    input,
    stdio: ["pipe", "pipe", "inherit"],
    maxBuffer: 1 << 28,
  });
}

/** Runs PHP code as this user, and returns what it prints, or undefined where PHP warns or fails. Needs root. */
export function tryPhpAs(uid: number, code: string, ini: Ini, input = ""): string | undefined {
  const { status, stdout, stderr } = spawnSync(
    "php",
    [...iniArguments({ ...commandLineIni, ...ini, display_errors: "stderr" }), "-r", code],
    { input, uid, gid: uid, encoding: "utf8" },
  );
  return status === 0 && stderr === "" ? stdout : undefined;
}

/** Runs a PHP script with these arguments, and returns what it prints. Throws when PHP fails. */
export function runPhpScript(path: string, args: readonly string[], ini: Ini = {}): Buffer {
  return execFileSync("php", [...iniArguments({ ...commandLineIni, ...ini }), path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** The settings of PHP's memcached save handler with these nodes. */
export function memcachedIni(...nodes: readonly string[]): Ini {
  return { "session.save_handler": "memcached", "session.save_path": nodes.join(",") };
}

/** The settings of pecl-memcache's save handler with these nodes, each host:port or host:port:weight. */
export function peclIni(...nodes: readonly string[]): Ini {
  const urls = nodes.map((node) => `tcp://${node.replace(/(:\d+):(\d+)$/, "$1?weight=$2")}`);
  return { "session.save_handler": "memcache", "session.save_path": `"${urls.join(",")}"` };
}

/** The settings of phpredis' save handler with these servers, each host:port, host:port:weight or with ?options. */
export function redisIni(...nodes: readonly string[]): Ini {
  const urls = nodes.map((node) => `tcp://${node.replace(/(:\d+):(\d+)$/, "$1?weight=$2")}`);
  return { "session.save_handler": "redis", "session.save_path": `"${urls.join(",")}"` };
}

/** The settings of phpredis' save handler for a Redis Cluster that this server, host:port, is one of. */
export function redisClusterIni(seed: string): Ini {
  return { "session.save_handler": "rediscluster", "session.save_path": `"seed[]=${seed}"` };
}

/** The settings of PHP's default save handler in this directory. */
export function filesIni(directory: string): Ini {
  return { "session.save_handler": "files", "session.save_path": directory };
}

/** Starts a session, sets these variables by PHP's own hands, and returns the session id that PHP made. */
export function writeSession(variables: Readonly<Record<string, unknown>>, ini: Ini): string {
  const code =
    "session_start(); $_SESSION = json_decode(stream_get_contents(STDIN), true); echo session_id(); session_write_close();";
  return runPhp(code, ini, JSON.stringify(variables)).toString();
}

/** Has PHP write so many sessions in one run, `$_SESSION["i"]` counting from 0, and returns their ids in order. */
export function writeSessions(count: number, ini: Ini): string[] {
  const code =
    `for ($i = 0; $i < ${count}; $i++) { session_id(session_create_id()); session_start(); ` +
    `$_SESSION = ["i" => $i]; echo session_id(), "\\n"; session_write_close(); }`;
  return runPhp(code, ini).toString().trim().split("\n");
}

/** Logs the session out as a site does: session_destroy(). */
export function destroySession(sessionId: string, ini: Ini): void {
  runPhp("session_id(stream_get_contents(STDIN)); session_start(); session_destroy();", ini, sessionId);
}
