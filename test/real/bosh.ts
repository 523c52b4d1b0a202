// XMPP over BOSH, as far as a login goes: a session and SASL PLAIN (XEP-0124, XEP-0206, RFC 4616).

import { request } from "node:https";
import type { LoginResult } from "./xmpp.ts";

const silenceMs = 40_000;

/** Logs in, and returns what the server said to it. Throws after 40 seconds of silence, or when it serves no BOSH. */
export async function logInByBosh(
  url: string,
  host: string,
  user: string,
  password: string,
): Promise<LoginResult> {
  let requestId = Math.floor(Math.random() * 2 ** 32);
  const say = (attributes: string, content = "") =>
    post(
      url,
      `<body xmlns="http://jabber.org/protocol/httpbind" rid="${requestId++}" ${attributes}>${content}</body>`,
    );
  const opened = await say(
    `to="${host}" wait="10" hold="1" ver="1.6" xmpp:version="1.0" xmlns:xmpp="urn:xmpp:xbosh"`,
  );
  const session = /\bsid='([^']+)'|\bsid="([^"]+)"/.exec(opened);
  if (session === null) return "closed";
  const id = `sid="${session[1] ?? session[2]}"`;
  const message = Buffer.from(`\0${user}\0${password}`).toString("base64");
  let said = await say(
    id,
    `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${message}</auth>`,
  );
  // The server may answer a request with nothing, to be asked again.
  while (!/<success|<failure|terminate/.test(said)) said = await say(id);
  if (said.includes("<success")) return "success";
  return said.includes("<failure") ? "failure" : "closed";
}

function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      // The server's certificate is the test's own, of no authority.
      {
        method: "POST",
        headers: { "content-type": "text/xml" },
        rejectUnauthorized: false,
        timeout: silenceMs,
      },
      (response) => {
        let received = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          received += text;
        });
        response.once("end", () => resolve(received));
        response.once("error", reject);
      },
    );
    sent.once("timeout", () => sent.destroy(new Error(`silence of ${silenceMs} ms`)));
    sent.once("error", reject);
    sent.end(body);
  });
}
