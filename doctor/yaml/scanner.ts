// Characters of YAML -> tokens, by the rules of libyaml 0.2.5, through which ejabberd (fast_yaml) reads its files.
//
// Those differ from YAML 1.2 where it matters here: a line of a tab alone is an error, a quoted scalar may go on at any
// column, an indicator may follow in places that the specification forbids. The tests compare with the real one.
//
// Source: YAML 1.1; yaml/libyaml, src/scanner.c and src/reader.c.

/** Where a token begins, both counted from 0; `index` and `column` in characters. */
export interface Mark {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

export type ScalarStyle = "plain" | "single" | "double" | "block";

export type TokenKind =
  | "stream-end"
  | "version-directive"
  | "tag-directive"
  | "document-start"
  | "document-end"
  | "block-sequence-start"
  | "block-mapping-start"
  | "block-end"
  | "["
  | "{"
  | "]"
  | "}"
  | ","
  | "-"
  | "?"
  | ":"
  | "alias"
  | "anchor"
  | "tag"
  | "scalar";

export interface Token {
  readonly kind: TokenKind;
  readonly mark: Mark;
  /** The text of a scalar, alias or anchor; the handle of a tag or a tag directive; the version of a version directive. */
  readonly text: string;
  readonly style: ScalarStyle;
}

/** The bytes are no YAML to libyaml. `line` is counted from 0. */
export class YamlError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.name = "YamlError";
    this.line = line;
  }
}

/** What may be the key of a mapping that a later ":" makes it. */
interface SimpleKey {
  isPossible: boolean;
  readonly isRequired: boolean;
  readonly tokenNumber: number;
  readonly mark: Mark;
}

const maxSimpleKeyLength = 1024;
const end = "";
const word = /^[0-9A-Za-z_-]$/;
const uri = /^[0-9A-Za-z_;/?:@&=+$.%!~*'(),[\]-]$/;
/** Within a tag that is not verbatim. */
const tagUri = /^[0-9A-Za-z_;/?:@&=+$.%!~*'()-]$/;
const cannotStartPlain = new Set("-?:,[]{}#&*!|>'\"%@`");
const byteOrderMark = "\uFEFF";

const escapes: Readonly<Record<string, string>> = {
  "0": "\0",
  a: "\x07",
  b: "\b",
  t: "\t",
  "\t": "\t",
  n: "\n",
  v: "\v",
  f: "\f",
  r: "\r",
  e: "\x1B",
  " ": " ",
  '"': '"',
  "/": "/",
  "\\": "\\",
  N: "\x85",
  _: "\xA0",
  L: "\u2028",
  P: "\u2029",
};
const hexEscapes: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

export class Scanner {
  readonly #characters: readonly string[];
  #index = 0;
  #line = 0;
  #column = 0;
  readonly #tokens: Token[] = [];
  #taken = 0;
  #flowLevel = 0;
  #indent = -1;
  readonly #indents: number[] = [];
  #isKeyAllowed = true;
  readonly #keys: SimpleKey[] = [];

  /** @throws YamlError for bytes that libyaml does not read, as `peek` and `take` do. */
  constructor(bytes: Uint8Array) {
    this.#characters = charactersOf(bytes);
    this.#keys.push(this.#noKey());
  }

  peek(): Token {
    this.#fetchWhatIsNeeded();
    return this.#tokens[0] as Token;
  }

  take(): Token {
    const token = this.peek();
    this.#tokens.shift();
    this.#taken++;
    return token;
  }

  #fetchWhatIsNeeded(): void {
    for (;;) {
      if (this.#tokens.length > 0) {
        this.#forgetStaleKeys();
        // A later ":" may still put a key's token in front of the first one.
        if (!this.#keys.some((key) => key.isPossible && key.tokenNumber === this.#taken)) return;
      }
      this.#fetch();
    }
  }

  #fetch(): void {
    this.#skipToToken();
    this.#forgetStaleKeys();
    this.#unroll(this.#column);
    const character = this.#at(0);
    const isFlow = this.#flowLevel > 0;
    if (character === end) {
      this.#fetchStreamEnd();
      return;
    }
    if (this.#column === 0 && character === "%") {
      this.#fetchDirective();
      return;
    }
    if (this.#isDocumentIndicator()) {
      this.#fetchDocumentIndicator(character === "-" ? "document-start" : "document-end");
      return;
    }
    const isBeforeBlank = isBlankOrEnd(this.#at(1));
    switch (character) {
      case "[":
      case "{":
        this.#fetchFlowStart(character);
        return;
      case "]":
      case "}":
        this.#fetchFlowEnd(character);
        return;
      case ",":
        this.#removeKey();
        this.#isKeyAllowed = true;
        this.#pushIndicator(",");
        return;
      case "-":
        if (isBeforeBlank) {
          this.#fetchBlockEntry();
          return;
        }
        break;
      case "?":
        if (isFlow || isBeforeBlank) {
          this.#fetchKey();
          return;
        }
        break;
      case ":":
        if (isFlow || isBeforeBlank) {
          this.#fetchValue();
          return;
        }
        break;
      case "*":
        this.#fetchWithKey(() => this.#scanAnchor("alias"));
        return;
      case "&":
        this.#fetchWithKey(() => this.#scanAnchor("anchor"));
        return;
      case "!":
        this.#fetchWithKey(() => this.#scanTag());
        return;
      case "|":
      case ">":
        if (isFlow) break;
        this.#removeKey();
        this.#isKeyAllowed = true;
        this.#tokens.push(this.#scanBlockScalar(character === "|"));
        return;
      case "'":
      case '"':
        this.#fetchWithKey(() => this.#scanQuoted(character));
        return;
    }
    const startsPlain =
      !cannotStartPlain.has(character) ||
      (character === "-" && !isBlank(this.#at(1))) ||
      (!isFlow && (character === "?" || character === ":") && !isBeforeBlank);
    if (!startsPlain || isBlank(character)) throw this.#error("a character that begins nothing");
    this.#saveKey();
    this.#isKeyAllowed = false;
    this.#tokens.push(this.#scanPlain());
  }

  // Indentation and keys.

  #noKey(): SimpleKey {
    return { isPossible: false, isRequired: false, tokenNumber: 0, mark: this.#mark() };
  }

  get #lastKey(): SimpleKey {
    return this.#keys.at(-1) as SimpleKey;
  }

  /** A simple key stands on one line and has at most 1024 characters. */
  #forgetStaleKeys(): void {
    for (const key of this.#keys) {
      const isStale = key.mark.line < this.#line || key.mark.index + maxSimpleKeyLength < this.#index;
      if (!key.isPossible || !isStale) continue;
      if (key.isRequired) throw this.#error("a key without its colon");
      key.isPossible = false;
    }
  }

  #saveKey(): void {
    if (!this.#isKeyAllowed) return;
    const isRequired = this.#flowLevel === 0 && this.#indent === this.#column;
    this.#removeKey();
    const tokenNumber = this.#taken + this.#tokens.length;
    this.#keys[this.#keys.length - 1] = { isPossible: true, isRequired, tokenNumber, mark: this.#mark() };
  }

  #removeKey(): void {
    const key = this.#lastKey;
    if (key.isPossible && key.isRequired) throw this.#error("a key without its colon");
    key.isPossible = false;
  }

  /** Begins a block collection at this column, unless one is open there. */
  #roll(column: number, kind: TokenKind, mark: Mark, at = this.#tokens.length): void {
    if (this.#flowLevel > 0 || this.#indent >= column) return;
    this.#indents.push(this.#indent);
    this.#indent = column;
    this.#tokens.splice(at, 0, token(kind, mark));
  }

  /** Ends the block collections that began behind this column. */
  #unroll(column: number): void {
    if (this.#flowLevel > 0) return;
    while (this.#indent > column) {
      this.#tokens.push(token("block-end", this.#mark()));
      this.#indent = this.#indents.pop() ?? -1;
    }
  }

  // Fetching: what a token does to indentation and keys.

  #pushIndicator(kind: TokenKind): void {
    this.#tokens.push(token(kind, this.#mark()));
    this.#skip();
  }

  #fetchWithKey(scan: () => Token): void {
    this.#saveKey();
    this.#isKeyAllowed = false;
    this.#tokens.push(scan());
  }

  #fetchStreamEnd(): void {
    if (this.#column !== 0) {
      this.#column = 0;
      this.#line++;
    }
    this.#unroll(-1);
    this.#removeKey();
    this.#isKeyAllowed = false;
    this.#tokens.push(token("stream-end", this.#mark()));
  }

  #fetchDirective(): void {
    this.#unroll(-1);
    this.#removeKey();
    this.#isKeyAllowed = false;
    this.#tokens.push(this.#scanDirective());
  }

  #fetchDocumentIndicator(kind: TokenKind): void {
    this.#unroll(-1);
    this.#removeKey();
    this.#isKeyAllowed = false;
    this.#pushIndicator(kind);
    this.#skip();
    this.#skip();
  }

  #fetchFlowStart(kind: "[" | "{"): void {
    this.#saveKey();
    this.#keys.push(this.#noKey());
    this.#flowLevel++;
    this.#isKeyAllowed = true;
    this.#pushIndicator(kind);
  }

  #fetchFlowEnd(kind: "]" | "}"): void {
    this.#removeKey();
    if (this.#flowLevel > 0) {
      this.#flowLevel--;
      this.#keys.pop();
    }
    this.#isKeyAllowed = false;
    this.#pushIndicator(kind);
  }

  #fetchBlockEntry(): void {
    if (this.#flowLevel === 0) {
      if (!this.#isKeyAllowed) throw this.#error("an item of a list where none may begin");
      this.#roll(this.#column, "block-sequence-start", this.#mark());
    }
    this.#removeKey();
    this.#isKeyAllowed = true;
    this.#pushIndicator("-");
  }

  #fetchKey(): void {
    if (this.#flowLevel === 0) {
      if (!this.#isKeyAllowed) throw this.#error("a key where none may begin");
      this.#roll(this.#column, "block-mapping-start", this.#mark());
    }
    this.#removeKey();
    this.#isKeyAllowed = this.#flowLevel === 0;
    this.#pushIndicator("?");
  }

  #fetchValue(): void {
    const key = this.#lastKey;
    if (key.isPossible) {
      const at = key.tokenNumber - this.#taken;
      this.#tokens.splice(at, 0, token("?", key.mark));
      this.#roll(key.mark.column, "block-mapping-start", key.mark, at);
      key.isPossible = false;
      this.#isKeyAllowed = false;
    } else {
      if (this.#flowLevel === 0) {
        if (!this.#isKeyAllowed) throw this.#error("a colon where no value may begin");
        this.#roll(this.#column, "block-mapping-start", this.#mark());
      }
      this.#isKeyAllowed = this.#flowLevel === 0;
    }
    this.#pushIndicator(":");
  }

  // Scanning: the characters of a token.

  #skipToToken(): void {
    for (;;) {
      if (this.#column === 0 && this.#at(0) === byteOrderMark) this.#skip();
      // A tab does not indent: it is skipped only where no key may begin.
      while (this.#at(0) === " " || (this.#at(0) === "\t" && (this.#flowLevel > 0 || !this.#isKeyAllowed))) {
        this.#skip();
      }
      this.#skipComment();
      if (!isBreak(this.#at(0))) return;
      this.#takeBreak();
      if (this.#flowLevel === 0) this.#isKeyAllowed = true;
    }
  }

  #skipComment(): void {
    if (this.#at(0) === "#") while (!isBreakOrEnd(this.#at(0))) this.#skip();
  }

  /** Skips what may stand behind a directive or the head of a block scalar. */
  #skipRestOfLine(): void {
    while (isBlank(this.#at(0))) this.#skip();
    this.#skipComment();
    if (!isBreakOrEnd(this.#at(0))) throw this.#error("neither a comment nor the end of the line");
    if (isBreak(this.#at(0))) this.#takeBreak();
  }

  #scanDirective(): Token {
    const mark = this.#mark();
    this.#skip();
    const name = this.#takeWord();
    if (name === "" || !isBlankOrEnd(this.#at(0))) throw this.#error("a directive without its name");
    while (isBlank(this.#at(0))) this.#skip();
    let scanned: Token;
    if (name === "YAML") scanned = token("version-directive", mark, this.#scanVersion());
    else if (name === "TAG") scanned = token("tag-directive", mark, this.#scanTagDirective());
    else throw this.#error("an unknown directive");
    this.#skipRestOfLine();
    return scanned;
  }

  #scanVersion(): string {
    const numberOf = () => {
      let digits = "";
      while (/^\d$/.test(this.#at(0))) digits += this.#take();
      if (digits === "" || digits.length > 9) throw this.#error("a version without its number");
      return Number(digits);
    };
    const major = numberOf();
    if (this.#at(0) !== ".") throw this.#error("a version without its point");
    this.#skip();
    return `${major}.${numberOf()}`;
  }

  #scanTagDirective(): string {
    const handle = this.#scanTagHandle();
    if (handle !== "!" && !handle.endsWith("!")) throw this.#error("a tag's handle without its end");
    if (!isBlank(this.#at(0))) throw this.#error("a tag's handle without its prefix");
    while (isBlank(this.#at(0))) this.#skip();
    this.#scanUri(uri, 0);
    if (!isBlankOrEnd(this.#at(0))) throw this.#error("a tag's prefix without its end");
    return handle;
  }

  #scanAnchor(kind: "alias" | "anchor"): Token {
    const mark = this.#mark();
    this.#skip();
    const name = this.#takeWord();
    if (name === "" || !(isBlankOrEnd(this.#at(0)) || "?:,]}%@`".includes(this.#at(0)))) {
      throw this.#error(`the name of an ${kind} that is no word`);
    }
    return token(kind, mark, name);
  }

  #scanTag(): Token {
    const mark = this.#mark();
    let handle = "";
    if (this.#at(1) === "<") {
      this.#skip();
      this.#skip();
      this.#scanUri(uri, 0);
      if (this.#at(0) !== ">") throw this.#error("a tag without its end");
      this.#skip();
    } else {
      handle = this.#scanTagHandle();
      const isHandle = handle.length > 1 && handle.endsWith("!");
      this.#scanUri(tagUri, isHandle ? 0 : handle.length);
      if (!isHandle) handle = "!";
    }
    const after = this.#at(0);
    if (!isBlankOrEnd(after) && !(this.#flowLevel > 0 && after === ",")) {
      throw this.#error("a tag without a space behind it");
    }
    return token("tag", mark, handle);
  }

  #scanTagHandle(): string {
    if (this.#at(0) !== "!") throw this.#error("a tag without its exclamation mark");
    const handle = this.#take() + this.#takeWord();
    return this.#at(0) === "!" ? handle + this.#take() : handle;
  }

  /** `length`: how many characters of it stand before. */
  #scanUri(allowed: RegExp, length: number): void {
    let count = length;
    for (; allowed.test(this.#at(0)); count++) {
      if (this.#at(0) === "%") this.#scanUriEscape();
      else this.#skip();
    }
    if (count === 0) throw this.#error("a tag without its name");
  }

  #scanUriEscape(): void {
    let left = 0;
    do {
      const digits = this.#at(1) + this.#at(2);
      if (this.#at(0) !== "%" || !/^[0-9A-Fa-f]{2}$/.test(digits))
        throw this.#error("an escape that is none");
      const octet = Number.parseInt(digits, 16);
      if (left === 0) {
        left = widthOf(octet);
        if (left === 0) throw this.#error("an escape that is no UTF-8");
      } else if ((octet & 0xc0) !== 0x80) {
        throw this.#error("an escape that is no UTF-8");
      }
      this.#skip();
      this.#skip();
      this.#skip();
    } while (--left > 0);
  }

  #scanBlockScalar(isLiteral: boolean): Token {
    const mark = this.#mark();
    this.#skip();
    const chomping = () => (this.#at(0) === "+" || this.#at(0) === "-" ? this.#take() : "");
    const increment = () => {
      if (!/^\d$/.test(this.#at(0))) return 0;
      if (this.#at(0) === "0") throw this.#error("an indentation of 0");
      return Number(this.#take());
    };
    let chomp = chomping();
    const indented = increment();
    if (chomp === "" && indented > 0) chomp = chomping();
    this.#skipRestOfLine();
    let indent = indented === 0 ? 0 : Math.max(this.#indent, 0) + indented;
    let breaks = "";
    const skipBreaks = () => {
      const found = this.#scanBlockBreaks(indent);
      indent = found.indent;
      breaks += found.breaks;
    };
    skipBreaks();
    let text = "";
    let lineBreak = "";
    let beganBlank = false;
    while (this.#column === indent && this.#at(0) !== end) {
      const beginsBlank = isBlank(this.#at(0));
      const isFolded = !isLiteral && lineBreak === "\n" && !beganBlank && !beginsBlank;
      if (!isFolded) text += lineBreak;
      else if (breaks === "") text += " ";
      text += breaks;
      breaks = "";
      beganBlank = beginsBlank;
      while (!isBreakOrEnd(this.#at(0))) text += this.#take();
      lineBreak = isBreak(this.#at(0)) ? this.#takeBreak() : "";
      skipBreaks();
    }
    if (chomp !== "-") text += lineBreak;
    if (chomp === "+") text += breaks;
    return token("scalar", mark, text, "block");
  }

  /** Returns the breaks of empty lines, and the indentation, which the first line with text decides. */
  #scanBlockBreaks(indent: number): { readonly indent: number; readonly breaks: string } {
    let breaks = "";
    let deepest = 0;
    for (;;) {
      const isIndenting = () => indent === 0 || this.#column < indent;
      while (isIndenting() && this.#at(0) === " ") this.#skip();
      deepest = Math.max(deepest, this.#column);
      if (isIndenting() && this.#at(0) === "\t") throw this.#error("a tab in the place of an indentation");
      if (!isBreak(this.#at(0))) break;
      breaks += this.#takeBreak();
    }
    return { indent: indent === 0 ? Math.max(deepest, this.#indent + 1, 1) : indent, breaks };
  }

  #scanQuoted(quote: string): Token {
    const mark = this.#mark();
    const isSingle = quote === "'";
    this.#skip();
    let text = "";
    for (;;) {
      if (this.#isDocumentIndicator()) throw this.#error("the end of the document within quotes");
      if (this.#at(0) === end) throw this.#error("quotes that do not end");
      let hasEscapedBreak = false;
      while (!isBlankOrEnd(this.#at(0))) {
        const [character, next] = [this.#at(0), this.#at(1)];
        if (isSingle && character === "'" && next === "'") {
          text += "'";
          this.#skip();
          this.#skip();
        } else if (character === quote) {
          break;
        } else if (!isSingle && character === "\\") {
          this.#skip();
          if (isBreak(next)) {
            this.#takeBreak();
            hasEscapedBreak = true;
            break;
          }
          text += this.#scanEscape();
        } else {
          text += this.#take();
        }
      }
      if (this.#at(0) === quote) break;
      text += this.#scanBlanks(hasEscapedBreak).text;
    }
    this.#skip();
    return token("scalar", mark, text, isSingle ? "single" : "double");
  }

  /** The backslash is skipped already. */
  #scanEscape(): string {
    const character = this.#at(0);
    const escaped = escapes[character];
    const digits = hexEscapes[character];
    if (escaped === undefined && digits === undefined) throw this.#error("an unknown escape");
    this.#skip();
    if (escaped !== undefined) return escaped;
    let code = "";
    for (let i = 0; i < (digits ?? 0); i++) {
      if (!/^[0-9A-Fa-f]$/.test(this.#at(0))) throw this.#error("an escape without its digits");
      code += this.#take();
    }
    const value = Number.parseInt(code, 16);
    if ((value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) {
      throw this.#error("an escape that is no character");
    }
    return String.fromCodePoint(value);
  }

  /**
   * Scans blanks and line breaks within a scalar, and returns them folded. `indent`: the least column of a plain
   * scalar's next line.
   */
  #scanBlanks(isAfterBreak: boolean, indent = 0): { readonly text: string; readonly hasBreak: boolean } {
    let blanks = "";
    let first = "";
    let others = "";
    let hasBreak = isAfterBreak;
    for (;;) {
      const character = this.#at(0);
      if (isBreak(character)) {
        if (hasBreak) others += this.#takeBreak();
        else first = this.#takeBreak();
        hasBreak = true;
      } else if (isBlank(character)) {
        if (hasBreak && character === "\t" && this.#column < indent) throw this.#error("a tab that indents");
        if (hasBreak) this.#skip();
        else blanks += this.#take();
      } else {
        break;
      }
    }
    if (!hasBreak) return { text: blanks, hasBreak };
    if (first !== "\n") return { text: first + others, hasBreak };
    return { text: others === "" ? " " : others, hasBreak };
  }

  #scanPlain(): Token {
    const mark = this.#mark();
    const indent = this.#indent + 1;
    const isFlow = this.#flowLevel > 0;
    let text = "";
    let pending = { text: "", hasBreak: false };
    for (;;) {
      if (this.#isDocumentIndicator() || this.#at(0) === "#") break;
      while (!isBlankOrEnd(this.#at(0))) {
        const [character, next] = [this.#at(0), this.#at(1)];
        if (isFlow && character === ":" && next !== end && ",?[]{}".includes(next)) {
          throw this.#error("a colon within a plain scalar");
        }
        if ((character === ":" && isBlankOrEnd(next)) || (isFlow && ",[]{}".includes(character))) break;
        text += pending.text + this.#take();
        pending = { text: "", hasBreak: false };
      }
      if (!isBlank(this.#at(0)) && !isBreak(this.#at(0))) break;
      pending = this.#scanBlanks(false, indent);
      if (!isFlow && this.#column < indent) break;
    }
    // A scalar that ends with its line lets a key begin on the next one.
    if (pending.hasBreak) this.#isKeyAllowed = true;
    return token("scalar", mark, text);
  }

  // Characters.

  /** Returns the character so far ahead, "" behind the last one. */
  #at(offset: number): string {
    return this.#characters[this.#index + offset] ?? end;
  }

  #skip(): void {
    if (this.#index >= this.#characters.length) return;
    this.#index++;
    this.#column++;
  }

  #take(): string {
    const character = this.#at(0);
    this.#skip();
    return character;
  }

  #takeWord(): string {
    let text = "";
    while (word.test(this.#at(0))) text += this.#take();
    return text;
  }

  /** Takes a line break and returns it as YAML has it: all but LS and PS become "\n". */
  #takeBreak(): string {
    const character = this.#at(0);
    this.#index += character === "\r" && this.#at(1) === "\n" ? 2 : 1;
    this.#column = 0;
    this.#line++;
    return character === "\u2028" || character === "\u2029" ? character : "\n";
  }

  /** Whether "---" or "..." stands here at the beginning of a line. */
  #isDocumentIndicator(): boolean {
    if (this.#column !== 0 || !isBlankOrEnd(this.#at(3))) return false;
    const three = this.#at(0) + this.#at(1) + this.#at(2);
    return three === "---" || three === "...";
  }

  #mark(): Mark {
    return { index: this.#index, line: this.#line, column: this.#column };
  }

  #error(found: string): YamlError {
    return new YamlError(this.#line, found);
  }
}

function token(kind: TokenKind, mark: Mark, text = "", style: ScalarStyle = "plain"): Token {
  return { kind, mark, text, style };
}

function isBlank(character: string): boolean {
  return character === " " || character === "\t";
}

function isBreak(character: string): boolean {
  return (
    character === "\n" ||
    character === "\r" ||
    character === "\x85" ||
    character === "\u2028" ||
    character === "\u2029"
  );
}

function isBreakOrEnd(character: string): boolean {
  return character === end || isBreak(character);
}

function isBlankOrEnd(character: string): boolean {
  return isBlank(character) || isBreakOrEnd(character);
}

/** Returns how many octets a UTF-8 sequence with this first one has, 0 for no first one. */
function widthOf(octet: number): number {
  if (octet < 0x80) return 1;
  if (octet >= 0xc0 && octet < 0xe0) return 2;
  if (octet >= 0xe0 && octet < 0xf0) return 3;
  return octet >= 0xf0 && octet < 0xf8 ? 4 : 0;
}

/** YAML 1.1, 5.1: what may stand in a file, with any plane behind the first. */
const forbidden = /[^\t\n\r\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

function charactersOf(bytes: Uint8Array): readonly string[] {
  let text: string;
  try {
    text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch {
    throw new YamlError(0, "bytes that are no UTF-8");
  }
  const match = forbidden.exec(text);
  if (match !== null) {
    throw new YamlError(text.slice(0, match.index).split(/\r\n|[\n\r]/).length - 1, "a control character");
  }
  return Array.from(text);
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}
