/** What a run does; plain data, so that it can be handed to a thread (structured clone) and written into a report. */
export interface WorkloadSettings {
  /** How requests are spoken: `resp`, `http`, or the URL of a module with `createLaneFactory` (drivers.ts). */
  readonly driver: string;
  /** Null: the default keyspace. */
  readonly keyspace: string | null;
  /** Connections, of all threads together. */
  readonly clients: number;
  /** Requests that a connection keeps in flight. */
  readonly pipeline: number;
  readonly threads: number;
  /** Operations per second of all threads, sent when they are due (open loop). Null: as fast as answers come. */
  readonly rate: number | null;
  readonly mix: Mix;
  readonly distribution: Distribution;
  /** Keys that exist when the run begins; inserts add more. */
  readonly keys: number;
  readonly valueBytes: ByteRange;
  readonly seed: number;
  /** Before the measurement; nothing of it is counted. */
  readonly warmUpSeconds: number;
  /** How long is measured; null: until `operations` are done. */
  readonly seconds: number | null;
  readonly operations: number | null;
  /** A request without an answer for so long costs the connection. */
  readonly timeoutMs: number;
  /** Redis: each burst of writes is followed by `WAIT n 0`, and done when that is answered. 0: no WAIT. */
  readonly waitReplicas: number;
}

export interface ByteRange {
  readonly min: number;
  readonly max: number;
}

/** Shares of the operations, adding up to 1. */
export interface Mix {
  readonly read: number;
  readonly update: number;
  readonly insert: number;
  readonly scan: number;
  /** Read, then write the same key: one operation, timed as one. */
  readonly readModifyWrite: number;
}

export const DISTRIBUTIONS = ['uniform', 'zipfian', 'sequential', 'latest'] as const;
export type Distribution = (typeof DISTRIBUTIONS)[number];

/** Where connections go. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The replica's id, or the address where no id is known. */
  readonly name: string;
}

/** Bounds of what a run may ask for; each keeps memory or counters within what they were made for. */
export const WORKLOAD_LIMITS = {
  /** File descriptors of one process. */
  clients: 10_000,
  /** As many unanswered commands as a replica takes from one connection (docs/redis.md). */
  pipeline: 10_000,
  /** Slots of all connections together: two rings of 8 bytes each, and as many operations to account for at the end. */
  inFlight: 1_000_000,
  threads: 64,
  /** The counter that threads share has 31 bits; inserts of the run come on top. */
  keys: 1_000_000_000,
  valueBytes: 8 * 1024 * 1024,
  rate: 10_000_000,
  seconds: 7 * 24 * 3600,
  /** Keys in one scan, as YCSB draws them: 1 to 100. */
  scanKeys: 100,
} as const;

const NOTHING: Mix = { read: 0, update: 0, insert: 0, scan: 0, readModifyWrite: 0 };

/** The core workloads of YCSB (Cooper et al., SoCC 2010), with the distribution that belongs to each. */
export const YCSB_MIXES = {
  a: { mix: { ...NOTHING, read: 0.5, update: 0.5 }, distribution: 'zipfian' },
  b: { mix: { ...NOTHING, read: 0.95, update: 0.05 }, distribution: 'zipfian' },
  c: { mix: { ...NOTHING, read: 1 }, distribution: 'zipfian' },
  d: { mix: { ...NOTHING, read: 0.95, insert: 0.05 }, distribution: 'latest' },
  e: { mix: { ...NOTHING, scan: 0.95, insert: 0.05 }, distribution: 'zipfian' },
  f: { mix: { ...NOTHING, read: 0.5, readModifyWrite: 0.5 }, distribution: 'zipfian' },
} as const satisfies Record<string, { readonly mix: Mix; readonly distribution: Distribution }>;

export type MixName = keyof typeof YCSB_MIXES;

/** Reads and updates only. */
export function mixOfReads(readRatio: number): Mix {
  return { ...NOTHING, read: readRatio, update: 1 - readRatio };
}

/** The part of `total` that falls to `thread`; the first ones take what does not divide. */
export function shareOf(total: number, thread: number, threads: number): number {
  return Math.floor(total / threads) + (thread < total % threads ? 1 : 0);
}
