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
// ejabberd takes two names with one localpart for one person. So the only mapping done here is the one that sites do
// too: simple case folding. A name that nodeprep would change in another way, or refuse, or that clients escape
// differently, is rejected. What is left is in NFKC and known to Unicode 3.2. For such text every later Unicode agrees
// with 3.2 (Unicode's stability policy), so the runtime's own tables serve. Tests compare the result with ejabberd's.

import { unassignedInUnicode32 } from "./localpart-tables.ts";

/** Why a name has no localpart here. */
export type LocalpartProblem =
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

// RFC 3920, section 3.1. ejabberd checks both the name that it gets and the name that it prepares.
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

// B.1, which nodeprep deletes, and everything else that is invisible. U+1806 is in B.1 only.
const ignored = /[\p{Default_Ignorable_Code_Point}\u1806]/u;

// Lower-case letters that B.2 changes nevertheless: to several characters (sharp s, the Greek iota subscript), or to
// another lower-case letter.
const changesInFolding = /\p{Changes_When_Casefolded}/u;

// D.1 lies in the blocks of Hebrew, Arabic, Syriac and Thaana, and nothing in these blocks is in D.2; neither
// is ASCII without its letters. Of D.1's presentation forms NFKC leaves U+FE73 alone. Digits decide nothing.
const rightToLeft = /(?!\p{Nd})[\u0590-\u07FF\uFE73]/u;
const rightToLeftName = /^(?=\p{L})[\u0590-\u07FF](?:[\u0590-\u07FF!-@[-`{-~]*(?=\p{L})[\u0590-\u07FF])?$/u;

// Most names hold only these characters, and no rule below touches them. Testing all rules would take longer than
// decoding a small session.
const plainName = /^[a-z0-9._-]+$/;

/** Returns the name with XEP-0106's escapes, as a client sends it. */
export function escapeLocalpart(userName: string): string {
  return userName.replace(escaped, (character) => `\\${character.charCodeAt(0).toString(16)}`);
}

/**
 * Returns the JID localpart of a site's user name, as ejabberd passes it to external authentication, or why the name is
 * rejected.
 */
export function localpartOfUserName(userName: string): { localpart: string } | { problem: LocalpartProblem } {
  if (userName === "") return { problem: "empty" };
  // UTF-8 never has fewer bytes than UTF-16 has units, so this cheap check comes first.
  if (userName.length > maxBytes) return { problem: "too-long" };
  if (plainName.test(userName)) return { localpart: userName };
  if (userName.startsWith(" ") || userName.endsWith(" ")) return { problem: "leading-or-trailing-space" };
  if (ambiguousEscape.test(userName)) return { problem: "ambiguous-escape" };
  if (ignored.test(userName)) return { problem: "ignored-character" };
  if (unassignedInUnicode32.test(userName)) return { problem: "unassigned-character" };
  if (userName.normalize("NFKC") !== userName) return { problem: "not-nfkc" };
  if (prohibited.test(userName)) return { problem: "prohibited-character" };

  const folded = Array.from(userName, foldCase).join("");
  // Nodeprep does not know lower-case letters younger than Unicode 3.2.
  if (changesInFolding.test(folded) || unassignedInUnicode32.test(folded))
    return { problem: "ambiguous-folding" };
  const localpart = escapeLocalpart(folded);
  // A combining mark may compose with the lower-case letter, or with the last letter of an escape.
  if (localpart.normalize("NFKC") !== localpart) return { problem: "not-nfkc" };
  if (rightToLeft.test(localpart) && !rightToLeftName.test(localpart)) return { problem: "mixed-direction" };
  if (Buffer.byteLength(localpart) > maxBytes) return { problem: "too-long" };
  return { localpart };
}

/** Returns a code point's simple lower case as in B.2, which also folds the final sigma. */
function foldCase(character: string): string {
  if (character === "ς") return "σ";
  const lower = character.toLowerCase();
  // The lower case of the dotted capital I is two characters: it stays, and is rejected as a capital.
  return lower.length === character.length ? lower : character;
}
