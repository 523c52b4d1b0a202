// What a search found, in lines for a person: every key that was asked, how the session is read, who would log in as
// what, and the settings to paste. No session id, and values only where they are asked for.

import { localpartOfUserName } from "../../inspector/localpart.ts";
import type { PhpSession } from "../../inspector/session/model.ts";
import { maskLeaf, quoted } from "../leaf.ts";
import type { Fact } from "../report.ts";
import { exampleHost, type Place, type Search } from "./find.ts";
import type { Fit } from "./fitting.ts";
import { shownKey } from "./key-guesses.ts";

interface Shown {
  readonly showValues: boolean;
  /** The site's name of the user whose session it is, where the operator says it. */
  readonly user: string | undefined;
}

const fact = (about: string, text: string, isGood: boolean): Fact => ({ about, text, isGood });

/** Returns what was asked, and what came of it. */
export function factsOfSearch(search: Search, shown: Shown): Fact[] {
  const { asked, databases, places, fault, otherProtocol } = search;
  const facts = asked.map(({ template, answer, isFound }) =>
    fact("asked", `${shownKey(template)}  ${answer}`, isFound),
  );
  if (databases > 0) {
    const found = places.find((place) => place.found.database !== undefined)?.found;
    const answer =
      found === undefined ? "no such key" : `${shownKey(found.template)} in database ${found.database}`;
    facts.push(
      fact("asked", `the same keys in ${databases} other databases  ${answer}`, found !== undefined),
    );
  }
  if (fault !== undefined) {
    facts.push(fact("store", [fault.fault, fault.detail ?? []].flat().join(": "), false));
    if (otherProtocol !== undefined) facts.push(fact("advice", otherProtocol, false));
    return facts;
  }
  if (places.length === 0) {
    facts.push(fact("advice", advice, false));
    return facts;
  }
  return [...facts, ...places.flatMap((place, i) => factsOfPlace(place, i === 0, shown))];
}

const advice =
  "no such session: is it still there (log in again), is it this store, has the site a prefix of its own " +
  "(set SESSION_KEY_PREFIX, or SESSION_KEY, and ask again)?";

function factsOfPlace(place: Place, isFirst: boolean, shown: Shown): Fact[] {
  const { found, readings, reading, fits, placements } = place;
  const where = [
    shownKey(found.template),
    found.field === undefined ? [] : `field ${found.field}`,
    found.node === undefined ? [] : `node ${found.node + 1}`,
    found.database === undefined ? [] : `database ${found.database}`,
  ];
  const facts = [fact("found", where.flat().join(", "), true)];
  if (reading === undefined || fits === undefined) {
    facts.push(fact("read as", unreadable(place), false));
    return facts;
  }
  const around = reading.layers.length === 0 ? "" : `, layers ${reading.layers.join(",")}`;
  facts.push(fact("read as", `${reading.handler}${around}`, true));
  if (reading.isPartial === true) {
    facts.push(
      fact(
        "doubt",
        "a part of it refers to what only PHP knows, and is not shown (uncertain-reference)",
        false,
      ),
    );
  }
  const others = readings.readings.filter((other) => other !== reading);
  if (others.length > 0) {
    const names = others.map(({ handler, layers }) => [handler, ...layers].join(" in "));
    facts.push(fact("doubt", `the bytes can be read as ${names.join(", ")}, too: check php.ini`, false));
  }
  if (!isFirst) return facts;
  if (placements?.length === 0) {
    facts.push(
      fact("doubt", "no placement puts it on that node: are names, order and weights those of PHP?", false),
    );
  } else if (placements !== undefined && placements.length > 1) {
    const names = placements.join(", ");
    facts.push(fact("doubt", `SESSION_PLACEMENT can be ${names}: ask with further sessions`, false));
  }
  for (const { preset, why } of fits.refusing)
    facts.push(fact("refused", `SESSION_PRESET ${preset}: ${why}`, false));
  for (const fit of [...fits.fits, ...fits.conditional]) facts.push(...factsOfWho(fit, shown));
  if (shown.user === undefined && new Set(fits.fits.map(({ userName }) => userName)).size > 1) {
    const text = "these are different names: say by --user NAME who is logged in with this session";
    facts.push(fact("doubt", text, false));
  }
  const { noProofs, notYet, states } = fits.who;
  for (const { expression, why } of notYet) facts.push(fact("not yet", `${expression}: ${why}`, false));
  for (const { expression, why } of noProofs) facts.push(fact("no proof", `${expression}: ${why}`, false));
  const isOwnCode = fits.fits[0] !== undefined && fits.fits[0].settings["SESSION_PRESET"] === undefined;
  for (const { expression, why } of isOwnCode ? states : [])
    facts.push(fact("look at", `${expression}: ${why}`, false));
  if (fits.fits.length === 0) facts.push(fact("advice", nobody(place), false));
  return facts;
}

function nobody({ fits }: Place): string {
  const isRefused = fits?.refusing.some(({ hasUser }) => hasUser) === true;
  if (isRefused)
    return "the site would not let this session's user do anything, either: finish the login there, and ask again";
  return "nobody is seen to be logged in with this session: log in on the site, and ask again with the id that it has then";
}

function unreadable({ readings }: Place): string {
  if (readings.isEncrypted) {
    return "Laravel encrypted it: set LARAVEL_APP_KEY to the site's APP_KEY, LARAVEL_PREVIOUS_KEYS to its APP_PREVIOUS_KEYS";
  }
  const codes = [...new Set(readings.codes.values())];
  return codes.length === 0
    ? "an empty session: load a page of the site, and ask again"
    : `nothing known (${codes.join(", ")})`;
}

/** Says who would log in as what, by these settings. */
function factsOfWho(fit: Fit, { showValues, user }: Shown): Fact[] {
  const { by, userName, caution } = fit;
  const prepared = localpartOfUserName(userName);
  const name = showValues ? quoted(userName) : maskLeaf(userName);
  const isNamed =
    user === undefined ? "" : userName === user ? ", who is the user that you name" : ", who is another user";
  const login =
    "problem" in prepared
      ? `cannot log in: ${prepared.problem}`
      : showValues
        ? `logs in as ${prepared.localpart}@HOST`
        : `logs in by a name of ${Buffer.byteLength(prepared.localpart)} bytes; --show-values shows it`;
  const facts = [fact("who", `${by}: ${name}${isNamed} ${login}`, !("problem" in prepared))];
  if (caution !== undefined) facts.push(fact("caution", caution, false));
  return facts;
}

/** Returns the session whose tree is shown: that of the place which is worth most. */
export function sessionFound({ places }: Search): PhpSession | undefined {
  return places[0]?.reading?.session;
}

/** Returns the settings, once for a shell and once for params/STAGE.yml; nothing where there are none. */
export function settingsToPaste({ places }: Search): string {
  const [place] = places;
  if (place?.fits === undefined) return "";
  const [first] = place.fits.fits;
  const blocks = first === undefined ? [] : [blockOf("Settings", first, checkedText(place))];
  for (const fit of place.fits.conditional) blocks.push(blockOf(`Settings ${fit.by}`, fit, ""));
  return blocks.join("\n\n");
}

function checkedText({ verdict }: Place): string {
  if (verdict === undefined) return "not tried, for this name cannot log in";
  const why = "reason" in verdict ? ` ${verdict.reason}` : "fault" in verdict ? ` ${verdict.fault}` : "";
  return `tried: a login of this session's user is ${verdict.outcome}${why}`;
}

function blockOf(title: string, { settings, secrets }: Fit, checked: string): string {
  const lines = [`# ${title}, for a shell${checked === "" ? "" : ` (${checked})`}`];
  const isExample = settings["SERVED_HOSTS"] === exampleHost;
  for (const [name, value] of Object.entries(settings)) {
    const note = name === "SERVED_HOSTS" && isExample ? " # put in the XMPP host of your users" : "";
    lines.push(`export ${name}=${quotedForShell(value)}${note}`);
  }
  const names = Object.keys(secrets);
  if (names.length > 0)
    lines.push(`# and ${names.join(", ")}, which ${names.length > 1 ? "are" : "is"} not shown`);
  lines.push("", "# The same for params/STAGE.yml", "function:");
  for (const [name, value] of Object.entries(settings)) lines.push(`  ${name}: ${quotedForYaml(value)}`);
  for (const name of names)
    lines.push(`  ${name}_PARAMETER: '/inspectord/${name.toLowerCase().replaceAll("_", "-")}'`);
  return lines.join("\n");
}

function quotedForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function quotedForYaml(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
