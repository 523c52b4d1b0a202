// A document as a tree of JMESPath expressions, one for each value in it: what the inspect tool prints for a
// person, who copies one of them into USER_EXPRESSION.
//
// A text that holds a value of its own (serialized, JSON, base64) is opened by the function that an expression has for it:
// what lies inside stands below it.
//
// No expression names an empty key. What lies behind one is in the tree, too, so that nobody looks for it in
// vain, but without an expression.

import type { Document, DocumentObject } from "../inspector/session/document.ts";
import { isLeaf, maskLeaf, quoted, showLeaf, sizeOfLeaf } from "./leaf.ts";
import { maxOpenedDepth, type TextOpener } from "./opened-text.ts";
import { maxPrintedLength } from "./print-document.ts";

export interface TreeLine {
  /** The expression, or where the value lies if no expression names it. */
  readonly path: string;
  readonly isExpression: boolean;
  /** How much of `path` is that of the array or object around it. */
  readonly outerLength: number;
  /** The last key of the path, as document.ts has it. */
  readonly key: string;
  /** How many texts were opened on the way. */
  readonly opened: number;
  /** What it evaluates to, which `kind` tells a person. */
  readonly value: Document;
  readonly kind: string;
}

type Step = TreeLine | { readonly leave: Document };

/**
 * Returns the lines in the order of the document, or undefined if they would be longer in all than
 * `maxPrintedLength`. Without an opener texts stay closed. Throws nothing.
 */
export function expressionTree(
  session: DocumentObject,
  showValues: boolean,
  opener?: TextOpener,
): TreeLine[] | undefined {
  const lines: TreeLine[] = [];
  const around = new Set<Document>([session]);
  const root = { path: "", isExpression: true, outerLength: 0, key: "", opened: 0, value: session, kind: "" };
  // Steps instead of recursion: references can chain arrays far deeper than the stack.
  const steps: Step[] = linesInside(root).reverse();
  let length = 0;
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if ("leave" in step) {
      around.delete(step.leave);
      continue;
    }
    const { value } = step;
    const isClass = step.path.endsWith(classSuffix) && isLeaf(value);
    const kind = kindOf(value, showValues || isClass, around.has(value));
    lines.push({ ...step, kind });
    length += step.path.length + kind.length + sizeOfLeaf(value);
    if (length > maxPrintedLength) return undefined;
    if (isLeaf(value)) {
      const inside = isClass ? undefined : openedLine(step, opener);
      if (inside !== undefined) steps.push(inside);
      continue;
    }
    if (around.has(value)) continue;
    around.add(value);
    steps.push({ leave: value });
    for (const inside of linesInside(step).reverse()) steps.push(inside);
  }
  return lines;
}

const classSuffix = '."$class"';

function kindOf(value: Document, isShown: boolean, isCycle: boolean): string {
  if (isLeaf(value)) return isShown ? showLeaf(value) : maskLeaf(value);
  if (isCycle) return "cycle";
  return Array.isArray(value) ? `array(${value.length})` : `object(${Object.keys(value).length})`;
}

/** Returns the line of what this text holds, or undefined where it holds nothing to be opened. */
function openedLine(text: TreeLine, opener: TextOpener | undefined): TreeLine | undefined {
  if (!text.isExpression || text.opened === maxOpenedDepth) return undefined;
  const found = opener?.open(text.value);
  if (found === undefined) return undefined;
  const path = `${found.call}(${text.path})`;
  return { ...text, path, outerLength: 0, opened: text.opened + 1, value: found.value };
}

function linesInside({ path, isExpression, opened, value }: TreeLine): TreeLine[] {
  const isList = Array.isArray(value);
  return Object.entries(value as DocumentObject).map(([key, inner]) => ({
    path: path + (isList ? `[${key}]` : (path === "" ? "" : ".") + identifier(key)),
    isExpression: isExpression && (isList || key !== ""),
    outerLength: path.length,
    key,
    opened,
    value: inner,
    kind: "",
  }));
}

const unquotedIdentifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Quoted where JMESPath wants it, and where the library's cache of expressions finds an object's own "toString". */
function identifier(key: string): string {
  return unquotedIdentifier.test(key) && !(key in Object.prototype) ? key : quoted(key);
}
