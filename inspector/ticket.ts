// A ticket: what a page hands to JavaScript in place of the session id. PHP seals the id for a minute; only the function
// opens it, and then looks the session up as for any login.
//
//   ticket  = header ".." iv "." text "." tag       ; a compact JWE without an encrypted key, each part in base64url
//   header  = {"alg":"dir","enc":"A256GCM","typ":"inspectord","kid":ID}
//   text    = AES-256-GCM by the key of that ID, of {"sid":ID,"aud":HOST,"exp":SECONDS,"jti":TEXT}
//   iv      = 12 bytes
//   tag     = 16 bytes                              ; over the text and the header as it was sent
//
// There is no choice of algorithm, and no member more or less. There is no name of a user either: the session says who.
//
// Source: RFC 7516, sections 5.2 and 7.1; RFC 7518, sections 4.5 and 5.3.

// biome-ignore lint/correctness/noNodejsModules: pure functions of bytes, which JavaScript itself lacks
import { createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { kindOfPassword } from "../protocol/password.ts";
import { decodeBase64url, type TicketKeys } from "./ticket-keys.ts";
import type { RefusalReason } from "./verdict.ts";

/** Why a ticket does not count. */
type TicketProblem = Exclude<Extract<RefusalReason, `ticket-${string}`>, "ticket-required">;

/** A ticket that was sealed by one of our keys, for this host. */
interface OpenTicket {
  readonly sessionId: string;
}

interface TicketQuestion {
  /** The host that the user logs in to, as ejabberd has prepared it. */
  readonly host: string;
  /** The time, in seconds since 1970; undefined for a connection that is open: the ticket's own end does not matter. */
  readonly nowSeconds: number | undefined;
}

export type OpenTickets = (
  ticket: string,
  question: TicketQuestion,
) => OpenTicket | { problem: TicketProblem };

const ivBytes = 12;
const tagBytes = 16;

/**
 * Returns what opens tickets that one of these keys sealed and that end at most `maxSeconds` from now. It throws nothing,
 * and nothing that it returns holds a piece of a ticket but the session id.
 */
export function ticketOpener(keys: TicketKeys, maxSeconds: number): OpenTickets {
  const secrets = new Map([...keys.entries()].map(([id, bytes]) => [id, createSecretKey(bytes)]));
  return (ticket, { host, nowSeconds }) => {
    const opened = unseal(ticket, secrets);
    if ("problem" in opened) return opened;
    const { sid, aud, exp, jti, ...others } = opened.members;
    const isWhole = typeof sid === "string" && typeof aud === "string" && typeof jti === "string";
    if (
      !isWhole ||
      kindOfPassword(sid) !== "session-id" ||
      !Number.isSafeInteger(exp) ||
      Object.keys(others).length > 0
    ) {
      return { problem: "ticket-malformed" };
    }
    if (aud !== host) return { problem: "ticket-other-host" };
    if (nowSeconds === undefined) return { sessionId: sid };
    const secondsLeft = (exp as number) - nowSeconds;
    if (secondsLeft > maxSeconds) return { problem: "ticket-too-long" };
    return secondsLeft > 0 ? { sessionId: sid } : { problem: "ticket-expired" };
  };
}

type Members = Readonly<Record<string, unknown>>;

function unseal(
  ticket: string,
  secrets: ReadonlyMap<string, KeyObject>,
): { readonly members: Members } | { readonly problem: TicketProblem } {
  const [head = "", encryptedKey, iv = "", text = "", tag = "", ...more] = ticket.split(".");
  const header = membersOf(decodeBase64url(head));
  const nonce = decodeBase64url(iv);
  const sealed = decodeBase64url(text);
  const proof = decodeBase64url(tag);
  if (
    encryptedKey !== "" ||
    more.length > 0 ||
    header === undefined ||
    sealed === undefined ||
    nonce?.length !== ivBytes ||
    proof?.length !== tagBytes
  ) {
    return { problem: "ticket-malformed" };
  }
  const { alg, enc, typ, kid, ...others } = header;
  const isOurs = alg === "dir" && enc === "A256GCM" && typ === "inspectord" && typeof kid === "string";
  if (!isOurs || Object.keys(others).length > 0) return { problem: "ticket-malformed" };
  const secret = secrets.get(kid);
  if (secret === undefined) return { problem: "ticket-key-unknown" };
  const decipher = createDecipheriv("aes-256-gcm", secret, nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(head, "latin1")).setAuthTag(proof);
  let plain: Buffer;
  try {
    plain = Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return { problem: "ticket-forged" };
  }
  const members = membersOf(plain);
  return members === undefined ? { problem: "ticket-malformed" } : { members };
}

function membersOf(json: Buffer | undefined): Members | undefined {
  if (json === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(json.toString());
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Members)
      : undefined;
  } catch {
    return undefined;
  }
}
