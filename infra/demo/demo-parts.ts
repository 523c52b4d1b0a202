// What the demo needs of the machine beside Node.

import { ejabberdLibraries, hasExtensions, inPath, type PartSource } from "../local/debian.ts";

export const demoParts: readonly PartSource[] = [
  {
    isThere: () => inPath("memcached") !== undefined,
    packages: [["memcached"]],
    hint: "memcached 1.6",
  },
  {
    isThere: () => inPath("php") !== undefined && hasExtensions("memcached"),
    packages: [["php-cli"], ["php-memcached"]],
    hint: "PHP's command line, 7.4 or later, with its extension memcached",
  },
  {
    isThere: () => inPath("erlc") !== undefined && ejabberdLibraries() !== undefined,
    packages: [["ejabberd"]],
    hint: "ejabberd 23.01 or later, as Debian packages it",
  },
];
