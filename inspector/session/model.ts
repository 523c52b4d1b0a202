// What a PHP session holds, whichever serialize handler wrote it: the decoders make it, document.ts shows it.
//
// A PHP string is a string of bytes. Here it is a JS string with one char a byte (latin1): exact, and one
// byte a char in V8. Whether those bytes are text is decided where the text is needed, see document.ts.
//
// A session is read once and never changed, so a reference (PHP's `&`) needs no cell of its own: two names
// for one scalar hold equal values, two names for one array or object hold the same JS object. A cycle is
// thus a real cycle.

/** A string of bytes, one char a byte. */
export type Bytes = string;

/**
 * A number is a PHP float, or a PHP int of at most 2^53-1 either way; a bigint is a PHP int beyond that. In PHP's own
 * formats 1 and 1.0 are the same number: nobody's name or id hangs on the difference. JSON is written by others, too:
 * there a float that is a whole number is a PhpFloat.
 */
export type PhpValue =
  | null
  | boolean
  | number
  | bigint
  | Bytes
  | PhpArray
  | PhpObject
  | PhpEnum
  | PhpSerializable
  | PhpFloat;

/** A key is a string only if PHP would not turn it into an int, see `arrayKey`. */
export type PhpKey = number | bigint | Bytes;

/** An array in its own order. */
export class PhpArray {
  readonly entries = new Map<PhpKey, PhpValue>();
}

/** An object: what its class wrote, which for a class with __serialize() need not be its properties. */
export class PhpObject {
  readonly className: Bytes;
  /** By the name as PHP stores it, which tells a parent's private property from its child's. */
  readonly properties = new Map<Bytes, PhpProperty>();
  /** Whether the bytes show that the keys are what __serialize() returned: one is an int, or the format says so. */
  keysAreData = false;

  constructor(className: Bytes) {
    this.className = className;
  }
}

export interface PhpProperty {
  readonly name: Bytes;
  readonly visibility: "public" | "protected" | "private";
  /** The class that a private property belongs to; PHP stores none for the others. */
  readonly declaringClass: Bytes | null;
  value: PhpValue;
}

/** A case of an enum. */
export class PhpEnum {
  readonly className: Bytes;
  readonly caseName: Bytes;

  constructor(className: Bytes, caseName: Bytes) {
    this.className = className;
    this.caseName = caseName;
  }
}

/** An object whose class has a format of its own (PHP's Serializable): only the class can read it. */
export class PhpSerializable {
  readonly className: Bytes;
  readonly payload: Bytes;

  constructor(className: Bytes, payload: Bytes) {
    this.className = className;
    this.payload = payload;
  }
}

/** A float that is a whole number: no int, and so nobody's id. */
export class PhpFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** What $_SESSION held, in its own order. */
export interface PhpSession {
  readonly variables: ReadonlyMap<Bytes, PhpValue>;
}

/** These bytes, one char a byte. */
export function latin1(bytes: Uint8Array): Bytes {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

export const minInt64 = -(2n ** 63n);
export const maxInt64 = 2n ** 63n - 1n;

/** A 64-bit integer as the model holds it. */
export function phpInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

const canonicalInteger = /^(?:0|-?[1-9][0-9]{0,18})$/;

/**
 * The key under which PHP files a string: "5" and 5 are one key, "05" and "-0" stay strings.
 * Source: ZEND_HANDLE_NUMERIC_STR in php-src Zend/zend_hash.h.
 */
export function arrayKey(key: Bytes): PhpKey {
  if (key.charCodeAt(0) > 0x39 || key.length > 20 || !canonicalInteger.test(key)) return key;
  if (key.length < 16) return Number(key);
  const value = BigInt(key);
  return value >= minInt64 && value <= maxInt64 ? phpInteger(value) : key;
}

/**
 * An object's property without a value yet, from the name as PHP stores it: `name`, NUL `*` NUL `name`
 * (protected) or NUL `Class` NUL `name` (private). Anything else that starts with NUL is what a __serialize()
 * method made up: a public name with a NUL in it.
 * Source: zend_unmangle_property_name_ex in php-src Zend/zend_compile.c.
 */
export function propertyOf(stored: Bytes): PhpProperty {
  if (stored.charCodeAt(0) === 0) {
    const second = stored.indexOf("\0", 1);
    const owner = stored.slice(1, second);
    const name = stored.slice(second + 1);
    if (second > 1 && name !== "") {
      if (owner === "*") return { name, visibility: "protected", declaringClass: null, value: null };
      if (isClassName(owner)) return { name, visibility: "private", declaringClass: owner, value: null };
    }
  }
  return { name: stored, visibility: "public", declaringClass: null, value: null };
}

const classNameChars = /^[0-9A-Z_a-z\x7f-\xff][0-9A-Z_a-z\\\x7f-\xff]*$/;

/**
 * Whether PHP would look for a class of this name: in particular it holds no colon, so `Class::name` has one
 * reading.
 * Source: zend_is_valid_class_name in php-src Zend/zend_execute_API.c, and no leading backslash.
 */
export function isClassName(name: Bytes): boolean {
  return classNameChars.test(name);
}

const isClassNameByte = Uint8Array.from({ length: 0x100 }, (_, byte) =>
  isClassName(`A${String.fromCharCode(byte)}`) ? 1 : 0,
);
const backslash = 0x5c;

/** The same of the bytes from `start` to `end`, which lie within these. */
export function isClassNameIn(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || bytes[start] === backslash) return false;
  for (let place = start; place < end; place++)
    if (isClassNameByte[bytes[place] as number] === 0) return false;
  return true;
}
