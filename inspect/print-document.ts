// A document as one line of JSON: what the inspect tool prints for scripts. A masked value is the name of its
// kind as a string, see leaf.ts; keys and the names of classes are never masked, since they are what leads to
// the place where a site keeps the user's name. A value that is inside itself is {"$cycle":true} there.

import type { Document } from "../inspector/session/document.ts";
import { maxSessionBytes } from "../inspector/session/limits.ts";
import { isLeaf, maskLeaf, quoted, showLeaf, sizeOfLeaf } from "./leaf.ts";

/**
 * The longest that is printed, in characters. What a session does not share prints in a fraction of it, but
 * references that double at each step would print more than any disk holds.
 */
export const maxPrintedLength = 16 * maxSessionBytes;

const chunkLength = 65_536;

/** What is still to do: to write text, to print a value, or to leave an array or object behind. */
type Step = { readonly text: string } | { readonly value: Document } | { readonly leave: Document };

/** Returns the JSON text, or undefined if it would be longer than `maxPrintedLength`. */
export function printDocument(document: Document, showValues: boolean): string | undefined {
  const printed: Buffer[] = [];
  const path = new Set<Document>();
  // Steps instead of recursion: references can chain arrays far deeper than the stack.
  const steps: Step[] = [{ value: document }];
  let length = 0;
  let chunk = "";
  for (let step = steps.pop(); step !== undefined && length <= maxPrintedLength; step = steps.pop()) {
    let text = "";
    if ("text" in step) {
      text = step.text;
    } else if ("leave" in step) {
      path.delete(step.leave);
    } else if (isLeaf(step.value)) {
      text = showValues ? showLeaf(step.value) : quoted(maskLeaf(step.value));
      // Masked or not, the same sessions are too large.
      length += sizeOfLeaf(step.value);
    } else if (path.has(step.value)) {
      text = '{"$cycle":true}';
    } else {
      path.add(step.value);
      for (const inside of stepsInside(step.value).reverse()) steps.push(inside);
    }
    chunk += text;
    length += text.length;
    // Millions of brackets, each kept as a string of its own, would take a gigabyte.
    if (chunk.length > chunkLength) {
      printed.push(Buffer.from(chunk));
      chunk = "";
    }
  }
  if (length > maxPrintedLength) return undefined;
  return Buffer.concat([...printed, Buffer.from(chunk)]).toString();
}

function stepsInside(container: Exclude<Document, string | number | boolean | null>): Step[] {
  const isList = Array.isArray(container);
  const steps: Step[] = [{ text: isList ? "[" : "{" }];
  for (const [key, value] of Object.entries(container)) {
    const comma = steps.length === 1 ? "" : ",";
    const name = isList ? "" : `${quoted(key)}:`;
    if (key === "$class") steps.push({ text: `${comma}${name}${showLeaf(value)}` });
    else steps.push({ text: comma + name }, { value });
  }
  steps.push({ text: isList ? "]" : "}" }, { leave: container });
  return steps;
}
