// By which names an expression finds the properties of an object.
//
//   as PHP stores it                          name in an expression
//   name                                      name; `::name` if it holds "::" itself
//   NUL Class NUL name, the object's class    Class::name, and name if the object has no public property
//   NUL Class NUL name, another class         Class::name
//   NUL * NUL name                            Class::name, by the object's class: PHP stores none
//
// The bytes never say whether a class declared a property. `__serialize()` may return keys that a user chose, and
// `NUL * NUL uid` among them looks like a protected property, though no PHP code finds it as `uid`. So:
//  - what no class can have declared is no property: it has its stored name, NULs and all. These are all such keys of
//    stdClass; all of an object whose bytes show that `__serialize()` returned its keys, as an int among them does;
//    those that belong to stdClass; and those whose name is no identifier of PHP;
//  - of the others, the name alone leads to a private property of the object's own class, and only where all keys are
//    stored as properties that are not public: so is nearly every class of users, and so is no bag of user's keys beside
//    keys of the site;
//  - where the name alone does not lead to a property that may be there, or two can have it, asking for it fails
//    (`uncertain-property`). Nothing at all in its place could turn a test from no to yes: `user.locked != true`.
// So an operator who names `Class::name` says that this class serializes its properties and not a user's keys.
//
// Source: zend_mangle_property_name in php-src Zend/zend_compile.c; LABEL in Zend/zend_language_scanner.l.

import type { Budget } from "./budget.ts";
import type { Bytes, PhpObject, PhpProperty } from "./model.ts";

/** An expression asked for a property that may be there or may be made up, or may be one of two. */
export class UncertainPropertyError extends Error {
  override readonly name = "UncertainPropertyError";
  readonly code = "uncertain-property";

  constructor() {
    super("the bytes do not say whether the class declared this property: name it with its class");
  }
}

export interface PropertyNames {
  /** For each property, in their order, the name that leads to it. No two are equal. */
  readonly keys: readonly Bytes[];
  /** Further names. */
  readonly aliases: ReadonlyMap<Bytes, PhpProperty>;
  /** Names that fail. */
  readonly uncertain: ReadonlySet<Bytes>;
}

/**
 * Returns the names of an object's properties. A name with its class is made of both, however long they are.
 * @throws UnreadableSessionError `too-costly`
 */
export function propertyNames(object: PhpObject, budget: Budget): PropertyNames {
  const keys: Bytes[] = [];
  const aliases = new Map<Bytes, PhpProperty>();
  const uncertain = new Set<Bytes>();
  const { properties, className } = object;
  if (!hasHidden(object)) {
    for (const { name } of properties.values()) keys.push(publicKey(name));
    return { keys, aliases, uncertain };
  }
  const rule = new Declarations(object);
  const byName = new Map<Bytes, number>();
  const byClass = new Map<Bytes, number>();
  for (const [stored, property] of properties) {
    if (rule.excludes(property)) continue;
    byName.set(property.name, (byName.get(property.name) ?? 0) + 1);
    budget.spend(className.length + stored.length);
    const key = classKey(className, property);
    if (key !== undefined) byClass.set(key, (byClass.get(key) ?? 0) + 1);
  }
  for (const [stored, property] of properties) {
    const { name } = property;
    const isShared = (byName.get(name) ?? 0) > 1;
    const key = classKey(className, property);
    if (rule.excludes(property)) keys.push(stored);
    else if (key === undefined) keys.push(isShared ? `::${name}` : publicKey(name));
    else if (byClass.get(key) !== 1) {
      keys.push(stored);
      uncertain.add(key).add(name);
    } else if (!isShared && rule.isPlain(property)) {
      keys.push(name);
      aliases.set(key, property);
    } else {
      keys.push(key);
      uncertain.add(name);
    }
  }
  return { keys, aliases, uncertain };
}

/**
 * Returns the property that this name, which holds no "::", leads to.
 * @throws UncertainPropertyError
 */
export function propertyNamed(object: PhpObject, name: Bytes): PhpProperty | undefined {
  let found: PhpProperty | undefined;
  let rule: Declarations | undefined;
  for (const property of object.properties.values()) {
    if (property.name !== name) continue;
    if (property.visibility !== "public") {
      rule ??= new Declarations(object);
      if (rule.excludes(property)) continue;
      if (!rule.isPlain(property)) throw new UncertainPropertyError();
    }
    if (found !== undefined) throw new UncertainPropertyError();
    found = property;
  }
  return found;
}

/** What one object's keys say of what its class can have declared. */
class Declarations {
  readonly #className: Bytes;
  /** Its keys are a user's or `__serialize()`'s: none of them is a declared property. */
  readonly #areData: boolean;
  readonly #hasPublic: boolean;

  constructor({ className, properties, keysAreData }: PhpObject) {
    this.#className = className;
    this.#areData = keysAreData || isStdClass(className);
    this.#hasPublic = [...properties.values()].some(({ visibility }) => visibility === "public");
  }

  /** Whether this is stored as a property that is not public, and can be none. */
  excludes({ visibility, declaringClass, name }: PhpProperty): boolean {
    if (visibility === "public") return false;
    const isOfNoClass = declaringClass !== null && isStdClass(declaringClass);
    return this.#areData || isOfNoClass || !identifier.test(name);
  }

  /** Whether the name alone leads to this property that is not public, if no other has the name. */
  isPlain({ declaringClass }: PhpProperty): boolean {
    return !this.#hasPublic && declaringClass === this.#className;
  }
}

const identifier = /^[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*$/;

/** PHP's names of classes do not depend on case. */
function isStdClass(className: Bytes): boolean {
  return className.length === 8 && className.toLowerCase() === "stdclass";
}

function hasHidden({ properties }: PhpObject): boolean {
  for (const { visibility } of properties.values()) if (visibility !== "public") return true;
  return false;
}

/** A name that holds "::" must not look like a property with its class. */
function publicKey(name: Bytes): Bytes {
  return name.includes("::") ? `::${name}` : name;
}

/** One to one for properties that are not public, but for a private one and a protected one of one class. */
function classKey(className: Bytes, { visibility, declaringClass, name }: PhpProperty): Bytes | undefined {
  return visibility === "public" ? undefined : `${declaringClass ?? className}::${name}`;
}
