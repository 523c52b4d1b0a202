// What a session may cost. Its owner can put almost anything into it, so every decoder keeps to these.

/** Half of memcached's default limit for one item (1 MB); real sessions are a few KB. */
export const maxSessionBytes = 524_288;

/**
 * What a session may take with what stands around it: base64 makes a third more of it, twice (Laravel's encryption)
 * four fifths. Stores hold values of any size.
 */
export const maxWrappedBytes = 2 * maxSessionBytes;

/**
 * Arrays and objects inside one another; PHP's own unserialize_max_depth is 4096. A decoder may recurse: so
 * deep, it takes a small part of the default stack.
 */
export const maxDepth = 512;

/** Values in all, references included: bounds memory where a value takes few bytes. */
export const maxValues = 100_000;

/**
 * What the decode functions of expressions take in for one verdict, all calls together: the largest session
 * in each of both expressions, through two layers.
 */
export const maxDecodedBytes = 4 * maxSessionBytes;

/**
 * What may be done for one session beside going over its bytes, in bytes looked at again: where two bytes can
 * stand for a long text, a decoder or an expression could go over that text a hundred thousand times.
 */
export const maxSteps = 16 * maxSessionBytes;
