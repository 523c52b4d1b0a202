// The names of the placements. They stand apart from the placements so that checking a name does not load those.

/** What SESSION_PLACEMENT can be: docs/sessions.md names the settings of PHP that each stands for. */
export const placementModes = [
  "ketama",
  "ketama-weighted",
  "modula",
  "pecl-consistent",
  "pecl-consistent-fnv",
  "pecl-standard",
  "pecl-standard-fnv",
  "client-modula",
  "client-ketama",
  "client-ketama-weighted",
] as const;

export type PlacementMode = (typeof placementModes)[number];
