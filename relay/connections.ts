// The kept-alive connections to the API. Of the idle ones the one used last is used first.

import { Connection, type Endpoint } from "./connection.ts";
import type { HttpResponse } from "./http-response.ts";

/** More idle ones are closed: a storm is over then, and each costs memory here and in front of the API. */
export const maxIdle = 256;

export interface ExchangeOptions {
  readonly isFresh: boolean;
  /** Returns whether the connection may carry another exchange after this response. */
  readonly mayKeep: (response: HttpResponse) => boolean;
}

export interface Exchange {
  /** @throws ConnectionError */
  readonly response: Promise<HttpResponse>;
  /** Whether the connection has carried an exchange before: a peer may have closed it meanwhile. */
  readonly isReused: boolean;
  /** Ends it, and its connection with it. Does nothing once it is over. */
  readonly abandon: () => void;
}

export class Connections {
  readonly #endpoint: Endpoint;
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #session: Buffer | undefined;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get count(): number {
    return this.#all.size;
  }

  /** Begins an exchange on an idle connection, or on a new one if there is none or `isFresh`. */
  exchange(request: Buffer, { isFresh, mayKeep }: ExchangeOptions): Exchange {
    const idle = isFresh ? undefined : this.#idle.pop();
    const connection = idle ?? this.#open();
    let isOver = false;
    const response = connection.exchange(request).then((received) => {
      isOver = true;
      if (!mayKeep(received)) connection.close();
      else if (connection.isUsable) this.#keep(connection);
      return received;
    });
    const abandon = () => {
      // Once it is over, the connection may carry another exchange.
      if (!isOver) connection.close();
    };
    return { response, isReused: idle !== undefined, abandon };
  }

  /** Closes all; the exchanges in flight fail. */
  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #open(): Connection {
    const connection = new Connection(this.#endpoint, this.#session);
    this.#all.add(connection);
    connection.onSession((session) => {
      this.#session = session;
    });
    connection.onGone = () => {
      this.#all.delete(connection);
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    };
    return connection;
  }

  #keep(connection: Connection): void {
    if (this.#idle.length < maxIdle) this.#idle.push(connection);
    else connection.close();
  }
}
