// An operator's machine: a clone of the project, and the commands that are run in it against moto.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { endWithParent } from "../../infra/local/process.ts";
import { temporaryDirectory } from "../real/directory.ts";
import type { Moto } from "./moto.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  readonly status: number | null;
  /** Both stdout and stderr. */
  readonly output: string;
}

/** Credentials by the names of the environment. */
export type Credentials = Readonly<Record<string, string>>;

const operatorsKey: Credentials = {
  AWS_ACCESS_KEY_ID: "AKIAOFTHEOPERATOR000",
  AWS_SECRET_ACCESS_KEY: "none",
};

/** One command at a time. */
export class Operator {
  readonly directory = join(temporaryDirectory(), "clone");
  readonly #moto: Moto;

  constructor(moto: Moto) {
    this.#moto = moto;
    // What a clone has, and none of what the build or an operator put beside it.
    const left =
      /^(?:node_modules|dist|\.git|\.serverless|coverage|params\/(?!example\.yml).*|test\/real\/.*\/node_modules)$/;
    cpSync(root, this.directory, {
      recursive: true,
      filter: (path) => !left.test(relative(root, path)),
    });
    symlinkSync(join(root, "node_modules"), join(this.directory, "node_modules"));
    mkdirSync(join(this.directory, "home"));
  }

  /** Writes the file of parameters of a stage. */
  write(stage: string, parameters: unknown): void {
    // JSON is YAML.
    const text = typeof parameters === "string" ? parameters : JSON.stringify(parameters, null, 1);
    writeFileSync(join(this.directory, "params", `${stage}.yml`), text);
  }

  /** Runs a script of package.json for a stage. */
  run(
    script: string,
    stage: string,
    args: readonly string[] = [],
    credentials = operatorsKey,
  ): Promise<Ended> {
    return this.#spawn("npm", ["run", script, "--", "--stage", stage, ...args], credentials);
  }

  async #spawn(command: string, args: readonly string[], credentials: Credentials): Promise<Ended> {
    const child = spawn(command, args, {
      cwd: this.directory,
      // Nothing of this process's environment that could be a credential, and no home that could hold one.
      env: {
        ...{
          PATH: process.env["PATH"],
          HOME: join(this.directory, "home"),
          AWS_EC2_METADATA_DISABLED: "true",
        },
        ...{ SLS_TELEMETRY_DISABLED: "1", SLS_NOTIFICATIONS_MODE: "off", NODE_NO_WARNINGS: "1" },
        // How often osls asks how far the stack is: moto is done at once.
        ...{ AWS_ENDPOINT_URL: this.#moto.url, SLS_AWS_MONITORING_FREQUENCY: "200" },
        ...credentials,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    endWithParent(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    const [status] = await once(child, "close");
    return { status, output };
  }
}
