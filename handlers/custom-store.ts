// SESSION_STORE=custom://NAME: the operator's class of custom/NAME.ts. The build makes a chunk of each file in custom/, and
// this module, which knows them, is loaded for such a store alone.

import type { OwnStoreClass, SessionStore } from "../inspector/session-store.ts";
import type { CustomUrl } from "../stores/custom-url.ts";
import { GuardedStore, type GuardedStoreOptions } from "../stores/own-store.ts";

/** There is no such store in this build, or its module is none. The message names it, and nothing that it threw. */
class CustomStoreError extends Error {
  override readonly name = "CustomStoreError";
  readonly problems = [`SESSION_STORE is wrong: ${this.message}`];
}

/** @throws CustomStoreError */
export async function openCustom(
  { name, settings, password }: CustomUrl,
  options: GuardedStoreOptions,
): Promise<SessionStore> {
  const Store = await classOf(name);
  const { timeoutMs } = options;
  let store: InstanceType<OwnStoreClass>;
  try {
    store = new Store({ settings, password: () => password?.(), timeoutMs });
  } catch (error) {
    throw new CustomStoreError(`custom/${name}.ts: its constructor threw ${kindOf(error)}`, { cause: error });
  }
  if (typeof store.getData !== "function") {
    throw new CustomStoreError(`custom/${name}.ts: its class has no getData`);
  }
  return new GuardedStore(store, options);
}

async function classOf(name: string): Promise<OwnStoreClass> {
  let module: { readonly default?: unknown };
  try {
    // esbuild finds the files by this text.
    module = await import(`../custom/${name}.ts`);
  } catch (error) {
    throw new CustomStoreError(
      `custom/${name}.ts is not in this build, or cannot be loaded: ${kindOf(error)}`,
      {
        cause: error,
      },
    );
  }
  if (typeof module.default !== "function") {
    throw new CustomStoreError(`custom/${name}.ts: its default export must be a class with getData`);
  }
  return module.default as OwnStoreClass;
}

function kindOf(error: unknown): string {
  return error instanceof Error && /^\w{1,60}$/.test(error.name) ? error.name : "an error";
}
