// Text for a log: nothing in it moves a terminal's cursor, turns the direction of what follows, hides itself or ends the
// line early.

/**
 * Controls (C0, C1, U+007F), format characters (bidi among them), line and paragraph separators, unassigned and private
 * characters, all that shows nothing, and every blank but the space.
 */
const unprintable = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu;

/** Returns the text with each of these written as JSON writes it, `\uXXXX`. JSON text stays the same JSON. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) =>
    Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(""),
  );
}

function escaped(codeUnit: number): string {
  return `\\u${codeUnit.toString(16).padStart(4, "0")}`;
}
