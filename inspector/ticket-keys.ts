// The keys that PHP seals tickets with, read and kept apart from what opens them (ticket.ts): that needs node:crypto,
// which takes milliseconds to load, and a site without tickets does not need it.
//
//   keys = key *( "," key )              ; PHP makes tickets with the first; the function opens those of all
//   key  = id ":" 32 bytes in base64url
//   id   = 1*32( ALPHA / DIGIT / "_" / "-" )

export const ticketKeysForm =
  "ID:KEY,ID:KEY, at most 8, each KEY 32 random bytes in base64url (43 characters)";

const keyBytes = 32;
const maxKeys = 8;
const keyForm = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9_-]{43})$/;

/** The keys by their ids. Nobody can log or print them by mistake: their bytes are no property. */
export class TicketKeys {
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(keys: ReadonlyMap<string, Uint8Array>) {
    this.#keys = keys;
  }

  entries(): IterableIterator<[string, Uint8Array]> {
    return this.#keys.entries();
  }
}

/** Returns the keys, or undefined where the text is not as above, or an id stands there twice. */
export function readTicketKeys(text: string): TicketKeys | undefined {
  const keys = new Map<string, Uint8Array>();
  const parts = text.split(",");
  for (const part of parts) {
    const [, id, encoded] = keyForm.exec(part.trim()) ?? [];
    const bytes = encoded === undefined ? undefined : decodeBase64url(encoded);
    if (id === undefined || bytes?.length !== keyBytes || keys.has(id)) return undefined;
    keys.set(id, bytes);
  }
  return keys.size <= maxKeys ? new TicketKeys(keys) : undefined;
}

/**
 * Returns undefined for text that is not the one way to write these bytes (RFC 4648, section 5, without padding): a
 * changed character is never overlooked.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
