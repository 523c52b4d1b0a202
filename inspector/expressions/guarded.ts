// A document for an expression that could look at one part of it in many places. JMESPath's library knows no bounds:
// with one list in a thousand places of another, a projection within a projection takes a million steps, and a
// comparison of what shares its halves at each level never ends.
//
// A document that is small when it is written out, with shared parts repeated, needs no bounds: an expression reads
// each value of it a few times at most. Anything larger is wrapped in proxies, and each read of them counts.

import { type Budget, valueCost } from "../session/budget.ts";
import type { Document } from "../session/document.ts";

/** Up to this many values and bytes of text, a document is small. Real sessions are. */
const maxPlaces = 5_000;
const maxTextBytes = 262_144;

/** Returns the document, or one that is the same to an expression and counts what is read. */
export function guarded<T extends Document>(document: T, budget: Budget): T {
  return typeof document !== "object" || document === null || isSmall(document)
    ? document
    : (new Guard(budget).proxyOf(document) as T);
}

function isSmall(document: object): boolean {
  const waiting: object[] = [document];
  let places = 0;
  let textBytes = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const isList = Array.isArray(next);
    if (Array.isArray(next) && next.length > maxPlaces) return false;
    for (const [key, item] of Object.entries(next)) {
      places++;
      if (!isList) textBytes += key.length;
      if (typeof item === "string") textBytes += item.length;
      else if (typeof item === "object" && item !== null) waiting.push(item);
      if (places > maxPlaces || textBytes > maxTextBytes) return false;
    }
  }
  return true;
}

class Guard implements ProxyHandler<object> {
  readonly #budget: Budget;
  readonly #proxies = new WeakMap<object, object>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  proxyOf(target: object): object {
    let proxy = this.#proxies.get(target);
    if (proxy === undefined) {
      proxy = new Proxy(target, this);
      this.#proxies.set(target, proxy);
    }
    return proxy;
  }

  get(target: object, key: string | symbol): unknown {
    const value = (target as Record<string | symbol, unknown>)[key];
    this.#budget.spend(typeof value === "string" ? valueCost + value.length : valueCost);
    return typeof value === "object" && value !== null ? this.proxyOf(value) : value;
  }

  ownKeys(target: object): (string | symbol)[] {
    const keys = Reflect.ownKeys(target);
    this.#budget.spend(valueCost * keys.length);
    return keys;
  }
}
