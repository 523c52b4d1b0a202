// Frame -> question about connections that are open: do the sessions that they were opened with still let their users
// in? Asked on numbered connections only (numbered-frames.ts).
//
//   still    = "still:" server %x00 1*1000( user %x00 password %x00 )   ; at most 60,000 bytes, of UTF-8
//   answer   = "still:" 1*1000( "1" / "0" / "?" )     ; live, ended, unknown: one for each login, in the order asked
//            / %x02                                   ; the question is not as above: nothing is known
//
// A relay from before this question answers %x00, as it answers every unknown command. So a caller takes whatever is
// not "still:" with one character for each login as unknown, and ends nothing by it.

import { MAX_LOGINS } from "../protocol/limits.ts";
import { asCommand } from "./command.ts";

/** In bytes, of one such question. */
export const maxStillBytes = 60_000;

export interface StillQuestion {
  readonly server: string;
  /** Each login as JSON, or undefined where the function could say nothing but unknown: it is not asked. */
  readonly logins: readonly (string | undefined)[];
}

const begin = Buffer.from("still:");
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns whether a frame's command is such a question, well-formed or not. */
export function isStill(command: Buffer): boolean {
  return command.subarray(0, begin.length).equals(begin);
}

/** Returns the bytes of an answer with these characters, one for each login. */
export function stillBytes(live: string): Uint8Array {
  return Buffer.from(`still:${live}`);
}

/** Returns the question, or undefined where it is malformed. Throws nothing, for any bytes. */
export function parseStill(command: Buffer): StillQuestion | undefined {
  if (command.length > maxStillBytes) return undefined;
  let text: string;
  try {
    text = utf8.decode(command.subarray(begin.length));
  } catch {
    return undefined;
  }
  const [server = "", ...fields] = text.split("\0");
  // What follows the last NUL.
  if (fields.pop() !== "" || fields.length === 0 || fields.length % 2 > 0 || fields.length > 2 * MAX_LOGINS) {
    return undefined;
  }
  const logins: (string | undefined)[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const [user, password] = fields.slice(at, at + 2);
    const isSendable = "request" in asCommand({ op: "auth", user, server, password });
    logins.push(isSendable ? JSON.stringify([user, password]) : undefined);
  }
  return { server, logins };
}
