/** Sorts of events, as numbers for the hash over everything that happens. */
export const EVENT = {
  world: 0,
  turn: 1,
  timer: 2,
  disk: 3,
  frame: 4,
  link: 5,
  start: 6,
  resume: 7,
} as const;

export type EventKind = (typeof EVENT)[keyof typeof EVENT];
