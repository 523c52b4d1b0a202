// A stand-in for SSM, which cannot be had on a test's machine: GetParameter on the wire as AWS's client speaks it.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Ssm {
  readonly url: string;
  /** The bodies of the requests so far. */
  readonly requests: { readonly Name: string; readonly WithDecryption: boolean }[];
  /** What the next requests get. */
  reply: (response: ServerResponse, name: string) => void;
  stop(): Promise<void>;
}

/** A reply with the value of every parameter. */
export function say(value: string) {
  return (response: ServerResponse, name: string) => {
    const Parameter = { Name: name, Type: "SecureString", Value: value, Version: 1 };
    answer(response, 200, { Parameter });
  };
}

/** A reply with an error of SSM, by its name. */
export function fail(type: string, message: string) {
  return (response: ServerResponse) => answer(response, 400, { __type: type, message });
}

export async function startSsm(): Promise<Ssm> {
  const ssm: Ssm = {
    url: "",
    requests: [],
    reply: fail("ParameterNotFound", ""),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const isSigned = /^AWS4-HMAC-SHA256 Credential=\w+\/\d{8}\/eu-central-1\/ssm\/aws4_request/.test(
        request.headers.authorization ?? "",
      );
      const target = request.headers["x-amz-target"];
      if (!isSigned || target !== "AmazonSSM.GetParameter") {
        return answer(response, 400, { __type: "UnrecognizedClientException" });
      }
      const parsed = JSON.parse(body);
      ssm.requests.push(parsed);
      ssm.reply(response, parsed.Name);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(ssm, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
  response.end(JSON.stringify(body));
}
