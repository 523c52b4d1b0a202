/** Writes a line of the function's log: codes and counts only. */
export type Report = (
  level: "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, string | number>>,
) => void;
