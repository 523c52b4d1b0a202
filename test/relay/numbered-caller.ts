// A caller that speaks numbered frames with a relay, as the auth module in ejabberd does.

import { connect, type Socket } from "node:net";
import { frame } from "../../infra/local/relay-caller.ts";
import { FrameReader } from "../../relay/frames.ts";
import { framesOf } from "./frames-of.ts";

export type Answer = "no" | "yes" | "unavailable" | "closed";
const answers: readonly Answer[] = ["no", "yes", "unavailable"];

export class NumberedCaller {
  readonly socket: Socket;
  readonly #waiting = new Map<number, (answer: string) => void>();
  #next = 0;

  /** Resolves once the relay has answered hello. Rejects where nobody listens or the relay does not know it. */
  static open(path: string): Promise<NumberedCaller> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      const reader = new FrameReader();
      const caller = new NumberedCaller(socket);
      let isGreeted = false;
      socket.on("data", (chunk) => {
        for (const payload of framesOf(reader, chunk)) {
          if (isGreeted) caller.#take(payload);
          else if (String(payload) === "hello:1") resolve(caller);
          else reject(new Error(`not hello: ${payload.toString("hex")}`));
          isGreeted = true;
        }
      });
      socket.on("error", reject);
      socket.on("close", () => {
        for (const settle of caller.#waiting.values()) settle("closed");
      });
      socket.write(frame("hello:1"));
    });
  }

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  ask(command: string): Promise<Answer> {
    return this.#ask(Buffer.from(command)) as Promise<Answer>;
  }

  /** Asks about open connections. Resolves to a character for each login, or to what else it is answered with. */
  still(server: string, logins: readonly (readonly [user: string, password: string])[]): Promise<string> {
    return this.#ask(stillCommand(server, logins));
  }

  #ask(command: Buffer): Promise<string> {
    const number = this.#next++;
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(number);
    this.socket.write(frame(Buffer.concat([bytes, command])));
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
    });
  }

  #take(payload: Buffer): void {
    const number = payload.readUInt32BE();
    const settle = this.#waiting.get(number);
    const text = payload.subarray(4).toString();
    const still = /^still:([10?]+)$/.exec(text)?.[1];
    const answer = still ?? (payload.length === 5 ? answers[payload[4] ?? -1] : undefined);
    if (settle === undefined || answer === undefined) {
      throw new Error(`not an answer: ${payload.toString("hex")}`);
    }
    this.#waiting.delete(number);
    settle(answer);
  }
}

/** Returns the question about connections that were opened with these logins. */
export function stillCommand(
  server: string,
  logins: readonly (readonly [user: string, password: string])[],
): Buffer {
  return Buffer.from(`still:${[server, ...logins.flat()].map((field) => `${field}\0`).join("")}`);
}
