// A question -> the function's answer: one signed request to a route behind API Gateway, or why it failed.

import { randomBytes } from "node:crypto";
import { parseAnswer, type Verdict } from "../protocol/login-answer.ts";
import type { LoginRequest } from "../protocol/login-request.ts";
import { ConnectionError } from "./connection.ts";
import type { Connections, Exchange } from "./connections.ts";
import type { CredentialsFaultCode } from "./credentials/credentials.ts";
import type { HttpResponse } from "./http-response.ts";
import { version } from "./version.ts";

export type ApiFaultCode =
  | "unavailable"
  | "function-outdated"
  | "api-unreachable"
  | "api-certificate"
  | "api-forbidden"
  | "api-throttled"
  | "api-status"
  | "api-answer"
  | CredentialsFaultCode;

/**
 * There is no verdict. `unavailable`: the function itself has none. `function-outdated`: it is older than this relay.
 * `detail` says more, and holds nothing of the request: a system's code or a status.
 */
export class ApiError extends Error {
  readonly code: ApiFaultCode;
  readonly detail: string;
  /** Set if a second attempt may do better: at the earliest after this many milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ApiFaultCode, detail: string, retryAfterMs?: number) {
    super(`${code}: ${detail}`);
    this.name = "ApiError";
    this.code = code;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Returns the header fields that sign this body (SigV4). @throws ApiError with a code of CredentialsError */
export type Sign = (body: Buffer) => Promise<Readonly<Record<string, string>>>;

/** One attempt in flight. */
export interface Attempt<Answer = Verdict> {
  /** @throws ApiError */
  readonly answer: Promise<Answer>;
  /** Ends it, and its connection with it. Does nothing once it is over. */
  readonly abandon: () => void;
}

/** What a route is asked, and how its answers are read. */
export interface Contract<Question, Answer> {
  /** Returns the body of the request, JSON text with this nonce. */
  readonly write: (question: Question, nonce: string) => string;
  /** Returns what the function said to this question. Throws nothing. */
  readonly read: (
    response: Pick<HttpResponse, "status" | "body">,
    nonce: string,
    question: Question,
  ) => Said<Answer>;
}

/** The function's answer, or why there is none: see ParsedAnswer in protocol/login-answer.ts. */
type Said<Answer> =
  | { readonly verdict: Answer }
  | { readonly fault: "unavailable"; readonly reason?: string }
  | { readonly fault: "function-outdated" | "other-question" | "not-an-answer" };

/** POST /auth: one login, and one bit. */
export const loginContract: Contract<LoginRequest, Verdict> = {
  write: (login, nonce) => JSON.stringify({ ...login, explain: true, nonce }),
  read: ({ status, body }, nonce) => parseAnswer(status, body, nonce),
};

export interface ApiOptions<Question = LoginRequest, Answer = Verdict> {
  /** The route's full URL. */
  readonly url: URL;
  readonly contract: Contract<Question, Answer>;
  readonly connections: Connections;
  readonly sign: Sign;
  /** Called when the API refuses the signature. Resolves to whether there are other credentials to try. */
  readonly renewCredentials: () => Promise<boolean>;
  readonly now: () => Date;
}

/** A signature is refused when the clocks differ by more than 5 minutes; at less than this it was something else. */
const tellingSkewMs = 240_000;
/** The wait before a second attempt unless the response says: API Gateway's 429 and 503 come without Retry-After. */
const throttledMs = 500;

export class Api<Question = LoginRequest, Answer = Verdict> {
  readonly #options: ApiOptions<Question, Answer>;
  /** All of the request that is the same for every question. */
  readonly #head: string;

  constructor(options: ApiOptions<Question, Answer>) {
    this.#options = options;
    const { host, pathname } = options.url;
    this.#head =
      `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: inspectord-relay/${version}\r\n` +
      "content-type: application/json\r\n";
  }

  /** Asks once; over a new connection if `isFresh`, which serves others afterwards if `isKept`. */
  begin(question: Question, isFresh: boolean, isKept = true): Attempt<Answer> {
    let exchange: Exchange | undefined;
    let isAbandoned = false;
    const { contract } = this.#options;
    const ask = async (): Promise<Answer> => {
      // One for each attempt: a proxy that mixes up two attempts of one question mixes up their times.
      const nonce = randomBytes(16).toString("base64url");
      const body = Buffer.from(contract.write(question, nonce));
      const signature = await this.#options.sign(body);
      if (isAbandoned) throw new ApiError("api-unreachable", "abandoned");
      const read = (response: HttpResponse) => contract.read(response, nonce, question);
      // What answers another question is out of step: whatever the connection carries next would be, too.
      const mayKeep = (response: HttpResponse) => isKept && !isOfOther(read(response));
      exchange = this.#options.connections.exchange(this.#request(body, signature), { isFresh, mayKeep });
      let response: HttpResponse;
      try {
        response = await exchange.response;
      } catch (fault) {
        if (!(fault instanceof ConnectionError)) throw fault;
        throw faultOfConnection(fault, exchange.isReused);
      }
      const answer = read(response);
      if ("verdict" in answer) return answer.verdict;
      switch (answer.fault) {
        case "unavailable":
          throw new ApiError("unavailable", answer.reason ?? "", 0);
        case "function-outdated":
          throw new ApiError("function-outdated", "deploy the function of this release");
        case "other-question":
          throw new ApiError("api-answer", "answer to another question", 0);
        case "not-an-answer":
          throw await this.#faultOfResponse(response);
      }
    };
    return {
      answer: ask(),
      abandon: () => {
        isAbandoned = true;
        exchange?.abandon();
      },
    };
  }

  #request(body: Buffer, signature: Readonly<Record<string, string>>): Buffer {
    let head = this.#head;
    for (const name in signature) head += `${name}: ${signature[name]}\r\n`;
    head += `content-length: ${body.length}\r\n\r\n`;
    const request = Buffer.allocUnsafe(head.length + body.length);
    request.write(head, "latin1");
    request.set(body, head.length);
    return request;
  }

  async #faultOfResponse({ status, retryAfter, date }: HttpResponse): Promise<ApiError> {
    switch (status) {
      case 200:
        return new ApiError("api-answer", "no verdict");
      case 403: {
        const skewMs = date === undefined ? 0 : Date.parse(date) - this.#options.now().getTime();
        if (Math.abs(skewMs) > tellingSkewMs) {
          return new ApiError("api-forbidden", `this clock is off by ${Math.round(-skewMs / 1000)}s`);
        }
        const renewed = await this.#options.renewCredentials();
        return new ApiError("api-forbidden", "403", renewed ? 0 : undefined);
      }
      default:
        return faultOfStatus(status, this.#waitMs(retryAfter));
    }
  }

  /** The milliseconds that Retry-After asks to wait: a number of seconds or a date (RFC 9110, 10.2.3). */
  #waitMs(retryAfter: string | undefined): number | undefined {
    if (retryAfter === undefined) return undefined;
    const waitMs = /^\d{1,9}$/.test(retryAfter)
      ? Number(retryAfter) * 1000
      : Date.parse(retryAfter) - this.#options.now().getTime();
    return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
  }
}

/** Returns what a status says that is neither a verdict nor about the signature. `waitMs`: what Retry-After asks for. */
export function faultOfStatus(status: number, waitMs?: number): ApiError {
  switch (status) {
    // It is not documented which of the two tells that Lambda's concurrency is used up.
    case 429:
    case 503:
      return new ApiError("api-throttled", String(status), waitMs ?? throttledMs);
    case 502:
    case 504:
      return new ApiError("api-status", String(status), waitMs ?? 0);
    default:
      return new ApiError("api-status", String(status));
  }
}

function isOfOther(answer: Said<unknown>): boolean {
  return "fault" in answer && answer.fault === "other-question";
}

function faultOfConnection({ kind, detail }: ConnectionError, isReused: boolean): ApiError {
  if (kind === "certificate") return new ApiError("api-certificate", detail);
  // What a kept-alive connection carried when nobody asked says nothing about the API: a new one may be in order.
  if (kind === "syntax") return new ApiError("api-answer", detail, isReused ? 0 : undefined);
  return new ApiError("api-unreachable", detail, 0);
}
