// Whose session a reading is: by which preset, or by which expressions of its own, and who is logged in by them.

import type { Config } from "../../handlers/configuration.ts";
import { Search } from "../../inspector/expressions/search.ts";
import { type PresetName, presetNames } from "../../inspector/preset-names.ts";
import { type Preset, presets } from "../../inspector/presets.ts";
import type { PhpSession } from "../../inspector/session/model.ts";
import { type Who, whoIsLoggedIn } from "../../inspector/who.ts";
import type { Reading } from "./readings.ts";
import { fewest, type Settings } from "./settings.ts";
import { type Candidate, type WhoFound, whoIn } from "./who-candidates.ts";

/** Settings by which somebody is logged in with the session. */
export interface Fit {
  /** What the settings are for, in words. */
  readonly by: string;
  readonly settings: Settings;
  /** Those that the settings need beside them. */
  readonly secrets: Settings;
  readonly userName: string;
  readonly caution?: string;
}

/** A preset whose framework wrote the session, and that lets nobody in with it. */
interface Refusing {
  readonly preset: PresetName;
  /** Whether it finds a user, whose login does not count. */
  readonly hasUser: boolean;
  readonly why: string;
}

export interface Fits {
  /** The likeliest first. */
  readonly fits: readonly Fit[];
  /** Settings that are right under a condition that no session shows. */
  readonly conditional: readonly Fit[];
  readonly refusing: readonly Refusing[];
  readonly who: WhoFound;
}

/** Where the reading comes from. */
export interface Origin {
  readonly kind: Config["store"]["kind"];
  readonly sessionId: string;
  /** SESSION_STORE and what says the key, the field and the placement. */
  readonly settings: Settings;
  readonly secrets: Settings;
  readonly nowSeconds: number;
}

/** Variables that only this framework writes. */
const marksOfFrameworks: Readonly<Partial<Record<string, RegExp>>> = {
  symfony1: /^symfony\/user\/sfUser\//,
  symfony: /^_sf2_attributes$/,
  laravel: /^(?:login_[a-z]+_[0-9a-f]{40}|_previous|_flash)$/,
  codeigniter3: /^__ci_/,
  codeigniter4: /^__ci_/,
  laminas: /^(?:__Laminas|Laminas_Auth)$/,
  joomla: /^joomla$/,
  yii2: /^__(?:id|flash|authKey|returnUrl)$/,
  cakephp: /^(?:Config|Auth|AuthImpersonate)$/,
  magento: /^(?:customer_base|_session_validator_data)$/,
  moodle: /^(?:USER|SESSION)$/,
  mediawiki: /^metadata$/,
  typo3: /^ses_/,
  // Of many a shop; only in JSON it is taken for OpenCart's.
  opencart: /^currency$/,
};
/** A site's own code, which has no mark. */
const isOwnCode = (name: PresetName) => name === "plain";
/** Its expressions are so common that a site's own code may fit them: without the mark it is not that framework. */
const needsMark = (name: PresetName) => name === "codeigniter3";

const laravelGuard = /^login_([a-z][a-z0-9_]*?)_[0-9a-f]{40}$/;
const symfonyFirewall = /^_security_([A-Za-z0-9_.-]+)$/;

/** Returns by what settings, beside the origin's, somebody is logged in with this session. */
export async function fitsOf(reading: Reading, origin: Origin): Promise<Fits> {
  const who = whoIn(reading.session);
  const fits: Fit[] = [];
  const conditional: Fit[] = [];
  const refusing: Refusing[] = [];
  // A site's own code comes last: `plain` would take any session with its two variables.
  const names = [...presetNames].toSorted((a, b) => Number(isOwnCode(a)) - Number(isOwnCode(b)));
  for (const name of names) {
    const preset: Preset = presets[name];
    if (needsMark(name) && !isWrittenBy(name, reading.session)) continue;
    const misread = whyMisread(name, preset, reading, origin);
    const seen = whoBy(reading.session, preset.expressions, origin.nowSeconds);
    if (misread === undefined && "userName" in seen) {
      const fit = await fitOf(
        `SESSION_PRESET ${name}`,
        { SESSION_PRESET: name },
        reading,
        origin,
        seen.userName,
      );
      if (fit !== undefined) fits.push(fit);
    } else if (isWrittenBy(name, reading.session) && !(name === "opencart" && misread !== undefined)) {
      const variants = misread === undefined ? await variantsOf(name, preset, reading, origin) : [];
      fits.push(...variants);
      const user = whoBy(
        reading.session,
        { ...preset.expressions, authenticated: "`true`" },
        origin.nowSeconds,
      );
      const hasUser = "userName" in user;
      if (variants.length > 0) continue;
      const why =
        misread ?? (hasUser ? ("reason" in seen ? seen.reason : "") : "nobody is logged in with it");
      refusing.push({ preset: name, hasUser, why });
      if (misread === undefined) conditional.push(...(await underCondition(name, reading, origin)));
    }
  }
  const isRefused = refusing.some(({ hasUser }) => hasUser);
  if (fits.length === 0 && !isRefused && who.notYet.length === 0) {
    const frameworks = refusing.map(({ preset }) => preset);
    for (const candidate of who.candidates) {
      const fit = await fitOfCandidate(candidate, frameworks, reading, origin);
      if (fit !== undefined) fits.push(fit);
    }
  }
  return { fits, conditional, refusing, who };
}

/** Returns who is logged in by these expressions. */
function whoBy(
  session: PhpSession,
  expressions: { readonly authenticated: string; readonly user: string },
  nowSeconds: number,
): Who {
  return whoIsLoggedIn(session, { ...expressions, search: Search }, nowSeconds);
}

function isWrittenBy(name: PresetName, { variables }: PhpSession): boolean {
  const mark = marksOfFrameworks[name];
  return mark !== undefined && [...variables.keys()].some((key) => mark.test(key));
}

/** Returns why the preset's framework did not write these bytes as a session, or undefined. */
function whyMisread(
  name: PresetName,
  { serializeHandler, sessionId }: Preset,
  { layers, handler }: Reading,
  { kind, sessionId: id }: Origin,
): string | undefined {
  if (name === "laravel") {
    if (sessionId !== undefined && !sessionId.test(id))
      return "Laravel's session ids have 40 letters and digits";
    const isWrapped = layers.some((layer) => ["serialize", "igbinary", "msgpack"].includes(layer));
    if ((kind === "redis" || kind === "dynamodb") && !isWrapped && handler !== "laravel") {
      return "Laravel wraps a session there once more: this is an entry of its cache, no session";
    }
    return ["php_serialize", "json", "laravel"].includes(handler)
      ? undefined
      : "Laravel writes no such format";
  }
  if (handler === "laravel") return "Laravel encrypted it";
  return (serializeHandler === "json") === (handler === "json") ? undefined : "it is of another format";
}

/** Returns the settings of a fit, read back and without what makes no difference. */
async function fitOf(
  by: string,
  own: Settings,
  reading: Reading,
  origin: Origin,
  userName: string,
  caution?: string,
): Promise<Fit | undefined> {
  const isLaravel = own["SESSION_PRESET"] === "laravel";
  const { LARAVEL_APP_KEY, LARAVEL_PREVIOUS_KEYS, ...others } = origin.secrets;
  const ofLaravel = {
    ...(LARAVEL_APP_KEY !== undefined && { LARAVEL_APP_KEY }),
    ...(LARAVEL_PREVIOUS_KEYS !== undefined && { LARAVEL_PREVIOUS_KEYS }),
  };
  const secrets = { ...others, ...(reading.handler === "laravel" && ofLaravel) };
  const settings = await fewest(
    {
      ...origin.settings,
      ...own,
      ...idShapeOf(own["SESSION_PRESET"] as PresetName | undefined, origin.sessionId),
      SESSION_LAYERS: reading.layers.length === 0 ? "none" : reading.layers.join(","),
      SESSION_SERIALIZE_HANDLER: isLaravel ? "laravel" : reading.handler,
    },
    secrets,
  );
  return settings && { by, settings, secrets, userName, ...(caution !== undefined && { caution }) };
}

/** Returns what says the shape of this id, where it is not the preset's: the narrowest alphabet that has it. */
function idShapeOf(name: PresetName | undefined, id: string): Settings {
  const preset: Preset | undefined = name && presets[name];
  if (preset?.sessionId === undefined || preset.sessionId.test(id)) return {};
  const bits = /^[0-9a-f]+$/.test(id) ? 4 : /^[0-9a-v]+$/.test(id) ? 5 : 6;
  return { SESSION_SID_LENGTH: String(id.length), SESSION_SID_BITS_PER_CHARACTER: String(bits) };
}

/** Variables in which a framework keeps who is logged in: a name there counts only if the framework's own test is passed. */
const ownVariables: Readonly<Partial<Record<string, RegExp>>> = {
  symfony1: /symfony\/user\//,
  symfony: /_security_/,
  laravel: /^login/,
  codeigniter4: /^user\b/,
  laminas: /Laminas/,
  joomla: /joomla/,
  yii2: /^__/,
  cakephp: /^Auth/,
  magento: /^customer/,
  moodle: /^(?:USER|SESSION)\b/,
  mediawiki: /^metadata\b/,
  typo3: /^ses_/,
  opencart: /^customer/,
};

async function fitOfCandidate(
  candidate: Candidate,
  frameworks: readonly PresetName[],
  reading: Reading,
  origin: Origin,
): Promise<Fit | undefined> {
  const { user, hasMark } = candidate;
  const owner = frameworks.find((name) => ownVariables[name]?.test(user) === true);
  const authenticated =
    owner === undefined ? candidate.authenticated : presets[owner].expressions.authenticated;
  const seen = whoBy(reading.session, { authenticated, user }, origin.nowSeconds);
  if (!("userName" in seen)) return undefined;
  const nameAlone = "no mark of a login stands beside it: make sure that the site sets it at the login only";
  const cautions = [hasMark || owner !== undefined ? [] : nameAlone, candidate.cautions].flat();
  const own = {
    ...(owner === undefined ? { AUTHENTICATED_EXPRESSION: authenticated } : { SESSION_PRESET: owner }),
    USER_EXPRESSION: user,
  };
  return fitOf(user, own, reading, origin, seen.userName, cautions.join("; ") || undefined);
}

/** Returns fits of the same framework with another guard, firewall or website than the preset's. */
async function variantsOf(
  name: PresetName,
  { expressions }: Preset,
  reading: Reading,
  origin: Origin,
): Promise<Fit[]> {
  const fits: Fit[] = [];
  for (const { from, to, what } of otherNames(name, reading.session)) {
    const authenticated = expressions.authenticated.replaceAll(from, to);
    const user = expressions.user.replaceAll(from, to);
    const seen = whoBy(reading.session, { authenticated, user }, origin.nowSeconds);
    if (!("userName" in seen)) continue;
    const own = { SESSION_PRESET: name, AUTHENTICATED_EXPRESSION: authenticated, USER_EXPRESSION: user };
    const fit = await fitOf(`SESSION_PRESET ${name}, ${what}`, own, reading, origin, seen.userName);
    if (fit !== undefined) fits.push(fit);
  }
  return fits;
}

interface OtherName {
  readonly from: string;
  readonly to: string;
  readonly what: string;
}

const plainName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const maxOtherNames = 8;

function otherNames(name: PresetName, { variables }: PhpSession): readonly OtherName[] {
  const keys = [...variables.keys()].filter((key) => key.length <= 128);
  if (name === "laravel") {
    const guards = keys
      .flatMap((key) => laravelGuard.exec(key)?.[1] ?? [])
      .filter((guard) => guard !== "web");
    return guards.slice(0, maxOtherNames).map((guard) => ({
      from: "login_web_",
      to: `login_${guard}_`,
      what: `guard ${guard}`,
    }));
  }
  if (name === "symfony") {
    const attributes = variables.get("_sf2_attributes");
    const inside = attributes !== null && typeof attributes === "object" && "entries" in attributes;
    const firewalls = (inside ? [...attributes.entries.keys()] : [])
      .flatMap((key) => symfonyFirewall.exec(String(key).slice(0, 128))?.[1] ?? [])
      .filter((firewall) => firewall !== "main");
    return firewalls.slice(0, maxOtherNames).map((firewall) => ({
      from: "_security_main",
      to: plainName.test(`_security_${firewall}`) ? `_security_${firewall}` : `"_security_${firewall}"`,
      what: `firewall ${firewall}`,
    }));
  }
  if (name === "magento") {
    const websites = keys.filter((key) => /^customer(?:_[a-z0-9_]+)?$/.test(key) && key !== "customer_base");
    return websites.slice(0, maxOtherNames).map((website) => ({
      from: "customer_base",
      to: website,
      what: `customers of ${website}`,
    }));
  }
  return [];
}

const factorOfMoodle = " && SESSION.tool_mfa_authenticated == `true`";

/** Returns what is right for versions that keep no mark which the preset asks for: docs/frameworks.md names them. */
async function underCondition(name: PresetName, reading: Reading, origin: Origin): Promise<Fit[]> {
  // Hashes are of Moodle 4.5 and later, which always has the mark.
  if (name !== "moodle" || origin.settings["SESSION_FIELD"] !== undefined) return [];
  const { expressions } = presets[name];
  const authenticated = expressions.authenticated.replace(factorOfMoodle, "");
  const seen = whoBy(reading.session, { ...expressions, authenticated }, origin.nowSeconds);
  if (!("userName" in seen)) return [];
  const own = { SESSION_PRESET: name, AUTHENTICATED_EXPRESSION: authenticated };
  const by = "only for Moodle before 4.3, without the plugin tool_mfa";
  const caution = "a later Moodle would let in who has still to prove a second factor";
  const fit = await fitOf(by, own, reading, origin, seen.userName, caution);
  return fit === undefined ? [] : [fit];
}
