// Command -> verdict: the HTTPS exchange with the function behind API Gateway, over one kept-alive connection.

import * as http from "node:http";
import * as https from "node:https";
import { MAX_ANSWER_BYTES } from "../protocol/limits.ts";
import { parseVerdict } from "../protocol/login-answer.ts";
import type { LoginRequest } from "../protocol/login-request.ts";

export type ApiFaultCode = "deadline" | "api-unreachable" | "api-status" | "api-answer";

/** The API gave no verdict. `detail` says more, and holds nothing of the request: a system error code or a status. */
export class ApiFault extends Error {
  readonly code: ApiFaultCode;
  readonly detail: string;

  constructor(code: ApiFaultCode, detail: string) {
    super(`${code}: ${detail}`);
    this.name = "ApiFault";
    this.code = code;
    this.detail = detail;
  }
}

/** A kept-alive connection was found closed before the API saw the request: the one fault that is tried again. */
class StaleConnection extends Error {}

/** Asks the route at `url`, one request at a time. A connection that failed once is never used again. */
export class Api {
  readonly #url: URL;
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;

  constructor(url: URL) {
    this.#url = url;
    const secure = url.protocol === "https:";
    const options = { keepAlive: true, maxFreeSockets: 1 };
    this.#agent = secure ? new https.Agent(options) : new http.Agent(options);
    this.#request = secure ? https.request : http.request;
  }

  /** Gives the API's verdict within `deadlineMs` milliseconds. Throws ApiFault where there is none. */
  async ask(login: LoginRequest, deadlineMs: number): Promise<boolean> {
    const body = Buffer.from(JSON.stringify(login));
    const endsAt = performance.now() + deadlineMs;
    try {
      return await this.#exchange(body, deadlineMs);
    } catch (fault) {
      if (!(fault instanceof StaleConnection)) throw fault;
      try {
        return await this.#exchange(body, endsAt - performance.now());
      } catch (second) {
        throw second instanceof StaleConnection ? new ApiFault("api-unreachable", "ECONNRESET") : second;
      }
    }
  }

  #exchange(body: Buffer, withinMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const request = this.#request(this.#url, {
        method: "POST",
        agent: this.#agent,
        // The one place where a request gets its headers, and so where a signature (SigV4) is to be added.
        headers: { "content-type": "application/json", "content-length": body.length },
      });
      const fail = (fault: Error) => {
        clearTimeout(timer);
        reject(fault);
        request.destroy();
      };
      const timer = setTimeout(
        () => fail(new ApiFault("deadline", `${Math.round(withinMs)}ms`)),
        Math.max(0, withinMs),
      );
      request.on("error", (error: NodeJS.ErrnoException) => {
        fail(
          request.reusedSocket
            ? new StaleConnection()
            : new ApiFault("api-unreachable", error.code ?? "unknown"),
        );
      });
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > MAX_ANSWER_BYTES) fail(noVerdict(response.statusCode, "too large"));
        });
        response.on("error", () => fail(new ApiFault("api-answer", "cut off")));
        response.on("end", () => {
          const verdict = parseVerdict(response.statusCode ?? 0, Buffer.concat(chunks).toString());
          if (verdict === undefined) return fail(noVerdict(response.statusCode, "no verdict"));
          clearTimeout(timer);
          resolve(verdict);
        });
      });
      request.end(body);
    });
  }
}

function noVerdict(status: number | undefined, what: string): ApiFault {
  return status === 200 ? new ApiFault("api-answer", what) : new ApiFault("api-status", String(status ?? 0));
}
