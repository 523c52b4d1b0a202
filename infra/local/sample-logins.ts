// The telling logins of the local stack, and the settings of the small site whose sessions they use.

import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CompactEncrypt } from "jose";
import type { RelayCaller } from "./relay-caller.ts";
import { formatTable } from "./table.ts";

const sessions = fileURLToPath(new URL("sessions", import.meta.url));

/** The key of this run's tickets. */
const ticketKey = randomBytes(32);

export const sampleSettings = {
  // Whose checkout this is: its group may write there, too, by some users' umask.
  SESSION_STORE: `files://${sessions}?uid=${statSync(sessions).uid}`,
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
  TICKETS: "accepted",
  TICKET_KEYS: `1:${ticketKey.toString("base64url")}`,
};

interface SampleLogin {
  readonly user: string;
  readonly session: string;
  readonly password: string;
  readonly expected: string;
}

/** The session id of alice, who is logged in. */
export const samplePassword = "alice0session0of0the0samples";
const sampleLogins = (ticket: string): readonly SampleLogin[] => [
  { user: "alice", session: "her own", password: samplePassword, expected: "allowed" },
  { user: "alice", session: "a ticket of it", password: ticket, expected: "allowed" },
  { user: "bob", session: "alice's", password: samplePassword, expected: "refused other-user" },
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
  relay: Pick<RelayCaller, "ask" | "log">,
): Promise<{ table: string; isAsExpected: boolean }> {
  // The first login pays for loading the function, which is not what the table shows.
  await relay.ask("auth:nobody:localhost:nobody0has0this0session000");
  await nextReason(relay, 0);
  const rows: string[][] = [];
  let isAsExpected = true;
  for (const { user, session, password, expected } of sampleLogins(await sealTicket(samplePassword))) {
    const before = relay.log.length;
    const startedMs = performance.now();
    const isAllowed = await relay.ask(`auth:${user}:localhost:${password}`);
    const tookMs = performance.now() - startedMs;
    const verdict = isAllowed ? "allowed" : "refused";
    const reason = isAllowed ? "" : await nextReason(relay, before);
    const isRight = `${verdict} ${reason}`.trim() === expected;
    isAsExpected &&= isRight;
    rows.push([user, session, verdict, isRight ? reason : `${reason} (not as expected)`, tookMs.toFixed(1)]);
  }
  return { table: formatTable(["who", "with the session", "verdict", "reason", "ms"], rows), isAsExpected };
}

/** Returns a ticket for a minute, as PHP seals it: see inspector/ticket.ts. */
function sealTicket(sessionId: string): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 60;
  const claims = { sid: sessionId, aud: "localhost", exp, jti: randomBytes(12).toString("base64url") };
  return new CompactEncrypt(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: "inspectord", kid: "1" })
    .encrypt(ticketKey);
}

/**
 * Returns the code that the relay logs of a login after the first `before` characters of its log, or "" if it logs none.
 * The relay answers one bit, and its log comes through another pipe than the answer. The function's log would not do:
 * the relay refuses some logins without asking it.
 */
async function nextReason(relay: Pick<RelayCaller, "log">, before: number): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const line = relay.log
      .slice(before)
      .split("\n")
      .slice(0, -1)
      .find((line) => line.includes(" outcome="));
    if (line !== undefined) return / code=(\S+)/.exec(line)?.[1] ?? "";
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return "";
}
