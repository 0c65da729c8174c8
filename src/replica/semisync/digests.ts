import type { LogIndex } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { StateDigest } from '../router.js';

/** Positions that are waited for at once; further questions are answered with null. */
const WAITING_MAX = 64;

interface Waiting {
  readonly index: LogIndex;
  readonly deadlineMs: number;
  readonly resolve: (digest: StateDigest | null) => void;
}

/**
 * Hashes of the state at positions of the log that were asked for beforehand: members are compared at the same position
 * (ap.md §1.3.7). Reads everything, between two entries.
 */
export class Digests {
  readonly #clock: Clock;
  readonly #compute: () => StateDigest;
  #waiting: Waiting[] = [];
  #stopped = false;

  constructor(clock: Clock, compute: () => StateDigest) {
    this.#clock = clock;
    this.#compute = compute;
  }

  at(index: LogIndex | null, applied: LogIndex, timeoutMs: number): Promise<StateDigest | null> {
    if (index === null || index === applied) return Promise.resolve(this.#compute());
    if (this.#stopped || index < applied || this.#waiting.length >= WAITING_MAX) return Promise.resolve(null);
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    return new Promise((resolve) => this.#waiting.push({ index, deadlineMs, resolve }));
  }

  /** Exactly `index` is applied. */
  onApplied(index: LogIndex): void {
    if (this.#waiting.length === 0) return;
    const reached = this.#waiting.filter((waiting) => waiting.index <= index);
    if (reached.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => waiting.index > index);
    const digest = reached.some((waiting) => waiting.index === index) ? this.#compute() : null;
    // A snapshot may have jumped over the others.
    for (const { index: at, resolve } of reached) resolve(at === index ? digest : null);
  }

  expire(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const { resolve } of late) resolve(null);
  }

  stop(): void {
    this.#stopped = true;
    this.expire(Number.POSITIVE_INFINITY);
  }
}
