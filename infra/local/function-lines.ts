// The function's log lines about logins, as its process writes them: read from its output, and handed to the login that
// each belongs to.

/** A line of the function's log about a login. */
export interface FunctionLine {
  readonly outcome: string;
  readonly reason?: string;
  readonly fault?: string;
  readonly detail?: string;
  /** In milliseconds. */
  readonly LoginDuration?: number;
}

/** What the answer to a login said. */
export interface Answered {
  readonly outcome: "allowed" | "refused" | "unavailable";
  /** Reason or fault; undefined for a caller that did not ask for it. */
  readonly code?: string | undefined;
}

/** How many lines that belong to no answer are kept. */
const maxLines = 100;

/** Returns the login that a line of output reports, or undefined. Asking whether a user exists is no login. */
export function readFunctionLine(line: string): FunctionLine | undefined {
  const start = line.indexOf('{"level":');
  if (start < 0) return undefined;
  try {
    const fields = JSON.parse(line.slice(start));
    return fields.message === "login" && fields.op !== "isuser" ? fields : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Lines that wait for the answer they explain. A line comes through another pipe than its answer, sooner or later than it.
 * Of several with the same outcome and code, the oldest is taken.
 */
export class FunctionLines {
  readonly #lines: FunctionLine[] = [];
  readonly #waiting: { readonly answered: Answered; readonly take: (line: FunctionLine) => void }[] = [];
  #rest = "";

  /** Reads a piece of the process's output. */
  add(output: string): void {
    const lines = (this.#rest + output).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const read = readFunctionLine(line);
      if (read !== undefined) this.#put(read);
    }
  }

  #put(line: FunctionLine): void {
    const at = this.#waiting.findIndex(({ answered }) => belongs(line, answered));
    if (at >= 0) this.#waiting.splice(at, 1)[0]?.take(line);
    else if (this.#lines.push(line) > maxLines) this.#lines.shift();
  }

  /** Returns the line of this answer, or undefined if none comes within this many milliseconds. */
  take(answered: Answered, withinMs: number): Promise<FunctionLine | undefined> {
    const at = this.#lines.findIndex((line) => belongs(line, answered));
    if (at >= 0) return Promise.resolve(this.#lines.splice(at, 1)[0]);
    return new Promise((resolve) => {
      const waiting = {
        answered,
        take: (line: FunctionLine) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(undefined);
      }, withinMs);
      this.#waiting.push(waiting);
    });
  }
}

function belongs(line: FunctionLine, { outcome, code }: Answered): boolean {
  return line.outcome === outcome && (code === undefined || code === (line.reason ?? line.fault));
}
