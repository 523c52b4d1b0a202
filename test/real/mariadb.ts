// A real MariaDB with a data directory of its own, on a port of its own.

import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { env } from "node:process";
import { freePort } from "../../infra/local/ports.ts";
import { endWithParent, type RunningProcess, startProcess, stopProcess } from "../../infra/local/process.ts";
import { temporaryDirectory } from "./directory.ts";

export interface SqlServer {
  readonly port: number;
  readonly process: RunningProcess;
  /** Runs these statements as the server's owner, and returns what they print: a line a row, its values by tabs. */
  run(statements: string): string;
  /** The same as this user. Throws where the server refuses it. */
  runAs(user: string, password: string, statements: string): string;
  /** Begins statements as the server's owner, which go on until it is stopped. */
  begin(statements: string): { stop(): Promise<void> };
  stop(): Promise<void>;
  /** Starts it again, with the same data, on the same port. */
  start(): Promise<void>;
}

/** Gives these statements to a client, and lets it work. */
export function beginStatements(
  command: string,
  args: readonly string[],
  statements: string,
): { stop(): Promise<void> } {
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "inherit"] });
  endWithParent(child);
  child.stdin.end(statements);
  return { stop: () => stopProcess(child) };
}

/** Starts one with the database "site". `settings` are those of its command line. */
export async function startMariaDb(settings: readonly string[] = []): Promise<SqlServer> {
  const directory = temporaryDirectory();
  const port = await freePort();
  const data = join(directory, "data");
  const socket = join(directory, "s");
  const small = [
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=16M",
    "--innodb-flush-log-at-trx-commit=0",
  ];
  const own = ["--no-defaults", `--datadir=${data}`, "--user=root", "--skip-name-resolve", ...small];
  execFileSync("mariadb-install-db", [...own, "--auth-root-authentication-method=normal", "--skip-test-db"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const open = () =>
    startProcess({
      command: "/usr/sbin/mariadbd",
      args: [...own, "--bind-address=127.0.0.1", `--port=${port}`, `--socket=${socket}`, ...settings],
      isReady: (output) => output.includes("ready for connections"),
    });
  let process = await open();
  const client = ["--no-defaults", `--socket=${socket}`, "-N", "--default-character-set=utf8mb4"];
  const run = (statements: string) =>
    execFileSync("mariadb", [...client, "-uroot"], { input: statements, encoding: "utf8" });
  run("CREATE DATABASE site CHARACTER SET utf8mb4");
  return {
    port,
    get process() {
      return process;
    },
    run: (statements) => run(`USE site;\n${statements}`),
    runAs: (user, password, statements) =>
      execFileSync("mariadb", [...client, `-u${user}`, "site"], {
        input: statements,
        encoding: "utf8",
        stdio: ["pipe", "pipe", "ignore"],
        env: { ...env, MYSQL_PWD: password },
      }),
    begin: (statements) => beginStatements("mariadb", [...client, "-uroot", "site"], statements),
    stop: () => process.stop(),
    async start() {
      process = await open();
    },
  };
}
