// What becomes of a question. *Reason* belongs to a refusal and *fault* to "unavailable"; both are the `code` here.

export type Outcome =
  | { readonly outcome: "allowed" }
  | { readonly outcome: "refused"; readonly code: string }
  /** There is no verdict. `detail` says more, and holds nothing of the question. */
  | { readonly outcome: "unavailable"; readonly code: string; readonly detail: string };

export function unavailable(code: string, detail = ""): Outcome {
  return { outcome: "unavailable", code, detail };
}
