// What the tests need of the service behind a store of the operator's own: test/custom/NAME.site.ts starts it for
// custom/NAME.ts.

export interface StoreSite {
  /** What stands behind the "?" of SESSION_STORE. */
  readonly settings: Readonly<Record<string, string>>;
  readonly password?: string;
  /** Keeps these bytes under the key, as the site does. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
  /** From here on nobody listens, with what was kept in place once it is started again. */
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  /** From here on questions are taken and not answered, until the function that is returned is called. */
  hang(): Promise<() => void>;
  /** From here on every question is answered with an error of the service's, until the function is called. */
  fail(): Promise<() => void>;
  /** Ends it, and leaves nothing behind. */
  end(): Promise<void>;
}

/** The default export of test/custom/NAME.site.ts. */
export type StartSite = () => Promise<StoreSite>;
