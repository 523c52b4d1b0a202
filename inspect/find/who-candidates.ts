// Which values of a session can be its user's name, and which look like one and prove no login.

import { Budget } from "../../inspector/session/budget.ts";
import { type Document, toDocument } from "../../inspector/session/document.ts";
import type { PhpSession } from "../../inspector/session/model.ts";
import { expressionTree, type TreeLine } from "../expression-tree.ts";
import { TextOpener } from "../opened-text.ts";

export interface Candidate {
  /** For USER_EXPRESSION. */
  readonly user: string;
  /** For AUTHENTICATED_EXPRESSION. */
  readonly authenticated: string;
  /** Whether the session holds a mark of a login beside the name. Without one the name alone stands for it. */
  readonly hasMark: boolean;
  /** What the operator has to know of such a name. */
  readonly cautions: readonly string[];
}

/** A value that an operator could take for the user's name, and must not. */
interface NoProof {
  readonly expression: string;
  readonly why: string;
}

export interface WhoFound {
  /** The likeliest first. */
  readonly candidates: readonly Candidate[];
  readonly noProofs: readonly NoProof[];
  /** Marks of the session that say that its login is not complete: with one of them nobody is to be let in. */
  readonly notYet: readonly NoProof[];
  /** Values by which a site may end a login, which no expression asks for by itself. */
  readonly states: readonly NoProof[];
}

const maxCandidates = 12;

/** The tree's values that hold no others, and their paths. */
type Leaf = TreeLine & { readonly name: string; readonly parent: string };

/** Names of keys without case, "_", "-", "." and class: how likely they name the user. */
const userNames: Readonly<Record<string, number>> = {
  username: 100,
  loginname: 95,
  userlogin: 95,
  login: 90,
  account: 85,
  accountname: 85,
  user: 85,
  membername: 85,
  member: 80,
  useridentifier: 80,
  identity: 75,
  identifier: 70,
  userid: 70,
  uid: 70,
  authuser: 70,
  authuserid: 70,
  authid: 70,
  loggedinuser: 70,
  loggedinuserid: 70,
  loginid: 65,
  memberid: 65,
  customerid: 65,
  accountid: 65,
  clientid: 60,
  playerid: 60,
  useremail: 55,
  nickname: 40,
  nick: 40,
  displayname: 20,
};
/** Those that name the user only inside of something that is about one. */
const namesInside: Readonly<Record<string, number>> = { id: 65, email: 55, mail: 55, name: 35 };
const aboutUsers = /user|auth|account|member|customer|client|login|identity|player|profile/i;
const displayNames = /^(?:nick|nickname|displayname|name)$/;

const marks: ReadonlySet<string> = new Set([
  ..."authenticated isauthenticated auth loggedin isloggedin islogin islogged logged login signedin".split(
    " ",
  ),
  ..."issignedin authorized isauthorized authok loginok ok".split(" "),
]);

/** What a value below such keys is, by the words of its path in lower case. */
const noProofs: readonly (readonly [RegExp, string])[] = [
  [/\blast ?(?:user ?name|log ?in|user|email)\b/, "it is set before the password is checked"],
  [/\bold ?input\b/, "it is what the visitor typed into a form"],
  [/\bremember(?:ed|me)?\b|\bpersist/, "it says who is remembered, not who is logged in"],
  [
    /\b(?:cart|basket|quote|checkout|orders?|wish ?list|billing|shipping|delivery)\b/,
    "guests have a cart or an order, too",
  ],
  [/\b(?:visitor|guest|anonymous)\b/, "it is about a visitor, logged in or not"],
  [/\b(?:reset|forgot|forgotten|recover|recovery)\b/, "it says who asked for a new password"],
  [/\b(?:register|registration|sign ?up|invite|invitation)\b/, "it says who is about to have an account"],
  [/\b(?:pending|challenge|2 ?fa|two ?factor|mfa|otp|totp)\b/, "it says whom a further factor is asked of"],
  [
    /\bimpersonat|\b(?:original ?user|real ?user|switched|masquerad)/,
    "somebody else is in this user's place",
  ],
  [/\b(?:form|input|post|posted|request|search|query|filter)\b/, "it is what the visitor typed"],
  [/\b(?:flash|message|messages|notice|error|errors)\b/, "it is shown once"],
  [
    /\b(?:referr?er|affiliate|sponsor|author|recipient|friends?|contacts?|seller|owner)\b/,
    "it is about somebody else",
  ],
  [/\b(?:csrf|xsrf|token|nonce|captcha)\b/, "it is a secret of a form"],
];

const doneMark = /^(?:is)?(?:.*(?:verified|confirmed|passed|complete|completed|approved|enabled|active))$/;
const openMark =
  /pending|required|locked|banned|blocked|suspended|disabled|impersonat|mustchange|forcepassword/;
const timeOut = /lastactiv|lastseen|lastrequest|lastaccess|expir|validuntil|timeout|lastused/;

/** Returns what the session says of its user. */
export function whoIn(session: PhpSession): WhoFound {
  const document = toDocument(session, undefined, new Budget(Number.POSITIVE_INFINITY));
  const tree = expressionTree(document, false, new TextOpener()) ?? [];
  const leaves = tree.filter(isExpressionOfLeaf).map(leafOf);
  const named = leaves.filter(isLikeName);
  const warned = leaves.flatMap((leaf) => {
    const why = whyNoProof(leaf, leaves);
    const isWarned = why !== undefined && (isLikeName(leaf) || /lastuser|remember/.test(leaf.name));
    return isWarned && isOfSubstance(leaf.value) ? [{ expression: leaf.path, why }] : [];
  });
  const rated = named
    .filter((leaf) => whyNoProof(leaf, leaves) === undefined && isName(leaf.value))
    .map((leaf) => ({ leaf, rate: rateOf(leaf) }))
    .toSorted((a, b) => b.rate - a.rate)
    .slice(0, maxCandidates);
  const candidates = rated.flatMap(({ leaf }) => candidateOf(leaf, leaves) ?? []);
  return {
    candidates,
    noProofs: warned.slice(0, maxCandidates),
    notYet: leaves.flatMap((leaf) => notYet(leaf) ?? []).slice(0, maxCandidates),
    states: leaves.flatMap((leaf) => stateOf(leaf) ?? []).slice(0, maxCandidates),
  };
}

function isExpressionOfLeaf({ isExpression, value, path }: TreeLine): boolean {
  const isContainer = typeof value === "object" && value !== null && !("$int" in value);
  return isExpression && !isContainer && !path.endsWith('."$class"');
}

function leafOf(line: TreeLine): Leaf {
  const name = line.key
    .slice(line.key.lastIndexOf("::") === -1 ? 0 : line.key.lastIndexOf("::") + 2)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
  return { ...line, name, parent: line.path.slice(0, line.outerLength) };
}

function isLikeName({ name, parent }: Leaf): boolean {
  if (Object.hasOwn(userNames, name)) return true;
  return Object.hasOwn(namesInside, name) && aboutUsers.test(parent);
}

function rateOf({ name, path, opened }: Leaf): number {
  const depth = path.split(".").length;
  // What stands inside a text may be the visitor's own: it never goes before a value of the session itself.
  return (userNames[name] ?? namesInside[name] ?? 0) - 2 * depth - 1000 * opened;
}

/** Text that is not empty, or a whole number above 0: with 0 a site says "nobody". */
function isName(value: Document): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && value > 0;
  if (typeof value === "string") return value !== "" && value !== "0";
  return typeof value === "object" && value !== null && "$int" in value;
}

function isOfSubstance(value: Document): boolean {
  return value !== null && value !== "" && value !== false;
}

function whyNoProof({ path, parent }: Leaf, leaves: readonly Leaf[]): string | undefined {
  // Laravel Fortify: Actions/RedirectIfTwoFactorAuthenticatable.php.
  const isFortify = leaves.some((other) => other.parent === parent && other.key === "remember");
  if (parent === "login" && isFortify) return "Laravel keeps there whom a second factor is asked of";
  const words = wordsOf(path);
  return noProofs.find(([pattern]) => pattern.test(words))?.[1];
}

function wordsOf(path: string): string {
  return path
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[^A-Za-z0-9]+/g, " ")
    .toLowerCase();
}

function candidateOf(leaf: Leaf, leaves: readonly Leaf[]): Candidate | undefined {
  const mark = markBeside(leaf, leaves);
  // The site says that nobody is logged in.
  if (mark !== undefined && !isYes(mark.value)) return undefined;
  const cautions = [
    displayNames.test(leaf.name) ? "take it only if no user can choose another's name for it" : [],
    leaf.opened > 0 ? "it stands inside a text: take it only if no user can write that text" : [],
  ].flat();
  return {
    user: leaf.path,
    authenticated: mark === undefined ? presenceOf(leaf) : testOf(mark),
    hasMark: mark !== undefined,
    cautions,
  };
}

/** Returns the mark of a login in the same array as the name, or at the top. */
function markBeside({ parent, path }: Leaf, leaves: readonly Leaf[]): Leaf | undefined {
  const found = leaves.filter(
    (leaf) => leaf.path !== path && marks.has(leaf.name) && isBit(leaf.value) && leaf.opened === 0,
  );
  return found.find((leaf) => leaf.parent === parent) ?? found.find((leaf) => leaf.parent === "");
}

const yes: readonly Document[] = [true, 1, "1", "true", "yes", "Y", "y"];
const no: readonly Document[] = [false, 0, "0", "false", "no", "N", "n", "", null];

function isYes(value: Document): boolean {
  return yes.includes(value);
}

function isBit(value: Document): boolean {
  return isYes(value) || no.includes(value);
}

function testOf({ path, value }: Leaf): string {
  if (value === true) return path;
  return typeof value === "string" ? `${path} == '${value}'` : `${path} == \`${value}\``;
}

function presenceOf({ path, value }: Leaf): string {
  if (typeof value === "number") return `${path} > \`0\``;
  if (typeof value === "string" && /^[0-9]+$/.test(value)) return `to_number(${path}) > \`0\``;
  return `${path} != \`null\` && ${path} != ''`;
}

function notYet({ path, name, value }: Leaf): NoProof | undefined {
  if (doneMark.test(name) && (value === false || value === 0 || value === "0")) {
    return { expression: path, why: "it says that something is still to be done" };
  }
  if (openMark.test(name) && isYes(value))
    return { expression: path, why: "it says that the login does not count" };
  return undefined;
}

function stateOf({ path, name, value }: Leaf): NoProof | undefined {
  if (timeOut.test(name) && typeof value === "number" && value > 1e9 && value < 1e10) {
    return {
      expression: path,
      why: "if the site ends a login by this time, ask for it: in_future() or not_older_than()",
    };
  }
  if ((doneMark.test(name) || openMark.test(name)) && isBit(value)) {
    return {
      expression: path,
      why: "if a login counts only with it, ask for it in AUTHENTICATED_EXPRESSION",
    };
  }
  return undefined;
}
