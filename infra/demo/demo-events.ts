// What the panel shows: each login, with the time at each hop as far as it is known, and each chat that a logout ended.

import type { ShownLogin } from "../local/shown-api.ts";

export interface DemoEvent {
  /** Counts from 1. An event that is told again has more in it. */
  readonly id: number;
  readonly kind: "login" | "ended";
  readonly timeMs: number;
  /** USER@HOST */
  readonly user: string;
  readonly outcome?: string;
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  /** In milliseconds: the page's wait for its ticket, and for the login at the chat host with all behind it. */
  readonly ticketMs?: number;
  readonly chatMs?: number;
  /** In milliseconds: the relay's wait for the API, and the function's own time. */
  readonly apiMs?: number;
  readonly functionMs?: number | undefined;
  /** In milliseconds: from the logout on the site to the end of the chat. */
  readonly afterMs?: number;
}

/** What a page tells of its own login or of its end. */
export type PageReport = Pick<DemoEvent, "kind" | "user" | "ticketMs" | "chatMs" | "afterMs">;

const maxEvents = 50;
const maxMs = 3_600_000;

export class DemoEvents {
  readonly #events: DemoEvent[] = [];
  readonly #listeners = new Set<(event: DemoEvent) => void>();
  #lastId = 0;

  /** Adds a login that the API has answered. */
  login({ timeMs, user, outcome, reason, detail, tookMs, functionMs }: ShownLogin): void {
    const { ticketMs, chatMs, ...early } = this.#takeEarly(user);
    this.#put({
      ...{ id: early.id ?? ++this.#lastId, kind: "login", timeMs, user, outcome, reason, detail },
      ...{ apiMs: tookMs, functionMs },
      ...(ticketMs !== undefined && { ticketMs }),
      ...(chatMs !== undefined && { chatMs }),
    });
  }

  /** Adds what a page saw: to the last login of its user that no page has told of, or as an event of its own. */
  page(report: PageReport, timeMs: number): void {
    const login = this.#events.findLast(
      ({ kind, user, chatMs }) => kind === "login" && user === report.user && chatMs === undefined,
    );
    if (report.kind === "login" && login !== undefined) this.#put({ ...login, ...report });
    else this.#put({ ...report, id: ++this.#lastId, timeMs });
  }

  /** Calls it with each event from now on, those that are kept first. Returns what ends that. */
  listen(listener: (event: DemoEvent) => void): () => void {
    for (const event of this.#events) listener(event);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A page may tell before the function's line has come. */
  #takeEarly(user: string): Partial<DemoEvent> {
    const early = this.#events.findLast(
      (event) => event.kind === "login" && event.user === user && event.outcome === undefined,
    );
    return early ?? {};
  }

  #put(event: DemoEvent): void {
    const at = this.#events.findIndex(({ id }) => id === event.id);
    if (at >= 0) this.#events[at] = event;
    else if (this.#events.push(event) > maxEvents) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
  }
}

/** Returns what a page's body tells, or undefined for anything else. */
export function readPageReport(text: string): PageReport | undefined {
  let body: Readonly<Record<string, unknown>>;
  try {
    body = Object(JSON.parse(text));
  } catch {
    return undefined;
  }
  const { kind, user } = body;
  if (
    (kind !== "login" && kind !== "ended") ||
    typeof user !== "string" ||
    !/^[a-z]{1,20}@[a-z]{1,20}$/.test(user)
  ) {
    return undefined;
  }
  const names = kind === "login" ? (["ticketMs", "chatMs"] as const) : (["afterMs"] as const);
  const times = names.map((name) => [name, body[name]] as const);
  if (!times.every(([, ms]) => typeof ms === "number" && ms >= 0 && ms <= maxMs)) return undefined;
  return { kind, user, ...Object.fromEntries(times) };
}
