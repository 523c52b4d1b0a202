// A bare client of the same server: node:https with keep-alive, one request after another, and nothing else.
// usage: https-loop.ts URL CA_FILE COUNT   ; writes each exchange's milliseconds as a JSON list

import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

const [url = "", caFile = "", count = "0"] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(caFile) });
const body = Buffer.from(
  JSON.stringify({ op: "auth", user: "alice", server: "localhost", password: "good0session0of0the0bench0" }),
);
const headers = { "content-type": "application/json", "content-length": body.length };

function exchange(): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
      response.on("end", () => resolve(JSON.parse(text).allow === true));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const tookMs: number[] = [];
for (let done = 0; done < Number(count); done++) {
  const startedMs = performance.now();
  if (!(await exchange())) throw new Error("no yes");
  tookMs.push(performance.now() - startedMs);
}
// Only then: a pipe takes a long list in pieces.
process.stdout.write(JSON.stringify(tookMs), () => process.exit(0));
