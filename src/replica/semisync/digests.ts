import type { LogIndex } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { KvStateMachine } from '../../kv/index.js';
import type { AppliedState } from '../ordered/applied-state.js';
import type { StateDigest } from '../router.js';

/** Positions that are waited for at once; further questions are answered with null. */
const WAITING_MAX = 64;
/** Steps that are taken at once: a state that needs no more is hashed without being frozen. About so many keys, of 500 a step. */
const STEPS_AT_ONCE = 4;
const KEYS_AT_ONCE = 2000;
/** A walk over a large state is given up after this long: nothing is checkpointed nor installed meanwhile. */
const WALK_MS_MAX = 30_000;

export interface DigestsOptions {
  readonly clock: Clock;
  readonly state: AppliedState;
  /** Runs `task`, to its end, while nothing is checkpointed nor installed; false: something is, and it was not begun. */
  hold(task: () => Promise<void>): boolean;
  /** Makes sure that a turn calls `work`. */
  wake(): void;
}

interface Waiting {
  /** Null: whatever is applied when it is begun. */
  readonly index: LogIndex | null;
  readonly deadlineMs: number;
  readonly resolve: (digest: StateDigest | null) => void;
}

/** A frozen state that is being hashed. */
interface Walk {
  readonly kv: KvStateMachine;
  readonly steps: Iterator<undefined, string>;
  readonly head: Omit<StateDigest, 'digest'>;
  readonly waiting: Waiting[];
  readonly deadlineMs: number;
  /** Lets checkpoints go on; with an error, tells why there may be none any more. */
  readonly release: (error?: unknown) => void;
}

/**
 * Hashes of the state at positions of the log that were asked for beforehand: members are compared at the same position
 * (ap.md §1.3.7). A large state is frozen between two entries, as for a checkpoint, and hashed a step per turn, so
 * that the loop goes on. One at a time; where a checkpoint is in the way, positions may pass by without a hash.
 */
export class Digests {
  readonly #options: DigestsOptions;
  #waiting: Waiting[] = [];
  #walk: Walk | null = null;
  #stopped = false;

  constructor(options: DigestsOptions) {
    this.#options = options;
  }

  /** `timeoutMs`: until the position is reached. */
  at(index: LogIndex | null, timeoutMs: number): Promise<StateDigest | null> {
    const passed = index !== null && index < this.#options.state.index;
    if (this.#stopped || passed || this.#waiting.length >= WAITING_MAX) return Promise.resolve(null);
    const deadlineMs = this.#options.clock.monotonicMs() + timeoutMs;
    return new Promise((resolve) => {
      this.#waiting.push({ index, deadlineMs, resolve });
      this.#begin();
    });
  }

  /** Exactly `index` is applied. */
  onApplied(index: LogIndex): void {
    if (this.#waiting.length === 0) return;
    // A snapshot may have jumped over some, or a checkpoint was in the way.
    this.#dismiss((waiting) => waiting.index !== null && waiting.index < index);
    if (this.#waiting.some((waiting) => waiting.index === index)) this.#begin();
  }

  #begin(): void {
    const applied = this.#options.state.index;
    if (!this.#waiting.some(({ index }) => index === null || index === applied)) return;
    if (this.#walk !== null) {
      if (this.#walk.head.index === applied) this.#walk.waiting.push(...this.#take(applied));
      return;
    }
    const { kv } = this.#options.state;
    const head = { index: applied, revision: kv.reader.revision, keys: kv.reader.size };
    const digest = head.keys > KEYS_AT_ONCE ? null : atOnce(kv);
    if (digest !== null) for (const { resolve } of this.#take(applied)) resolve({ ...head, digest });
    else this.#options.hold(() => this.#walkOver(kv, head));
  }

  /** Whoever waits for what is applied now. */
  #take(applied: LogIndex): readonly Waiting[] {
    const here = this.#waiting.filter(({ index }) => index === null || index === applied);
    this.#waiting = this.#waiting.filter(({ index }) => index !== null && index !== applied);
    return here;
  }

  #walkOver(kv: KvStateMachine, head: Omit<StateDigest, 'digest'>): Promise<void> {
    kv.freeze();
    const deadlineMs = this.#options.clock.monotonicMs() + WALK_MS_MAX;
    this.#options.wake();
    return new Promise((resolve, reject) => {
      const release = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      const waiting = [...this.#take(head.index)];
      this.#walk = { kv, steps: kv.frozenDigestSteps(), head, waiting, deadlineMs, release };
    });
  }

  /** Once per round of a turn: the next step of a walk. */
  work(): void {
    const walk = this.#walk;
    if (walk === null) return;
    try {
      const { done, value } = walk.steps.next();
      if (done === true) this.#end(walk, { ...walk.head, digest: value });
      else this.#options.wake();
    } catch (error) {
      this.#end(walk, null, error);
    }
  }

  #end(walk: Walk, digest: StateDigest | null, error?: unknown): void {
    this.#walk = null;
    walk.kv.abandonFreeze();
    walk.release(error);
    for (const { resolve } of walk.waiting) resolve(digest);
  }

  expire(nowMs: number): void {
    if (this.#walk !== null && this.#walk.deadlineMs <= nowMs) this.#end(this.#walk, null);
    if (this.#waiting.length === 0) return;
    this.#begin(); // What was in the way may be over.
    this.#dismiss(({ deadlineMs }) => deadlineMs <= nowMs);
  }

  #dismiss(condition: (waiting: Waiting) => boolean): void {
    const dismissed = this.#waiting.filter(condition);
    if (dismissed.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !condition(waiting));
    for (const { resolve } of dismissed) resolve(null);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#walk !== null) this.#end(this.#walk, null);
    this.#dismiss(() => true);
  }
}

/** Null: it takes longer. */
function atOnce(kv: KvStateMachine): string | null {
  const steps = kv.digestSteps();
  for (let step = 0; step < STEPS_AT_ONCE; step++) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
  return null;
}
