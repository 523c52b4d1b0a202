// A real browser, headless, and what a person does in it: log in to the site, then to the chat.

import { type Browser, chromium, type Page } from "playwright-core";
import { chromiumPath } from "./parts.ts";

/** The last word of Strophe.js on a connection. */
export type StropheStatus = "CONNECTED" | "AUTHFAIL" | "CONNFAIL" | "DISCONNECTED" | "ERROR";

/** Starts it. It asks nobody but the servers of the test. */
export function startBrowser(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("there is no Chromium");
  return chromium.launch({
    executablePath,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
}

export interface ChatPage {
  readonly page: Page;
  /** What PHP's session_id() gave to the page. */
  readonly sessionId: string;
}

/** Logs in to the site in a browser profile of its own, and returns its chat page. */
export async function logInToSite(
  browser: Browser,
  siteUrl: string,
  user: string,
  lifetimeSeconds = 1440,
): Promise<ChatPage> {
  // The chat server has a certificate of the test, of no authority.
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const query = new URLSearchParams({ user, lifetime: String(lifetimeSeconds) });
  await page.goto(`${siteUrl}/login?${query}`);
  const session = (await page.evaluate("session")) as { user: string; id: string };
  if (session.user !== user) throw new Error("the site did not log the user in");
  return { page, sessionId: session.id };
}

/** Connects Strophe.js from the page and drops the connection again. Returns what became of the connection. */
export async function connectStrophe(
  page: Page,
  service: string,
  jid: string,
  password: string,
): Promise<StropheStatus> {
  return page.evaluate(
    ({ service, jid, password }) =>
      new Promise<StropheStatus>((resolve) => {
        // biome-ignore lint/suspicious/noExplicitAny: the page's global, which has no types here.
        const { Strophe } = globalThis as any;
        const connection = new Strophe.Connection(service);
        const finals: StropheStatus[] = ["CONNECTED", "AUTHFAIL", "CONNFAIL", "DISCONNECTED", "ERROR"];
        connection.connect(jid, password, (status: number) => {
          const final = finals.find((name) => Strophe.Status[name] === status);
          if (final === undefined) return;
          // Not from within the callback, and no disconnect(): over BOSH, Strophe asks for the end of a session
          // as fast as it can until it hears of it.
          setTimeout(() => {
            connection.reset();
            resolve(final);
          });
        });
      }),
    { service, jid, password },
  );
}
