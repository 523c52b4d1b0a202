// The API's address for callers on this machine: it passes each request on to the API as it came, and shows each login. The API and its function write no names. Here the operator watches the own machine, and needs them.

import { type Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import { MAX_REQUEST_BYTES } from "../../protocol/limits.ts";
import { parseLoginRequest } from "../../protocol/login-request.ts";
import { printable } from "../../protocol/printable.ts";
import type { Answered, FunctionLine } from "./function-lines.ts";

export interface ShownLogin {
  readonly timeMs: number;
  /** USER@HOST, printable. */
  readonly user: string;
  /** The verdict, or "not-asked" where the function was not reached. */
  readonly outcome: Answered["outcome"] | "not-asked";
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  /** From the request to the end of its answer, in milliseconds. */
  readonly tookMs: number;
  /** The function's part of it, where its line tells, in milliseconds. */
  readonly functionMs?: number | undefined;
}

export interface ShownApiOptions {
  /** On 127.0.0.1. */
  readonly port: number;
  /** The API's port on 127.0.0.1. */
  readonly apiPort: number;
  readonly agent: Agent;
  /** Returns the function's line of an answer, or undefined if it wrote none. */
  readonly functionLine: (answered: Answered) => Promise<FunctionLine | undefined>;
  readonly show: (login: ShownLogin) => void;
  /** A clock that only goes forward, in milliseconds. */
  readonly nowMs: () => number;
  readonly timeMs: () => number;
}

/** Larger bodies are the API's to refuse: they are passed on, and not read. */
const maxReadBytes = MAX_REQUEST_BYTES;

/** Serves it. @throws the system's error if it cannot listen on the port */
export async function showApi(options: ShownApiOptions): Promise<Server> {
  const { port, apiPort, agent, nowMs } = options;
  const server = createServer((asked, answer) => {
    const startedMs = nowMs();
    const body = collect(asked);
    const { method, url, rawHeaders } = asked;
    const passed = request({
      host: "127.0.0.1",
      port: apiPort,
      agent,
      method,
      path: url,
      headers: rawHeaders,
    });
    passed.on("error", () => answer.destroy());
    passed.on("response", (response) => {
      const answered = collect(response);
      answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.pipe(answer);
      answer.on("finish", () => {
        const login = method === "POST" && url === "/auth" ? readLogin(body()) : undefined;
        if (login === undefined) return;
        const tookMs = nowMs() - startedMs;
        void showLogin(login, response.statusCode ?? 0, answered(), tookMs, options);
      });
    });
    asked.pipe(passed);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return server;
}

/** Returns a function for the bytes that have come, and undefined for more than are read. */
function collect(message: IncomingMessage): () => string | undefined {
  const chunks: Buffer[] = [];
  let length = 0;
  message.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxReadBytes) chunks.push(chunk);
  });
  return () => (length <= maxReadBytes ? Buffer.concat(chunks).toString() : undefined);
}

/** Returns who logs in, or undefined for what is no login. */
function readLogin(body: string | undefined): string | undefined {
  const parsed = parseLoginRequest(body ?? "");
  if ("problem" in parsed || parsed.request.op !== "auth") return undefined;
  return printable(`${parsed.request.user}@${parsed.request.server}`);
}

async function showLogin(
  user: string,
  status: number,
  body: string | undefined,
  tookMs: number,
  { functionLine, show, timeMs }: ShownApiOptions,
): Promise<void> {
  const common = { timeMs: timeMs(), user, tookMs };
  const answered = readAnswer(status, body);
  if (answered === undefined) {
    const detail = status === 403 ? "not signed with the key of this run" : undefined;
    show({ ...common, outcome: "not-asked", reason: `HTTP ${status}`, detail });
    return;
  }
  const line = await functionLine(answered);
  show({
    ...common,
    outcome: answered.outcome,
    reason: answered.code ?? line?.reason ?? line?.fault,
    detail: line?.detail,
    functionMs: line?.LoginDuration,
  });
}

/** Returns a line of text about a login. */
export function loginLine({ timeMs, user, outcome, reason, detail, tookMs }: ShownLogin): string {
  const time = new Date(timeMs).toISOString();
  const words = [time, user, outcome, reason, detail, `${tookMs.toFixed(1)} ms`];
  return words.filter((word) => word !== undefined).join("  ");
}

/** Returns undefined for an answer that is not the function's. */
function readAnswer(status: number, body: string | undefined): Answered | undefined {
  if (status !== 200 && status !== 503) return undefined;
  let answer: { readonly allow?: unknown; readonly reason?: string };
  try {
    answer = JSON.parse(body ?? "{}");
  } catch {
    return undefined;
  }
  const { allow, reason } = answer;
  if (status === 503) return { outcome: "unavailable", code: reason };
  return allow === true ? { outcome: "allowed" } : { outcome: "refused", code: reason };
}
