// A stand-in for the places on AWS's own machines that hand credentials out, none of which a test's machine has: the
// endpoint beside a container (ECS, EKS Pod Identity), and EC2's instance metadata service, versions 1 and 2.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface CredentialEndpoints {
  /** Where it serves, without a path. */
  readonly url: string;
  /** The requests so far, as "METHOD /path". */
  readonly requests: string[];
  /** What stands in its document; what is not a text is sent as it is, by this function. */
  document: Readonly<Record<string, string>> | ((response: ServerResponse) => void);
  /** The header that a container's endpoint wants, where it wants one. */
  authorization?: string;
  /** How long the instance's service takes for each answer. */
  delayMs: number;
  /** The instance's role; none, if it is empty. */
  role: string;
  /** Whether the instance's service knows version 2: one that does not has no tokens. */
  hasTokens: boolean;
  stop(): Promise<void>;
}

const token = "token-of-the-metadata-service";
const roles = "/latest/meta-data/iam/security-credentials/";

export async function startCredentialEndpoints(): Promise<CredentialEndpoints> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { method, url = "", headers } = request;
    endpoints.requests.push(`${method} ${url}`);
    const say = (status: number, text: string) => response.writeHead(status).end(text);
    const hand = () => {
      const { document } = endpoints;
      if (typeof document === "function") document(response);
      else say(200, JSON.stringify(document));
    };
    if (!url.startsWith("/latest/")) {
      return headers.authorization === endpoints.authorization ? hand() : say(401, "Unauthorized");
    }
    if (url === "/latest/api/token") {
      const isRight = method === "PUT" && headers["x-aws-ec2-metadata-token-ttl-seconds"] !== undefined;
      if (!endpoints.hasTokens) return say(404, "Not Found");
      return isRight ? say(200, token) : say(400, "Bad Request");
    }
    // Version 1 is version 2 without the token.
    if (endpoints.hasTokens && headers["x-aws-ec2-metadata-token"] !== token) return say(401, "Unauthorized");
    if (endpoints.role === "") return say(404, "Not Found");
    if (url === roles) return say(200, endpoints.role);
    return url === roles + endpoints.role ? hand() : say(404, "Not Found");
  };
  const server = createServer((request, response) => {
    const delayMs = request.url?.startsWith("/latest/") ? endpoints.delayMs : 0;
    setTimeout(() => answer(request, response), delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoints: CredentialEndpoints = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    document: {},
    delayMs: 0,
    role: "chat",
    hasTokens: true,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return endpoints;
}
