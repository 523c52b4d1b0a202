// ejabberd's pool of external programs: each has a queue of its own and one question at a time. Which one a question
// goes to is no true round robin (a counter that other code uses, too): here it is chance.

import { Fifo } from "./fifo.ts";

export class ExtauthPool {
  readonly #members: { isBusy: boolean; readonly waiting: Fifo }[];

  constructor(size: number) {
    this.#members = Array.from({ length: size }, () => ({ isBusy: false, waiting: new Fifo() }));
  }

  /** Returns the member that a question goes to. @param random from 0 to 1 */
  choose(random: number): number {
    return Math.floor(random * this.#members.length);
  }

  /** Returns whether the member takes this login at once; if not, it waits there. */
  ask(member: number, login: number): boolean {
    const { isBusy, waiting } = this.#at(member);
    if (isBusy || !waiting.isEmpty) {
      waiting.push(login);
      return false;
    }
    this.#at(member).isBusy = true;
    return true;
  }

  /** The member has answered. Returns the next login that still waits for it, which it takes, or undefined. */
  next(member: number, stillWaits: (login: number) => boolean): number | undefined {
    const at = this.#at(member);
    for (let login = at.waiting.shift(); login !== undefined; login = at.waiting.shift()) {
      if (stillWaits(login)) return login;
    }
    at.isBusy = false;
    return undefined;
  }

  #at(member: number) {
    return this.#members[member] as { isBusy: boolean; readonly waiting: Fifo };
  }
}
