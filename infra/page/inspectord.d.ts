/** The part of Strophe.js' connection that is used. */
export interface StropheConnection {
  connect(jid: string, password: string, onStatus: (status: number, condition?: unknown) => unknown): void;
  disconnect(reason?: string): void;
  /** Forgets the connection before, so that connect() can be called again. */
  reset(): void;
  /** Is called with each element that arrives. The module hears it first, and calls what stood here. */
  xmlInput?: (element: ReceivedElement) => void;
}

/** The part of a DOM element that is used. */
export interface ReceivedElement {
  readonly namespaceURI: string | null;
  getAttribute(name: string): string | null;
  getElementsByTagNameNS(namespace: string, name: string): { readonly length: number };
}

export interface ChatOptions {
  /** The site's route that hands out tickets, such as "/chat-ticket". */
  readonly ticketUrl: string;
  /** Hears every Strophe.Status of the current attempt. */
  readonly onStatus?: (status: number, condition?: unknown) => void;
  /** The visitor is not logged in on the site any more, and there are no further attempts: show the login page. */
  readonly onLoggedOut?: () => void;
  /** From 0 to 1. Math.random unless given. */
  readonly random?: () => number;
  readonly fetch?: typeof globalThis.fetch;
  readonly setTimer?: (run: () => void, ms: number) => unknown;
  readonly clearTimer?: (timer: never) => void;
}

export interface Chat {
  /** Leaves the chat, and makes no further attempt. */
  stop(): void;
}

/** Returns how long to wait before the next attempt, in milliseconds. */
export function waitBeforeAttemptMs(
  reason: "lost" | "refused",
  failures: number,
  spreadSeconds: number,
  random: number,
): number;

/** Keeps a Strophe.js connection logged in for as long as the visitor is logged in on the site. */
export function keepConnected(connection: StropheConnection, options: ChatOptions): Chat;
