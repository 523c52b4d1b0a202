// The release that this relay is of: package.json's, as a test holds it.

export const version = "0.2.0";
