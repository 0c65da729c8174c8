import { replicaOf, type ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { Dot, Vector } from '../../base/dot.js';
import { KvorumError } from '../../base/errors/error.js';
import { unmet } from '../../kv/dotted/merge.js';
import type { RequestOptions, WriteOptions } from '../router.js';
import type { EnsureEnd, Ensures } from './ensures.js';
import type { LeaderlessStats } from './stats.js';

/** Requests that wait for what their session has seen; beyond it they are answered `busy` (ap.md §1.2.5). */
const WAITING_MAX = 1024;
const NOTHING: readonly Dot[] = [];

export interface SessionsOptions {
  readonly self: ReplicaId;
  readonly clock: Clock;
  readonly ensures: Ensures;
  readonly stats: LeaderlessStats;
  /** How long a request waits at most, and by default. */
  readonly waitMs: number;
  /** What is applied here. */
  vector(): Vector;
  stopped(): KvorumError;
}

/** Makes a request wait until this replica has what its client has seen elsewhere (ap.md §1.2.5). */
export class Sessions {
  readonly #options: SessionsOptions;
  #waiting = 0;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * What of it is not here. A context counts as well: taken ahead of what it speaks of, it would wait at its key for
   * writes to drop.
   */
  missing(options: Pick<WriteOptions, 'context' | 'seen'> | undefined): readonly Dot[] {
    const seen = options?.seen?.dots ?? NOTHING;
    const context = options?.context ?? NOTHING;
    if (seen.length === 0 && context.length === 0) return NOTHING;
    return unmet([...seen, ...context], this.#options.vector());
  }

  /** Fetches `dots`; exactly one of the two is called. */
  wait(
    dots: readonly Dot[],
    request: RequestOptions | undefined,
    onCovered: () => void,
    onError: (error: KvorumError) => void,
  ): void {
    const { clock, ensures, self, stats, waitMs } = this.#options;
    if (this.#waiting >= WAITING_MAX) {
      onError(new KvorumError('busy', 'Too many requests wait for what their sessions have seen'));
      return;
    }
    const startMs = clock.monotonicMs();
    const deadlineMs = startMs + Math.min(request?.waitMs ?? waitMs, waitMs);
    this.#waiting++;
    stats.dependencyWaits++;
    ensures.start(dots, [{ members: [self], count: 1 }], deadlineMs, (end) => {
      this.#waiting--;
      stats.dependencyWaitMs += clock.monotonicMs() - startMs;
      // Merged by a full sync that is not durable yet: what comes now is served as well, and nothing of it is lost.
      const mayBeHere = end.result === 'timeout' || end.result === 'lost';
      if (end.result === 'covered' || (mayBeHere && this.#isHere(dots))) onCovered();
      else onError(this.#refusal(end, dots));
    });
  }

  #isHere(dots: readonly Dot[]): boolean {
    return unmet(dots, this.#options.vector()).length === 0;
  }

  #refusal({ result, missing }: EnsureEnd, dots: readonly Dot[]): KvorumError {
    const vector = this.#options.vector();
    const lacks = (missing.length > 0 ? missing : dots).map(({ origin, seq }) => ({
      replica: replicaOf(origin),
      have: vector.get(origin) ?? 0,
      need: seq,
    }));
    if (result === 'lost') return new KvorumError('causal_history_lost', undefined, { extra: { missing: lacks } });
    if (result === 'busy') return new KvorumError('busy', 'Too many requests wait for what their sessions have seen');
    if (result === 'stopped') return this.#options.stopped();
    this.#options.stats.dependencyTimeouts++;
    return new KvorumError('dependencies_not_satisfied', undefined, { extra: { missing: lacks } });
  }
}
