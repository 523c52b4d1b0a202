// A real PostgreSQL with a data directory of its own, on a port of its own. It refuses to run as root: then it runs as
// the user that Debian's package has made for it.

import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { freePort } from "../../infra/local/ports.ts";
import { startProcess } from "../../infra/local/process.ts";
import type { Certificate } from "./certificate.ts";
import { temporaryDirectory } from "./directory.ts";
import { beginStatements, type SqlServer } from "./mariadb.ts";
import { postgresPrograms } from "./parts.ts";

/**
 * Starts one with the database "site", UTF-8, where passwords are asked for by SCRAM. `settings` are lines of
 * postgresql.conf, `access` those of pg_hba.conf in front of the others.
 */
export async function startPostgres(
  settings: readonly string[] = [],
  access: readonly string[] = [],
  certificate?: Pick<Certificate, "certPath" | "keyPath">,
): Promise<SqlServer> {
  const programs = postgresPrograms();
  if (programs === undefined) throw new Error("there is no PostgreSQL");
  const asOwner = process.getuid?.() === 0 ? ownerOf() : undefined;
  const directory = temporaryDirectory();
  if (asOwner !== undefined) chownSync(directory, asOwner.uid, asOwner.gid);
  const port = await freePort();
  const data = join(directory, "data");
  const identity = asOwner === undefined ? {} : asOwner;
  execFileSync(
    join(programs, "initdb"),
    ["-D", data, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8", "-U", "postgres"],
    { ...identity, cwd: directory, stdio: ["ignore", "ignore", "inherit"] },
  );
  const hosts = [...access, "local all postgres trust", "host all postgres 127.0.0.1/32 trust"];
  writeFileSync(
    join(data, "pg_hba.conf"),
    `${[...hosts, "host all all 127.0.0.1/32 scram-sha-256"].join("\n")}\n`,
  );
  const own = [
    "fsync = off",
    "shared_buffers = 16MB",
    `unix_socket_directories = '${directory}'`,
    ...settings,
  ];
  appendFileSync(join(data, "postgresql.conf"), `\n${own.join("\n")}\n`);
  if (certificate !== undefined) {
    // It reads only a key that is its own.
    for (const [name, path] of [
      ["server.crt", certificate.certPath],
      ["server.key", certificate.keyPath],
    ] as const) {
      const own = join(data, name);
      copyFileSync(path, own);
      chmodSync(own, 0o600);
      if (asOwner !== undefined) chownSync(own, asOwner.uid, asOwner.gid);
    }
  }
  const command = join(programs, "postgres");
  const args = ["-D", data, "-h", "127.0.0.1", "-p", String(port)];
  const groups = asOwner && ["--reuid", `${asOwner.uid}`, "--regid", `${asOwner.gid}`, "--clear-groups"];
  const open = () =>
    startProcess({
      command: groups === undefined ? command : "setpriv",
      args: groups === undefined ? args : [...groups, command, ...args],
      cwd: directory,
      isReady: (output) => output.includes("database system is ready to accept connections"),
    });
  let server = await open();
  const client = ["-X", "-q", "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-p", String(port)];
  const run = (statements: string, database: string) =>
    execFileSync(join(programs, "psql"), [...client, "-h", directory, "-U", "postgres", database], {
      input: statements,
      encoding: "utf8",
    });
  run("CREATE DATABASE site", "postgres");
  return {
    port,
    get process() {
      return server;
    },
    run: (statements) => run(statements, "site"),
    runAs: (user, password, statements) =>
      execFileSync(join(programs, "psql"), [...client, "-h", "127.0.0.1", "-U", user, "site"], {
        input: statements,
        encoding: "utf8",
        stdio: ["pipe", "pipe", "ignore"],
        env: { ...env, PGPASSWORD: password },
      }),
    begin: (statements) =>
      beginStatements(
        join(programs, "psql"),
        [...client, "-h", directory, "-U", "postgres", "site"],
        statements,
      ),
    // A shutdown that waits for its clients would wait for the store's connection.
    stop: async () => {
      server.child.kill("SIGINT");
      await server.stop();
    },
    async start() {
      server = await open();
    },
  };
}

function ownerOf(): { readonly uid: number; readonly gid: number } {
  const id = (option: string) => Number(execFileSync("id", [option, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}
