import type { OriginId, ReplicaId } from '../../base/brand.js';
import { replicaOf } from '../../base/brand.js';
import { FailureDetector } from './failure-detector.js';
import type { Dot, Vector } from './types.js';
import { positionOf, raise, type MutableVector } from './vector.js';

/** Above it a member counts as down. */
export const PHI_DOWN = 8;

interface Flight {
  readonly seq: number;
  readonly bytes: number;
  readonly tick: number;
  /** Of the last of our digests before it. */
  readonly round: number;
}

/** An answered request for batches: what it asked for, and what it lets us send. */
export interface Asked {
  readonly positions: readonly Dot[];
  readonly creditBytes: number;
}

/** One other member, as this one knows it. Everything here may be forgotten at any time, and is told again. */
export class Peer {
  readonly id: ReplicaId;
  readonly detector: FailureDetector;
  /** The link stands, as far as known. */
  up = false;
  /** A digest came since the link stands: `has` is worth something. */
  known = false;
  /** Null: not heard of since we started. */
  origin: OriginId | null = null;
  boot = 0;
  syncing = false;
  /** When its last message came. */
  heardTick = 0;
  /** Durable there. Never falls within one start of its process. */
  has: MutableVector = new Map();
  /** Per origin, the first position that it can still send. */
  first: MutableVector = new Map();
  /** Its row of the matrix: per origin, the counter up to which it has everything (ap.md §1.0.6). Null: never told. */
  row: Map<OriginId, number> | null = null;
  /** Tombstones up to it may be missing there; null: not told. */
  collectedTo: number | null = null;
  /** Origins of which it may soon have more than `has` says. */
  pending: ReadonlySet<OriginId> = new Set();
  /** Of the last of its digests that was not a copy. */
  round = 0;
  /** The last round of ours that it has read. */
  answered = 0;

  /** Highest position on its way there, per origin; only above `has`. */
  readonly sent: MutableVector = new Map();
  /** Its connection keeps up with our own log: new batches are sent as they become durable. */
  follows = false;
  asked: Asked | null = null;
  /** With the next tick it is told what we have. Not at once: what did not take one message may not take that one either. */
  remind = false;
  /** A digest is wanted. */
  digest: { respond: boolean } | null = null;
  /** Origins whose progress it waits to hear of, and what it was told last. */
  readonly acks = new Set<OriginId>();
  readonly acked: MutableVector = new Map();
  ackAgain = false;
  /** Our request that it has not answered. */
  pull: { readonly tick: number; readonly positions: Vector } | null = null;
  /** It had nothing of these when asked: not again before the tick. */
  readonly barren = new Map<OriginId, number>();
  /** Per origin, oldest first. */
  readonly #flights = new Map<OriginId, Flight[]>();
  #flightBytes = 0;

  constructor(id: ReplicaId, expectedTicks: number, tick: number) {
    this.id = id;
    this.detector = new FailureDetector(expectedTicks, tick);
  }

  get flightBytes(): number {
    return this.#flightBytes;
  }

  alive(tick: number): boolean {
    return this.up && this.detector.phi(tick) < PHI_DOWN;
  }

  owns(origin: OriginId): boolean {
    return replicaOf(origin) === this.id;
  }

  /** The next position of `origin` that it neither has nor is being sent is the one after. */
  reach(origin: OriginId): number {
    return Math.max(positionOf(this.has, origin), positionOf(this.sent, origin));
  }

  canServe(origin: OriginId, after: number): boolean {
    return positionOf(this.has, origin) > after && (this.first.get(origin) ?? 1) <= after + 1;
  }

  launch({ origin, seq }: Dot, bytes: number, tick: number, round: number): void {
    raise(this.sent, origin, seq);
    const flights = this.#flights.get(origin) ?? [];
    if (flights.length === 0) this.#flights.set(origin, flights);
    flights.push({ seq, bytes, tick, round });
    this.#flightBytes += bytes;
  }

  /** It has everything of `origin` up to `seq` durably. True when that is news. */
  learn({ origin, seq }: Dot): boolean {
    if (!raise(this.has, origin, seq)) return false;
    if (positionOf(this.sent, origin) <= seq) this.sent.delete(origin);
    const flights = this.#flights.get(origin);
    if (flights === undefined) return true;
    let landed = 0;
    for (let oldest = flights[0]; oldest !== undefined && oldest.seq <= seq; oldest = flights[landed]) {
      this.#flightBytes -= oldest.bytes;
      landed++;
    }
    if (landed === flights.length) this.#flights.delete(origin);
    else flights.splice(0, landed);
    return true;
  }

  /** It has read a digest that left after the batch at `seq`, which it asks for: what was sent does not arrive any more. */
  hasMissed({ origin, seq }: Dot): boolean {
    const flight = this.#flights.get(origin)?.find((flight) => flight.seq >= seq);
    return flight !== undefined && flight.round < this.answered;
  }

  /** True when something has been on its way since before `tick`. */
  overdue(tick: number): boolean {
    for (const [oldest] of this.#flights.values()) if (oldest !== undefined && oldest.tick < tick) return true;
    return false;
  }

  /** Whatever was on its way to it is taken for lost: it asks for what it lacks, once it is told what there is. */
  grounded(): void {
    this.#flights.clear();
    this.#flightBytes = 0;
    this.sent.clear();
    this.follows = false;
    this.remind = true;
  }

  lost(): void {
    this.grounded();
    this.up = false;
    this.known = false;
    this.pull = null;
    this.asked = null;
    this.digest = null;
    this.acks.clear();
    this.acked.clear();
    this.barren.clear();
  }

  wantDigest(respond: boolean): void {
    this.digest = { respond: respond || (this.digest?.respond ?? false) };
  }
}
