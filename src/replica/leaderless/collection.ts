import type { Clock } from '../../base/clock.js';
import type { DottedStateMachine } from '../../kv/dotted/types.js';
import type { LeaderlessStats } from './stats.js';

/** Tombstones collected at a time, so that a large collection delays nobody. */
const COLLECT_AT_ONCE = 2000;
/** How often expired values are looked for when nothing else is to be collected. */
const COLLECT_EXPIRED_MS = 1000;

export interface CollectionOptions {
  readonly kv: DottedStateMachine;
  readonly clock: Clock;
  readonly stats: LeaderlessStats;
  /** Tombstones up to `counter` are gone. */
  readonly onCollected: (counter: number) => void;
}

/** Takes out, in slices, what every member has seen deleted or expired (ap.md §1.0.6). */
export class Collection {
  readonly #options: CollectionOptions;
  #counter: number | null = null;
  #nextMs = 0;

  constructor(options: CollectionOptions) {
    this.#options = options;
  }

  /** Everything up to `counter` is stable. */
  collectTo(counter: number): void {
    this.#counter = counter;
  }

  /** Once per tick. Also takes what has expired since it became stable: its time alone decides. */
  run(nowMs: number): void {
    if (this.#counter === null && nowMs < this.#nextMs) return;
    const { clock, kv, onCollected, stats } = this.#options;
    this.#nextMs = nowMs + COLLECT_EXPIRED_MS;
    const before = kv.tombstones.count;
    const counter = this.#counter ?? kv.collectedTo;
    const done = kv.collect(counter, clock.wallMs(), COLLECT_AT_ONCE);
    stats.tombstonesCollected += Math.max(0, before - kv.tombstones.count);
    if (!done || this.#counter === null) return;
    this.#counter = null;
    onCollected(counter);
  }
}
