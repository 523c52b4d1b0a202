// The bytes of PHP's text serialization: see text.ts. They have a file of their own, and nothing before them, so
// that esbuild writes each as a number where it is used: every byte of a session is compared with some of them.

export const colon = 0x3a;
export const semicolon = 0x3b;
export const quote = 0x22;
export const openBrace = 0x7b;
export const closeBrace = 0x7d;
export const minus = 0x2d;
export const plus = 0x2b;
export const dot = 0x2e;
export const zero = 0x30;
export const nine = 0x39;
export const upperC = 0x43;
export const upperE = 0x45;
export const upperI = 0x49;
export const upperN = 0x4e;
export const upperO = 0x4f;
export const upperR = 0x52;
export const lowerA = 0x61;
export const lowerB = 0x62;
export const lowerD = 0x64;
export const lowerE = 0x65;
export const lowerI = 0x69;
export const lowerR = 0x72;
export const lowerS = 0x73;
export const backslash = 0x5c;
