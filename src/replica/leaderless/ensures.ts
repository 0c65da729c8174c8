import { assert } from '../../base/assert.js';
import type { Dot } from '../../base/dot.js';
import type { EnsureOutcome, LeaderlessEvent, Requirement } from '../../engines/leaderless/events.js';

/** How one `ensure` ended. `stopped`: the member has. */
export interface EnsureEnd {
  readonly result: EnsureOutcome['result'] | 'timeout' | 'stopped';
  readonly missing: readonly Dot[];
}

interface Waiting {
  readonly dots: readonly Dot[];
  readonly deadlineMs: number;
  readonly onEnd: (end: EnsureEnd) => void;
}

/**
 * Everything of one member that waits until certain writes are durable at certain members: sessions, levels of writes, and
 * read repair (decision: one mechanism for all). Bounded by the engine, which answers `busy`.
 */
export class Ensures {
  readonly #waiting = new Map<number, Waiting>();
  readonly #step: (event: LeaderlessEvent) => void;
  #nextId = 1;
  #stopped = false;

  constructor(step: (event: LeaderlessEvent) => void) {
    this.#step = step;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** `onEnd` is called once, and before this returns only when the member has stopped. */
  start(dots: readonly Dot[], need: Requirement, deadlineMs: number, onEnd: (end: EnsureEnd) => void): void {
    assert(dots.length > 0, 'somebody waits for something');
    if (this.#stopped) return onEnd({ result: 'stopped', missing: [] });
    const id = this.#nextId++;
    this.#waiting.set(id, { dots, deadlineMs, onEnd });
    this.#step({ type: 'ensure', id, dots, need });
  }

  onOutcome({ id, result, missing }: EnsureOutcome): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return; // Released, and its waiters were told.
    this.#waiting.delete(id);
    waiting.onEnd({ result, missing });
  }

  expire(nowMs: number): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.deadlineMs > nowMs) continue;
      this.#waiting.delete(id);
      this.#step({ type: 'release', id });
      waiting.onEnd({ result: 'timeout', missing: waiting.dots });
    }
  }

  stop(): void {
    this.#stopped = true;
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { onEnd } of all) onEnd({ result: 'stopped', missing: [] });
  }
}
