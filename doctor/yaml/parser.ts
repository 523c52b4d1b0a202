// Tokens of YAML -> a tree, by the grammar of libyaml 0.2.5 and as fast_yaml has it: an alias is the text of its name, an
// anchor or a tag changes nothing, and a key may stand twice.
//
// Source: yaml/libyaml, src/parser.c; processone/fast_yaml, c_src/fast_yaml.c.

import { type Mark, type ScalarStyle, Scanner, type Token, type TokenKind, YamlError } from "./scanner.ts";

/** `line` is counted from 0. */
export type Node = { readonly line: number } & (
  | { readonly kind: "scalar"; readonly text: string; readonly style: ScalarStyle }
  | { readonly kind: "alias"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly pairs: readonly (readonly [Node, Node])[] }
);

/** More than any ejabberd.yml needs. libyaml itself takes 1000. */
export const maxDepth = 64;

/**
 * Returns the documents in these bytes.
 *
 * @throws YamlError for bytes that libyaml does not read, or that are nested deeper than `maxDepth`.
 */
export function parseYaml(bytes: Uint8Array): readonly Node[] {
  return new Parser(new Scanner(bytes)).documents();
}

const directives: readonly TokenKind[] = ["version-directive", "tag-directive"];

class Parser {
  readonly #scanner: Scanner;
  readonly #tagHandles = new Set<string>();
  #depth = 0;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  documents(): readonly Node[] {
    const found: Node[] = [];
    while (!this.#is("stream-end")) {
      // Only before the first document nothing need say that one begins.
      const isImplicit = found.length === 0 && !this.#is("document-start", ...directives);
      if (isImplicit) {
        this.#readDirectives();
        found.push(this.#node({ isBlock: true }));
      } else {
        while (found.length > 0 && this.#is("document-end")) this.#scanner.take();
        if (this.#is("stream-end")) break;
        this.#readDirectives();
        if (!this.#is("document-start")) throw this.#error("no beginning of a document");
        const { mark } = this.#scanner.take();
        const isEmpty = this.#is("document-start", "document-end", "stream-end", ...directives);
        found.push(isEmpty ? empty(mark) : this.#node({ isBlock: true }));
      }
      if (this.#is("document-end")) this.#scanner.take();
      this.#tagHandles.clear();
    }
    return found;
  }

  #readDirectives(): void {
    let hasVersion = false;
    while (this.#is(...directives)) {
      const { kind, text } = this.#scanner.take();
      if (kind === "version-directive") {
        if (hasVersion || !["1.1", "1.2"].includes(text)) throw this.#error("another version of YAML");
        hasVersion = true;
      } else {
        if (this.#tagHandles.has(text)) throw this.#error("a tag's handle for the second time");
        this.#tagHandles.add(text);
      }
    }
    this.#tagHandles.add("!").add("!!");
  }

  /** `isIndentless`: a list may begin at the column of the key whose value it is. */
  #node({ isBlock = false, isIndentless = false }): Node {
    const first = this.#scanner.peek();
    const { line } = first.mark;
    if (first.kind === "alias") {
      this.#scanner.take();
      return { kind: "alias", line, text: first.text };
    }
    const hasProperties = this.#skipProperties();
    const { kind, text, style } = this.#scanner.peek();
    if (isIndentless && kind === "-") return this.#deeper(() => this.#indentlessList(line));
    if (kind === "scalar") {
      this.#scanner.take();
      return { kind: "scalar", line, text, style };
    }
    if (kind === "[") return this.#deeper(() => this.#flowList(line));
    if (kind === "{") return this.#deeper(() => this.#flowMap(line));
    if (isBlock && kind === "block-sequence-start") return this.#deeper(() => this.#blockList(line));
    if (isBlock && kind === "block-mapping-start") return this.#deeper(() => this.#blockMap(line));
    if (hasProperties) return empty(first.mark);
    throw this.#error("nothing where a value is needed");
  }

  /** Skips an anchor and a tag, each at most once, in either order. Returns whether there was one. */
  #skipProperties(): boolean {
    const isFirst = this.#is("anchor", "tag");
    if (!isFirst) return false;
    const first = this.#takeProperty();
    if (this.#is(first === "anchor" ? "tag" : "anchor")) this.#takeProperty();
    return true;
  }

  #takeProperty(): TokenKind {
    const { kind, text, mark } = this.#scanner.take();
    if (kind === "tag") {
      // What follows is read first: an error there is found first, too.
      this.#scanner.peek();
      if (text !== "" && !this.#tagHandles.has(text))
        throw new YamlError(mark.line, "an unknown tag's handle");
    }
    return kind;
  }

  #deeper(read: () => Node): Node {
    if (++this.#depth > maxDepth) throw this.#error(`more than ${maxDepth} levels`);
    const node = read();
    this.#depth--;
    return node;
  }

  #blockList(line: number): Node {
    this.#scanner.take();
    const items: Node[] = [];
    while (this.#is("-")) {
      const { mark } = this.#scanner.take();
      items.push(this.#is("-", "block-end") ? empty(mark) : this.#node({ isBlock: true }));
    }
    if (!this.#is("block-end")) throw this.#error("no item of the list");
    this.#scanner.take();
    return { kind: "list", line, items };
  }

  #indentlessList(line: number): Node {
    const items: Node[] = [];
    while (this.#is("-")) {
      const { mark } = this.#scanner.take();
      const isEmpty = this.#is("-", "?", ":", "block-end");
      items.push(isEmpty ? empty(mark) : this.#node({ isBlock: true }));
    }
    return { kind: "list", line, items };
  }

  #blockMap(line: number): Node {
    this.#scanner.take();
    const pairs: [Node, Node][] = [];
    const nodeBehind = ({ mark }: Token) =>
      this.#is("?", ":", "block-end") ? empty(mark) : this.#node({ isBlock: true, isIndentless: true });
    while (this.#is("?")) {
      const key = nodeBehind(this.#scanner.take());
      pairs.push([key, this.#is(":") ? nodeBehind(this.#scanner.take()) : this.#empty()]);
    }
    if (!this.#is("block-end")) throw this.#error("no key of the map");
    this.#scanner.take();
    return { kind: "map", line, pairs };
  }

  #flowList(line: number): Node {
    this.#scanner.take();
    const items: Node[] = [];
    while (!this.#is("]")) {
      if (items.length > 0) {
        if (!this.#is(",")) throw this.#error("no comma in the list");
        this.#scanner.take();
      }
      if (this.#is("?")) items.push(this.#pairInList());
      else if (!this.#is("]")) items.push(this.#node({}));
      else break;
    }
    this.#scanner.take();
    return { kind: "list", line, items };
  }

  /** `[a: b]` is a list of a map with one pair. */
  #pairInList(): Node {
    const { line } = this.#scanner.take().mark;
    let key: Node;
    if (!this.#is(":", ",", "]")) key = this.#node({});
    else {
      key = this.#empty();
      if (!this.#is("]")) this.#scanner.take();
    }
    return { kind: "map", line, pairs: [[key, this.#flowValue("]")]] };
  }

  #flowMap(line: number): Node {
    this.#scanner.take();
    const pairs: [Node, Node][] = [];
    while (!this.#is("}")) {
      if (pairs.length > 0) {
        if (!this.#is(",")) throw this.#error("no comma in the map");
        this.#scanner.take();
      }
      if (this.#is("?")) {
        this.#scanner.take();
        const key = this.#is(":", ",", "}") ? this.#empty() : this.#node({});
        pairs.push([key, this.#flowValue("}")]);
      } else if (!this.#is("}")) {
        pairs.push([this.#node({}), this.#empty()]);
      } else {
        break;
      }
    }
    this.#scanner.take();
    return { kind: "map", line, pairs };
  }

  #flowValue(end: "]" | "}"): Node {
    if (!this.#is(":")) return this.#empty();
    this.#scanner.take();
    return this.#is(",", end) ? this.#empty() : this.#node({});
  }

  #is(...kinds: readonly TokenKind[]): boolean {
    return kinds.includes(this.#scanner.peek().kind);
  }

  #empty(): Node {
    return empty(this.#scanner.peek().mark);
  }

  #error(found: string): YamlError {
    return new YamlError(this.#scanner.peek().mark.line, found);
  }
}

/** What stands for a value that is not written. */
function empty({ line }: Mark): Node {
  return { kind: "scalar", line, text: "", style: "plain" };
}
