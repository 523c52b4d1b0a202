// moto, a stand-in for AWS that others wrote: Debian 13's package and what it needs of this system's, unpacked into a
// cache folder. Nothing is installed. README.md beside this file says what moto does not prove.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../infra/local/ports.ts";
import { startProcess } from "../../infra/local/process.ts";
import { temporaryDirectory } from "../real/directory.ts";

const version = "5.1.1";
const region = "eu-central-1";
const python = "/usr/bin/python3";
const programs = fileURLToPath(new URL("moto", import.meta.url));
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "inspectord");

/** What moto imports for the services that this project uses. */
const dependencies = [
  ...["antlr4", "aws-xray-sdk", "boto3", "cryptography", "dateutil", "docker", "flask", "flask-cors"],
  ...[
    "graphql-core",
    "jinja2",
    "jsondiff",
    "pyparsing",
    "requests",
    "responses",
    "werkzeug",
    "xmltodict",
    "yaml",
  ],
].map((name) => `python3-${name}`);

/** What an operator has before the first deployment. */
export interface Account {
  readonly vpc: string;
  readonly subnets: readonly string[];
  /** In the zone of the first one. */
  readonly thirdSubnet: string;
  readonly cacheGroup: string;
  readonly endpointGroup: string;
  readonly filesGroup: string;
  readonly fileSystem: string;
  readonly kmsKey: string;
  readonly topic: string;
  readonly boundary: string;
  /** Of somebody who may do everything but create change sets. */
  readonly limitedKey: { readonly id: string; readonly secret: string };
}

/** An alarm as DescribeAlarms has it. */
export interface Alarm extends Partial<AlarmMetric> {
  readonly AlarmName: string;
  readonly AlarmActions: readonly string[];
  readonly OKActions: readonly string[];
  readonly Metrics?: readonly { readonly MetricStat?: { readonly Metric: AlarmMetric } }[];
}

interface AlarmMetric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: string }[];
}

/** What CloudWatch and EventBridge hold of all stages. */
interface Watch {
  readonly alarms: readonly Alarm[];
  /** Their bodies, by their names. */
  readonly dashboards: Readonly<Record<string, string>>;
  /** EventBridge's, each with what it hands to its target. */
  readonly rules: readonly { readonly name: string; readonly schedule: string; readonly input: string }[];
}

export interface Moto {
  readonly url: string;
  readonly region: string;
  readonly account: Account;
  /** From now on creating or updating these resources of a stack fails, by their logical ids. */
  failOn(...logicalIds: string[]): void;
  /** From now on requests are signed with keys that IAM knows, and allowed by their policies; or not any more. */
  verifyRights(isOn: boolean): Promise<void>;
  watch(): Promise<Watch>;
  stop(): Promise<void>;
}

/** Unpacks moto unless it is there. Throws an error with what is missing on this machine. */
export function fetchMoto(say: (line: string) => void): string {
  const place = join(cache, `moto-${version}`);
  if (existsSync(place)) return place;
  if (!existsSync(python) || spawnSync("apt-get", ["--version"]).status !== 0) {
    throw new Error(`moto needs ${python} and apt-get of Debian 12 or later, which are not on this machine`);
  }
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetching-"));
  try {
    say(`Fetching moto ${version} from Debian into ${place}: 11 MB, once. Nothing is installed.`);
    unpack(work);
    // At once, and only when it is complete. Somebody else may have been faster.
    if (!existsSync(place)) renameSync(join(work, "root"), place);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return place;
}

function unpack(work: string): void {
  const debs = join(work, "debs");
  mkdirSync(debs);
  const sources = join(work, "trixie.list");
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  writeFileSync(sources, `deb [signed-by=${keyring}] ${mirror()} trixie main\n`);
  const trixie = apt(work, "trixie", [`Dir::Etc::SourceList=${sources}`, "Dir::Etc::SourceParts=-"]);
  const system = apt(work, "system", []);
  trixie(["update"]);
  trixie(["download", "python3-moto"], debs);
  system(["update"]);
  const planned = system(["--simulate", "--no-install-recommends", "install", ...dependencies]);
  const missing = [...planned.matchAll(/^Inst (python3\S*)/gm)].map(([, name = ""]) => name);
  if (missing.length > 0) system(["download", ...missing], debs);
  for (const deb of run("ls", [debs]).trim().split("\n"))
    run("dpkg", ["-x", join(debs, deb), join(work, "root")]);
}

/** Returns a way to call apt-get with lists and a cache of its own: the system's are neither needed nor touched. */
function apt(work: string, name: string, options: readonly string[]) {
  const state = join(work, name);
  for (const directory of ["lists/partial", "archives/partial"]) {
    mkdirSync(join(state, directory), { recursive: true });
  }
  const all = [...options, `Dir::State::Lists=${state}/lists`, `Dir::Cache=${state}`, "APT::Sandbox::User="];
  const common = ["-q", ...all.flatMap((option) => ["-o", option])];
  return (args: readonly string[], cwd = work) => run("apt-get", [...common, ...args], cwd);
}

/** Returns the address from which this system takes Debian's packages. */
function mirror(): string {
  const files = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"].filter(existsSync);
  const texts = files.map((file) => readFileSync(file, "utf8")).join("\n");
  return (
    /^URIs: (\S+)/m.exec(texts)?.[1] ??
    /^deb (?:\[.*\] )?(http\S+)/m.exec(texts)?.[1] ??
    "http://deb.debian.org/debian"
  );
}

function run(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.at(-1)} failed: ${stderr.slice(-2000)}`);
  return stdout;
}

/** Starts it with an account of its own. */
export async function startMoto(place: string): Promise<Moto> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const faults = join(temporaryDirectory(), "faults");
  const env = { PATH: process.env["PATH"], PYTHONPATH: join(place, "usr/lib/python3/dist-packages") };
  const server = await startProcess({
    command: python,
    args: [join(programs, "server.py"), String(port), faults],
    env,
    isReady: (output) => output.includes("Running on"),
  });
  /** Runs one of the programs beside the server's, and returns the JSON that it prints. */
  const ask = async (program: string) => {
    const args = [join(programs, program), url, region];
    const child = spawn(python, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    const [status] = await once(child, "close");
    if (status !== 0) throw new Error(`${program} failed; moto wrote: ${server.output().slice(-2000)}`);
    return JSON.parse(output);
  };
  return {
    url,
    region,
    account: await ask("account.py"),
    failOn: (...logicalIds) => writeFileSync(faults, logicalIds.join("\n")),
    verifyRights: async (isOn) => {
      const unverified = isOn ? "0" : "inf";
      const { status } = await fetch(`${url}/moto-api/reset-auth`, { method: "POST", body: unverified });
      if (status !== 200) throw new Error(`moto refuses to verify rights: ${status}`);
    },
    watch: () => ask("watch.py"),
    stop: () => server.stop(),
  };
}
