// The five telling logins of the local stack, and the settings of the small site whose sessions they use.

import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LocalApi, LoginLine } from "./api.ts";
import type { RelayCaller } from "./relay-caller.ts";
import { formatTable } from "./table.ts";

const sessions = fileURLToPath(new URL("sessions", import.meta.url));

export const sampleSettings = {
  // Whose checkout this is: its group may write there, too, by some users' umask.
  SESSION_STORE: `files://${sessions}?uid=${statSync(sessions).uid}`,
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
};

interface SampleLogin {
  readonly user: string;
  readonly session: string;
  readonly password: string;
  readonly expected: string;
}

const alice = "alice0session0of0the0samples";
const sampleLogins: readonly SampleLogin[] = [
  { user: "alice", session: "her own", password: alice, expected: "allowed" },
  { user: "bob", session: "alice's", password: alice, expected: "refused other-user" },
  {
    user: "carol",
    session: "her own, logged out",
    password: "carol0session0of0the0samples",
    expected: "refused not-authenticated",
  },
  {
    user: "alice",
    session: "one that is unknown",
    password: "nobody0has0this0session000",
    expected: "refused no-session",
  },
  {
    user: "alice",
    session: "no session id at all",
    password: "../etc/passwd",
    expected: "refused malformed-session-id",
  },
];

/** Asks the relay for each login. Returns a table of the results, and whether all are as expected. */
export async function trySampleLogins(
  api: Pick<LocalApi, "logins">,
  relay: Pick<RelayCaller, "ask">,
): Promise<{ table: string; isAsExpected: boolean }> {
  // The first call pays for loading the function, which is not what the table shows.
  await relay.ask("isuser:nobody:localhost");
  await nextLogin(api, 0);
  const rows: string[][] = [];
  let isAsExpected = true;
  for (const { user, session, password, expected } of sampleLogins) {
    const before = api.logins().length;
    const startedMs = performance.now();
    const isAllowed = await relay.ask(`auth:${user}:localhost:${password}`);
    const tookMs = performance.now() - startedMs;
    // The relay answers one bit. The reason stands in the function's log, as it does on AWS.
    const line = await nextLogin(api, before);
    const verdict = isAllowed ? "allowed" : "refused";
    const reason = line?.reason ?? line?.fault ?? "";
    const isRight = `${verdict} ${reason}`.trim() === expected;
    isAsExpected &&= isRight;
    rows.push([user, session, verdict, isRight ? reason : `${reason} (not as expected)`, tookMs.toFixed(1)]);
  }
  return { table: formatTable(["who", "with the session", "verdict", "reason", "ms"], rows), isAsExpected };
}

/** Returns the login after the first `count` of the log, which comes through another pipe than the answer. */
async function nextLogin(api: Pick<LocalApi, "logins">, before: number): Promise<LoginLine | undefined> {
  for (let tries = 0; tries < 100 && api.logins().length <= before; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return api.logins()[before];
}
