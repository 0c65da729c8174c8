import type { OriginId } from './brand.js';

/** One position of one origin's log: a write of a leaderless keyspace is named by it. */
export interface Dot {
  readonly origin: OriginId;
  /** 1, 2, 3, … per origin, without a hole. A safe integer. */
  readonly seq: number;
}

/** Per origin, the highest position up to which everything is there. An origin that is missing stands at 0. */
export type Vector = ReadonlyMap<OriginId, number>;

/** A Lamport time; ties are broken by the bytes of the origin (ap.md §1.0.2). Unique: no origin uses a counter twice. */
export interface Timestamp {
  readonly counter: number;
  readonly origin: OriginId;
}

/** True when `vector` reaches `dot`. */
export function covers(vector: Vector, { origin, seq }: Dot): boolean {
  return (vector.get(origin) ?? 0) >= seq;
}

/** Negative when `a` is older. Zero only for the same write. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  if (a.origin === b.origin) return 0;
  return a.origin < b.origin ? -1 : 1;
}
