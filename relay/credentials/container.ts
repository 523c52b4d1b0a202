// Credentials that a container asks an endpoint beside it for: ECS, and EKS Pod Identity.
// Source: AWS SDKs and Tools Reference Guide, "Container credential provider".

import { readFile } from "node:fs/promises";
import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import type { Environment } from "../config.ts";
import { type Credentials, CredentialsError } from "./credentials.ts";
import { maxDocumentBytes, readDocument } from "./credentials-document.ts";

const place = "container endpoint";
/** In milliseconds. The endpoint is on the same host: one that takes longer does not work. */
const longestAnswerMs = 5_000;
/** The addresses of ECS and of EKS Pod Identity: plain http goes nowhere else but to this machine. */
const linkLocal = new Set(["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]);

/** Returns undefined if no endpoint is configured. @throws CredentialsError */
export async function fromContainer(environment: Environment): Promise<Credentials | undefined> {
  const relative = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  const full = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
  if (!relative && !full) return undefined;
  const url = readUrl(relative ? `http://169.254.170.2${relative}` : (full ?? ""));
  const tokenFile = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
  // The file is rewritten as its token ends, so it is read each time.
  const token = tokenFile
    ? (await readToken(tokenFile)).trim()
    : environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"];
  if (token !== undefined && /[^\x20-\x7e]/.test(token)) {
    throw unreadable(`the token holds a line break or another control character`);
  }
  return readDocument(place, await get(url, token));
}

function readUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw unreadable(`AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL`);
  }
  const isNear =
    linkLocal.has(url.hostname) ||
    url.hostname === "localhost" ||
    url.hostname === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isNear)) {
    throw unreadable(`plain http to another machine`);
  }
  return url;
}

async function readToken(path: string): Promise<string> {
  return readFile(path, "utf8").catch(({ code }: NodeJS.ErrnoException) => {
    throw unreadable(`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read (${code})`);
  });
}

function get(url: URL, token: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      reject(unreadable(what));
      request.destroy();
    };
    const send = url.protocol === "https:" ? requestSecure : requestPlain;
    const request = send(url, {
      headers: token === undefined ? {} : { authorization: token },
      // For the whole answer: one that comes byte by byte is abandoned, too.
      signal: AbortSignal.timeout(longestAnswerMs),
    });
    request.on("error", ({ code }: NodeJS.ErrnoException) => fail(code ?? "unreachable"));
    request.on("response", (response) => {
      if (response.statusCode !== 200) return fail(`status ${response.statusCode}`);
      let text = "";
      response.setEncoding("utf8").on("data", (more: string) => {
        text += more;
        if (text.length > maxDocumentBytes) fail("too large");
      });
      response.on("error", () => fail("cut off"));
      response.on("end", () => resolve(text));
    });
    request.end();
  });
}

function unreadable(what: string): CredentialsError {
  return new CredentialsError("credentials-unreadable", `${place}: ${what}`);
}
