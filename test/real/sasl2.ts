// SASL2 (XEP-0388) over TCP and WebSocket, as far as a login by PLAIN or by a token of FAST (XEP-0484) goes.

import { createHmac } from "node:crypto";
import type { Page } from "playwright-core";
import { featuresByTcp, type LoginResult, plainMessage, sayByTcp } from "./xmpp.ts";

const sasl2 = "urn:xmpp:sasl:2";
const fast = "urn:xmpp:fast:0";
const agent = '<user-agent id="d4565fa7-4d72-4749-b3d3-740edbf87770"><software>test</software></user-agent>';
const answered = "</success>";

/** Returns the mechanisms that a server's <stream:features> offer: by SASL, and by SASL2. */
function mechanismsIn(features: string): { readonly sasl: string[]; readonly sasl2: string[] } {
  const inElement = (pattern: RegExp) =>
    [...(pattern.exec(features)?.[1] ?? "").matchAll(/<mechanism>([^<]*)</g)].map(([, name = ""]) => name);
  // Each server writes the namespace with its own quotes.
  return {
    sasl: inElement(/<mechanisms xmlns=["']urn:ietf:params:xml:ns:xmpp-sasl["']>(.*?)<\/mechanisms>/s),
    sasl2: inElement(/<authentication xmlns=["']urn:xmpp:sasl:2["']>(.*?)<\/authentication>/s),
  };
}

/** Returns what a client of this user is offered: SASL2 only to those who say who they are. */
export async function offersByTcp(
  port: number,
  host: string,
  user: string,
): Promise<ReturnType<typeof mechanismsIn>> {
  return mechanismsIn(await featuresByTcp(port, host, user));
}

function authenticate(mechanism: string, message: string, more = ""): string {
  return `<authenticate xmlns="${sasl2}" mechanism="${mechanism}"><initial-response>${message}</initial-response>${more}</authenticate>`;
}

/** Logs in by PLAIN. Throws if the server lets in somebody else. */
export async function logInBySasl2(
  port: number,
  host: string,
  user: string,
  password: string,
): Promise<LoginResult> {
  const { result, said } = await sayByTcp(
    port,
    host,
    user,
    authenticate("PLAIN", plainMessage(user, password)),
    answered,
  );
  if (result === "success" && !said.includes(`<authorization-identifier>${user}@${host}<`)) {
    throw new Error(`let in as another: ${said}`);
  }
  return result;
}

/** Logs in by PLAIN and returns a token of FAST, or undefined if the server hands out none. */
export async function tokenByFast(
  port: number,
  host: string,
  user: string,
  password: string,
): Promise<string | undefined> {
  const asked = `${agent}<request-token xmlns="${fast}" mechanism="HT-SHA-256-NONE"/>`;
  const text = authenticate("PLAIN", plainMessage(user, password), asked);
  const { said } = await sayByTcp(port, host, user, text, answered);
  return /<token[^>]* token=["']([^"']+)["']/.exec(said)?.[1];
}

export async function logInByToken(
  port: number,
  host: string,
  user: string,
  token: string,
): Promise<LoginResult> {
  const hash = createHmac("sha256", token).update("Initiator").digest();
  const message = Buffer.concat([Buffer.from(`${user}\0`), hash]).toString("base64");
  const text = authenticate("HT-SHA-256-NONE", message, `${agent}<fast xmlns="${fast}"/>`);
  return (await sayByTcp(port, host, user, text, answered)).result;
}

/** Logs in by PLAIN over WebSocket (RFC 7395), from the page of a browser. */
export function logInBySasl2OverWebSocket(
  page: Page,
  url: string,
  host: string,
  user: string,
  password: string,
): Promise<LoginResult> {
  const open = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${host}" from="${user}@${host}" version="1.0"/>`;
  const login = authenticate("PLAIN", plainMessage(user, password));
  return page.evaluate(
    ({ url, open, login }) =>
      new Promise<LoginResult>((resolve) => {
        // biome-ignore lint/suspicious/noExplicitAny: the page's global, which has no types here.
        const socket = new (globalThis as any).WebSocket(url, "xmpp");
        // No function here may have a name: tsx would call a helper that the page does not have.
        socket.onopen = () => socket.send(open);
        socket.onclose = () => resolve("closed");
        // An older server says nothing to what it does not know.
        setTimeout(() => socket.close(), 20_000);
        socket.onmessage = ({ data }: { readonly data: string }) => {
          if (data.includes("features")) return socket.send(login);
          const ends = { success: "<success", failure: "<failure", "stream-error": "stream:error" } as const;
          for (const [result, text] of Object.entries(ends)) {
            if (!data.includes(text)) continue;
            resolve(result as LoginResult);
            socket.close();
          }
        };
      }),
    { url, open, login },
  );
}
