// API Gateway and Lambda on this machine: serverless-offline, serving the real serverless.yml.

import { fileURLToPath } from "node:url";
import { type FunctionLine, readFunctionLine } from "./function-lines.ts";
import { freePort } from "./ports.ts";
import { type RunningProcess, startProcess } from "./process.ts";
import { localKey } from "./sigv4.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The environment variables with the one key that this API accepts. */
export { localKey };

export interface LocalApi {
  /** The full URL of POST /auth. */
  readonly url: string;
  /** The function's log lines about logins so far. */
  logins(): FunctionLine[];
  readonly process: RunningProcess;
}

export interface LocalApiOptions {
  readonly port: number;
  /** The function's configuration, as a deployment takes it from its environment. */
  readonly settings: Readonly<Record<string, string | undefined>>;
  /** A directory with cert.pem and key.pem: the API then speaks HTTPS, as localhost. */
  readonly certificateDirectory?: string;
}

/** Starts it. dist/ must be built. Throws when it does not come up. */
export async function startApi(options: LocalApiOptions): Promise<LocalApi> {
  const { port, settings, certificateDirectory } = options;
  const args = [
    `${root}node_modules/serverless/bin/serverless.js`,
    // In this stage the function's variables are those of its environment (infra/settings.ts).
    ...["offline", "start", "--stage", "local", "--noSponsor", "--host", "127.0.0.1"],
    ...["--httpPort", String(port), "--lambdaPort", String(await freePort())],
    ...(certificateDirectory === undefined ? [] : ["--httpsProtocol", certificateDirectory]),
  ];
  const started = await startProcess({
    command: process.execPath,
    args,
    cwd: root,
    // AUTHORIZER: what API Gateway adds for a caller whose signature it verified.
    env: {
      ...process.env,
      ...settings,
      AUTHORIZER: JSON.stringify({ iam: { accessKey: localKey.AWS_ACCESS_KEY_ID } }),
      SLS_TELEMETRY_DISABLED: "1",
      SLS_NOTIFICATIONS_MODE: "off",
    },
    isReady: (output) => output.includes("Server ready:"),
  });
  return {
    url:
      certificateDirectory === undefined ? `http://127.0.0.1:${port}/auth` : `https://localhost:${port}/auth`,
    logins: () =>
      started
        .output()
        .split("\n")
        .map(readFunctionLine)
        .filter((line) => line !== undefined),
    process: started,
  };
}
