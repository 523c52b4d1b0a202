// A real PHP site: PHP's own web server with a page that hands its session id to Strophe.js.

import { fileURLToPath } from "node:url";
import { canConnect, freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";

import { type Ini, iniArguments } from "./php.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Site {
  readonly url: string;
  readonly process: RunningProcess;
}

/** Starts the site with these php.ini settings. It hands out tickets if it has keys for them. */
export async function startSite(ini: Ini, ticketKeys = ""): Promise<Site> {
  const port = await freePort();
  const process_ = await startProcess({
    command: "php",
    args: [...iniArguments(ini), "-S", `127.0.0.1:${port}`, `${root}test/end-to-end/site/index.php`],
    env: {
      ...process.env,
      STROPHE_PATH: `${root}node_modules/strophe.js/dist/strophe.umd.min.js`,
      TICKET_KEYS: ticketKeys,
    },
    isReady: () => canConnect(port),
  });
  return { url: `http://127.0.0.1:${port}`, process: process_ };
}
