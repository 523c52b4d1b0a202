// Which tests run on the other Debian releases. Each entry is a test file, or a folder of them ("/" at its end). To add one,
// add a line: what the versions differ in belongs here, and all of `npm run test:servers` has twelve minutes. Each
// release's entries run in this order, the releases beside one another.

import type { Release } from "./roots.ts";

export interface ServerTests {
  /** Relative to the root of the project. */
  readonly path: string;
  /** All of them unless given. */
  readonly releases?: readonly Release[];
  /** Valkey's server under the name of Redis' one. */
  readonly valkey?: true;
}

export const serverTests: readonly ServerTests[] = [
  // ejabberd: the ways in, both modules, the pool.
  { path: "test/end-to-end/versions.test.ts" },
  { path: "test/end-to-end/inspectord.test.ts" },
  { path: "test/end-to-end/logout.test.ts" },
  { path: "test/end-to-end/identity.test.ts" },
  { path: "test/end-to-end/pool.test.ts" },
  { path: "test/end-to-end/login.test.ts", releases: ["trixie"] },
  { path: "test/end-to-end/faults.test.ts", releases: ["trixie"] },
  { path: "test/end-to-end/tickets.test.ts", releases: ["trixie"] },
  { path: "test/end-to-end/chat-host-guide.test.ts", releases: ["trixie"] },
  { path: "test/end-to-end/prosody.test.ts" },
  { path: "test/infra/ejabberd/inspectord.test.ts", releases: ["sid"] },
  // The doctor, beside the ejabberd that it judges.
  { path: "test/doctor/versions.test.ts" },
  { path: "test/doctor/ask-ejabberd.test.ts" },
  { path: "test/doctor/stock-file.test.ts" },
  { path: "test/doctor/doctor.test.ts" },
  { path: "test/doctor/yaml/" },
  // PHP's sessions, as this PHP and its extensions write them (sid has the same versions), and the stores.
  { path: "test/inspector/session/formats/real-php.test.ts", releases: ["trixie"] },
  { path: "test/inspector/session/layers/real-php.test.ts", releases: ["trixie"] },
  { path: "test/infra/php/tickets.test.ts", releases: ["trixie"] },
  { path: "test/stores/placement/phpredis.test.ts", releases: ["trixie"] },
  { path: "test/stores/memcached/plain.test.ts" },
  { path: "test/stores/redis/redis-client.test.ts", releases: ["trixie"] },
  { path: "test/stores/redis/redis-client.test.ts", releases: ["sid"], valkey: true },
];
