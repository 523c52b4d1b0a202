// Configuration -> inspector: what is needed for these settings is loaded, and nothing else.

import { laravelDecoder } from "../inspector/laravel.ts";
import { type Decode, decoders } from "../inspector/php/decoders.ts";
import { createPlacement } from "../inspector/placement.ts";
import { SessionInspector } from "../inspector/session-inspector.ts";
import type { SessionStore } from "../inspector/session-store.ts";
import { unavailable } from "../inspector/verdict.ts";
import type { Inspect } from "./answer-login.ts";
import type { InspectSessions } from "./answer-sessions.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

/** For one look into the store, all tries of it, in milliseconds: well below the relay's deadline for a login. */
export const storeTimeoutMs = 2_000;

type ConfigOrProblems = Config | { readonly problems: readonly string[] };

/** Gives the inspector of this configuration, or one that says of every login that it is unavailable. */
export async function createInspect(config: ConfigOrProblems, log: Log): Promise<Inspect> {
  const inspector = await openInspector(config, log);
  if (inspector === undefined) return async () => unavailable("bad-configuration");
  return (request) => inspector.inspect(request);
}

/** Gives the same for a question about many sessions. */
export async function createInspectSessions(config: ConfigOrProblems, log: Log): Promise<InspectSessions> {
  const inspector = await openInspector(config, log);
  if (inspector === undefined) return async () => unavailable("bad-configuration");
  return ({ ids }) => inspector.inspectSessions(ids);
}

/** Gives nothing where the configuration has problems, and says in the log which. */
async function openInspector(config: ConfigOrProblems, log: Log): Promise<SessionInspector | undefined> {
  if ("problems" in config) {
    log("error", "bad-configuration", { problems: config.problems });
    return undefined;
  }
  if (config.serializeHandler === "auto") {
    log("warn", "serialize-handler-guessed", {
      advice: "auto is for trying out: set SESSION_SERIALIZE_HANDLER to the site's session.serialize_handler",
    });
  }
  return createInspector(config, await openStore(config));
}

/** Gives the inspector of this configuration for the sessions in this store. */
export function createInspector(config: Config, store: SessionStore): SessionInspector {
  const { expressions, servedHosts, isUserPolicy, namesDifferByCase } = config;
  return new SessionInspector({
    store,
    decode: decoderOf(config),
    expressions,
    servedHosts,
    isUserPolicy,
    namesDifferByCase,
    nowMs: () => Date.now(),
  });
}

/** Gives the decoder of the configured handler. */
export function decoderOf({ serializeHandler, laravelKey }: Config): Decode {
  return serializeHandler === "laravel" ? laravelDecoder(laravelKey) : decoders[serializeHandler];
}

/** Loads the one store's module, so that a cold start pays for no other. */
export async function openStore({ store, placement, replicas, keyPrefix }: Config): Promise<SessionStore> {
  const common = { keyPrefix, timeoutMs: storeTimeoutMs };
  switch (store.kind) {
    case "memcached": {
      const { MemcachedStore } = await import("../inspector/stores/memcached.ts");
      const { nodes } = store;
      return new MemcachedStore({ ...common, nodes, placement: createPlacement(placement, nodes, replicas) });
    }
    case "files": {
      const { FilesStore } = await import("../inspector/stores/files.ts");
      return new FilesStore({ ...common, directory: store.directory });
    }
  }
}
