// The answer of the contract: what the function says to the relay.
//
//   200  {"allow":true} / {"allow":false}     ; a verdict
//   400  {"error": breach}                    ; the request broke the contract (login-request.ts)
//   503  {"error":"unavailable"}              ; no verdict could be reached; why stands in the function's log

export interface Answer {
  readonly status: 200 | 400 | 503;
  /** JSON text. */
  readonly body: string;
}

/**
 * Gives true for a proven yes, false for a verdict of no, and undefined for whatever is no verdict at all.
 * Throws nothing. The body is taken to the letter: one member `allow`, a JSON boolean.
 */
export function parseVerdict(status: number, body: string): boolean | undefined {
  if (status !== 200) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const members = Object.entries(parsed);
  const [first] = members;
  if (members.length !== 1 || first === undefined || first[0] !== "allow") return undefined;
  return typeof first[1] === "boolean" ? first[1] : undefined;
}
