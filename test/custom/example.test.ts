// custom/example.ts, held to the demands of every store.

import { describe } from "node:test";
import { needing } from "../real/parts.ts";
import startSite from "./example.site.ts";
import { itIsAStore } from "./own-store-demands.ts";

describe("the example of a store of one's own", () => {
  const { it } = needing("php", "openssl");
  itIsAStore(it, "example", startSite);
});
