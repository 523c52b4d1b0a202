// From the name that a site calls its user by to the JID localpart that ejabberd passes on for that user.
//
//   user name --XEP-0106--> escaped name (what the client sends) --nodeprep--> localpart (what arrives)
//
// Nodeprep is RFC 3920, appendix A, a profile of stringprep, RFC 3454, on Unicode 3.2:
//   map        B.1 (deleted) and B.2 (case folding)
//   normalize  NFKC
//   prohibit   C.1.1 C.1.2 C.2.1 C.2.2 C.3 C.4 C.5 C.6 C.7 C.8 C.9 and " & ' / : < > @
//   bidi       section 6: with a character of D.1 none of D.2, and one of D.1 first and last
//   unassigned A.1: ejabberd (p1_stringprep) refuses these in every name
//
// Two names with one localpart would be one person to ejabberd. So the only mapping done here is the one that
// sites do too, simple case; whatever nodeprep would change otherwise, or refuse, or where clients differ, is
// a doubt. What is left is in NFKC and known to Unicode 3.2, and for such texts every later Unicode agrees
// with 3.2 (Unicode's stability policy), so that the runtime's own tables may be used. The tests compare with
// ejabberd.

import { unassignedInUnicode32 } from "./localpart-tables.ts";

/** Why no localpart is given. */
export type LocalpartDoubt =
  | "empty"
  | "too-long"
  | "leading-or-trailing-space"
  | "ambiguous-escape"
  | "prohibited-character"
  | "unassigned-character"
  | "ignored-character"
  | "not-nfkc"
  | "ambiguous-folding"
  | "mixed-direction";

// RFC 3920, section 3.1. ejabberd holds the name that it is given and the name that it makes of it to this.
const maxBytes = 1023;

// XEP-0106, section 3.2: space \20, " \22, & \26, ' \27, / \2f, : \3a, < \3c, > \3e, @ \40, \ \5c; the
// backslash only where it begins one of these sequences (4.1 rule 7, 4.3). Lower case is meant: "CASE IS
// SIGNIFICANT" (3.1).
const escaped = /[ "&'/:<>@]|\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)/g;

// Any other backslash stays as it is by 4.3, but becomes \5c by examples 9 to 11 of section 5.1 and in
// Strophe.js. And \2F would become \2f, which is the site's "/", in nodeprep's case folding.
const ambiguousEscape = /\\(?!20|22|26|27|2f|3a|3c|3e|40|5c)/;

// C.1.2 to C.9: spaces, controls, surrogates, private use, non-characters, and by name what Unicode calls a
// symbol: U+FFFC and U+FFFD (C.6), ideographic description (C.7). The space itself has an escape.
const prohibited = /(?! )[\p{C}\p{Z}\uFFFC\uFFFD\u2FF0-\u2FFB]/u;

// B.1, which nodeprep deletes, and whatever else shows as nothing. U+1806 is in B.1 only.
const ignored = /[\p{Default_Ignorable_Code_Point}\u1806]/u;

// What is lower case, but still changes in B.2: to several characters (sharp s, the Greek iota subscript), or
// to another lower-case letter.
const changesInFolding = /\p{Changes_When_Casefolded}/u;

// D.1 lies in the blocks of Hebrew, Arabic, Syriac and Thaana, and nothing in these blocks is in D.2; neither
// is ASCII without its letters. Of D.1's presentation forms NFKC leaves U+FE73 alone. Digits decide nothing.
const rightToLeft = /(?!\p{Nd})[\u0590-\u07FF\uFE73]/u;
const rightToLeftName = /^(?=\p{L})[\u0590-\u07FF](?:[\u0590-\u07FF!-@[-`{-~]*(?=\p{L})[\u0590-\u07FF])?$/u;

// Nothing below touches a name of these characters alone, as most are; it takes longer to find that out, by so many
// expressions, than to decode a small session.
const plainName = /^[a-z0-9._-]+$/;

/** Gives the name with XEP-0106's escapes: what a client sends in place of it. */
export function escapeLocalpart(userName: string): string {
  return userName.replace(escaped, (character) => `\\${character.charCodeAt(0).toString(16)}`);
}

/**
 * Gives the JID localpart that a site's user name reaches, as ejabberd passes it to its external-auth
 * program; or why it is refused.
 */
export function localpartOfUserName(userName: string): { localpart: string } | { doubt: LocalpartDoubt } {
  if (userName === "") return { doubt: "empty" };
  // No text has fewer bytes of UTF-8 than units of UTF-16: the cheap cap before any work.
  if (userName.length > maxBytes) return { doubt: "too-long" };
  if (plainName.test(userName)) return { localpart: userName };
  if (userName.startsWith(" ") || userName.endsWith(" ")) return { doubt: "leading-or-trailing-space" };
  if (ambiguousEscape.test(userName)) return { doubt: "ambiguous-escape" };
  if (ignored.test(userName)) return { doubt: "ignored-character" };
  if (unassignedInUnicode32.test(userName)) return { doubt: "unassigned-character" };
  if (userName.normalize("NFKC") !== userName) return { doubt: "not-nfkc" };
  if (prohibited.test(userName)) return { doubt: "prohibited-character" };

  const folded = Array.from(userName, foldCase).join("");
  // A lower case younger than Unicode 3.2 is one that nodeprep does not know.
  if (changesInFolding.test(folded) || unassignedInUnicode32.test(folded))
    return { doubt: "ambiguous-folding" };
  const localpart = escapeLocalpart(folded);
  // The lower case, or the last letter of an escape, may compose with a mark that the name's own letter let
  // stand.
  if (localpart.normalize("NFKC") !== localpart) return { doubt: "not-nfkc" };
  if (rightToLeft.test(localpart) && !rightToLeftName.test(localpart)) return { doubt: "mixed-direction" };
  if (Buffer.byteLength(localpart) > maxBytes) return { doubt: "too-long" };
  return { localpart };
}

/** Gives a code point's simple lower case as B.2 has it, to which the final sigma is a matter of case. */
function foldCase(character: string): string {
  if (character === "ς") return "σ";
  const lower = character.toLowerCase();
  // The dotted capital I has a lower case of two characters: it is left here, and refused as a capital.
  return lower.length === character.length ? lower : character;
}
