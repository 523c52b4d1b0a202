// A member of ejabberd's pool at the relay's socket: as socat is, it carries frames and waits for each answer.

import { connect, type Socket } from "node:net";
import { frame } from "../../infra/local/relay-caller.ts";

export class Member {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #wake = () => {};
  isEnded = false;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    for (const event of ["end", "error", "close"]) {
      this.socket.on(event, () => {
        this.isEnded = true;
        this.#wake();
      });
    }
  }

  /** How many answers have come so far. */
  get count(): number {
    return this.#received.length / 4;
  }

  /** Returns all answers, in hex, once this many have come or the relay has ended the connection. */
  async answers(count: number): Promise<string> {
    while (this.#received.length < 4 * count && !this.isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.toString("hex");
  }

  /** Asks one question. A connection that the relay ends instead is no yes. */
  async ask(payload: string | Uint8Array): Promise<boolean> {
    const before = this.count;
    this.socket.write(frame(payload));
    return (await this.answers(before + 1)).slice(8 * before) === "00020001";
  }
}
