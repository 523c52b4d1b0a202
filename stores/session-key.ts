// Under which key a session lies in the store: a prefix and the session id, as PHP's own save handlers have it, or as a
// template says.
//
//   template = 1*( text / brace / hole )       ; {id} stands in it at least once, at any depth
//   hole     = "{id}" / "{" hash ":" template "}"
//   brace    = "{open}" / "{close}"            ; "{" and "}" themselves
//   hash     = "md5" / "sha1" / "sha256-base64url" / keyed ":SESSION_KEY_SECRET"
//   keyed    = "hmac-sha256" / "hmac-sha3-256"
//   text     = 1*( %x21-7A / "|" / "~" )       ; a blank, too, where a hash is made of it
//
// A backslash and a quote are themselves: Yii's key, for one, is {md5:["yii\\redis\\Session","{id}"]}, and where it hashes
// what PHP serialized, {md5:a:2:{open}i:0;s:20:"yii\web\CacheSession";i:1;s:32:"{id}";{close}}.

/** Returns the key of the session with this id. */
export type KeyOf = (sessionId: string) => string;

/** What a hole can make of the text in it, by their names in a template. */
const keyedHashes = ["hmac-sha256", "hmac-sha3-256"] as const;
const keyHashes = ["md5", "sha1", "sha256-base64url", ...keyedHashes] as const;

type KeyHash = (typeof keyHashes)[number];

/** Returns the hash of this text, as text. */
export type HashKey = (hash: KeyHash, text: string) => string;

type Part = string | { readonly hole: "id" } | { readonly hole: KeyHash; readonly parts: readonly Part[] };

export interface KeyTemplate {
  readonly parts: readonly Part[];
  /** Whether a hash is made of any part. */
  readonly isHashed: boolean;
  /** Whether a hash needs SESSION_KEY_SECRET. */
  readonly needsSecret: boolean;
  /** Whether it is a prefix and {id}: all that PHP's own save handlers make. */
  readonly isPrefix: boolean;
}

const maxTemplateLength = 1024;
const maxDepth = 4;

export const keyTemplateForm =
  `printable ASCII without spaces, at most ${maxTemplateLength} characters, with {id} in it; {md5:TEXT}, {sha1:TEXT}, ` +
  "{sha256-base64url:TEXT}, {hmac-sha256:SESSION_KEY_SECRET:TEXT} and {hmac-sha3-256:SESSION_KEY_SECRET:TEXT} stand for " +
  "the hash of a TEXT, {open} and {close} for braces";

/** Returns keys as PHP's own save handlers make them: a prefix, and the session id. */
export function keysWithPrefix(prefix: string): KeyOf {
  return (sessionId) => prefix + sessionId;
}

/** Returns keys by a template. */
export function keysByTemplate({ parts }: KeyTemplate, hash: HashKey): KeyOf {
  const written = (some: readonly Part[], sessionId: string): string =>
    some
      .map((part) => {
        if (typeof part === "string") return part;
        return part.hole === "id" ? sessionId : hash(part.hole, written(part.parts, sessionId));
      })
      .join("");
  return (sessionId) => written(parts, sessionId);
}

/** Returns what the text says of keys, or undefined where it is no template. Throws nothing. */
export function readKeyTemplate(text: string): KeyTemplate | undefined {
  if (text.length > maxTemplateLength) return undefined;
  const reader: Reader = { text, at: 0 };
  const parts = readParts(reader, 0);
  if (parts === undefined || reader.at < text.length || !has(parts, "id")) return undefined;
  const isHashed = keyHashes.some((hash) => has(parts, hash));
  const isPrefix = !isHashed && text.indexOf("{id}") === text.length - "{id}".length;
  return { parts, isHashed, needsSecret: keyedHashes.some((hash) => has(parts, hash)), isPrefix };
}

interface Reader {
  readonly text: string;
  at: number;
}

const textOutside = /[!-z|~]+/y;
const textInside = /[ -z|~]+/y;
const braces: Readonly<Record<string, string>> = { open: "{", close: "}" };
const brace = /\{(open|close)\}/y;
const beginning =
  /\{(?:(id)\}|(md5|sha1|sha256-base64url):|(hmac-sha256|hmac-sha3-256):SESSION_KEY_SECRET:)/y;

/** Reads up to the end of the text, or of the hole that these parts stand in. */
function readParts(reader: Reader, depth: number): readonly Part[] | undefined {
  const parts: Part[] = [];
  const isEnd = () => reader.at === reader.text.length || (depth > 0 && reader.text[reader.at] === "}");
  while (!isEnd()) {
    const [text] = take(reader, depth === 0 ? textOutside : textInside);
    const part = text ?? readBrace(reader) ?? readHole(reader, depth);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.length === 0 ? undefined : parts;
}

function readBrace(reader: Reader): string | undefined {
  const [, name = ""] = take(reader, brace);
  return braces[name];
}

function readHole(reader: Reader, depth: number): Part | undefined {
  const [, id, hash, keyedHash] = take(reader, beginning);
  if (id !== undefined) return { hole: "id" };
  const hole = (hash ?? keyedHash) as KeyHash | undefined;
  if (hole === undefined || depth === maxDepth) return undefined;
  const parts = readParts(reader, depth + 1);
  if (parts === undefined || reader.text[reader.at] !== "}") return undefined;
  reader.at++;
  return { hole, parts };
}

/** Returns the match of this sticky pattern where the reader is, and goes past it; nothing where it does not match. */
function take(reader: Reader, pattern: RegExp): readonly (string | undefined)[] {
  pattern.lastIndex = reader.at;
  const match = pattern.exec(reader.text) ?? [];
  reader.at += match[0]?.length ?? 0;
  return match;
}

function has(parts: readonly Part[], hole: "id" | KeyHash): boolean {
  return parts.some(
    (part) => typeof part !== "string" && (part.hole === hole || ("parts" in part && has(part.parts, hole))),
  );
}
