// The kept-alive connections to the API: at rest, the one used last is used first.

import { Connection, type Endpoint } from "./connection.ts";
import type { HttpResponse } from "./http-response.ts";

/** More than this at rest are closed: a storm is over then, and each costs memory here and in front of the API. */
export const maxAtRest = 256;

export interface Exchange {
  /** Gives the response, or throws ConnectionFault. */
  readonly response: Promise<HttpResponse>;
  /** Whether the connection has carried an exchange before: a peer may have closed it meanwhile. */
  readonly isReused: boolean;
  /** Ends it, and its connection with it. Does nothing once it is over. */
  readonly giveUp: () => void;
}

export class Connections {
  readonly #endpoint: Endpoint;
  readonly #atRest: Connection[] = [];
  readonly #all = new Set<Connection>();
  #session: Buffer | undefined;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  get count(): number {
    return this.#all.size;
  }

  /** Begins an exchange on a connection at rest, or on a new one where there is none or a fresh one is asked for. */
  exchange(request: Buffer, isFresh: boolean): Exchange {
    const resting = isFresh ? undefined : this.#atRest.pop();
    const connection = resting ?? this.#open();
    let isOver = false;
    const response = connection.exchange(request).then((received) => {
      isOver = true;
      if (connection.isUsable) this.#rest(connection);
      return received;
    });
    const giveUp = () => {
      // By then the connection may carry somebody else's.
      if (!isOver) connection.close();
    };
    return { response, isReused: resting !== undefined, giveUp };
  }

  /** Closes all, and what they carry fails. */
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
      const at = this.#atRest.indexOf(connection);
      if (at >= 0) this.#atRest.splice(at, 1);
    };
    return connection;
  }

  #rest(connection: Connection): void {
    if (this.#atRest.length < maxAtRest) this.#atRest.push(connection);
    else connection.close();
  }
}
