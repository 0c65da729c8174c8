import type { Revision, Term } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { RequestOptions } from '../router.js';

/** Requests that wait for what their session has seen; beyond it they are answered `busy`. */
const WAITING_MAX = 1024;

const NO_EPOCH = 0 as Term;

/** How far a state machine is. */
export interface Applied {
  readonly revision: Revision;
  readonly epoch?: Term;
}

interface Waiting {
  readonly revision: Revision;
  readonly epoch: Term;
  readonly deadlineMs: number;
  readonly serve: () => void;
  readonly fail: (error: KvorumError) => void;
}

/**
 * Requests whose session has seen more than is applied here (ap.md §1.2.6: read your writes and monotonic reads, at every
 * replica). A revision that never comes, of a history that was lost, is answered when the wait is over.
 */
export class RevisionWaits {
  readonly #clock: Clock;
  /** How long a request waits at most, and by default. */
  readonly #waitMs: number;
  #waiting: Waiting[] = [];
  #stopped: KvorumError | null = null;

  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Calls `serve` at once when `applied` will do, else as soon as it does; or `fail`. `epoch`: of the last entry that is applied,
   * where sessions know one. A state of an older epoch is another history, whatever its revision.
   */
  whenApplied(
    request: RequestOptions | undefined,
    { revision: applied, epoch: reached = NO_EPOCH }: Applied,
    serve: () => void,
    fail: (error: KvorumError) => void,
  ): void {
    const revision = request?.seen?.revision;
    const epoch = request?.seen?.epoch ?? NO_EPOCH;
    if (revision === undefined || (revision <= applied && epoch <= reached)) return serve();
    if (this.#stopped !== null) return fail(this.#stopped);
    if (this.#waiting.length >= WAITING_MAX) return fail(new KvorumError('busy', 'Too many sessions wait here'));
    const deadlineMs = this.#clock.monotonicMs() + Math.min(request?.waitMs ?? this.#waitMs, this.#waitMs);
    this.#waiting.push({ revision, epoch, deadlineMs, serve, fail });
  }

  onApplied(applied: Revision, reached: Term = NO_EPOCH): void {
    if (this.#waiting.length === 0) return;
    const isSeen = ({ revision, epoch }: Waiting): boolean => revision <= applied && epoch <= reached;
    const served = this.#waiting.filter(isSeen);
    if (served.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !isSeen(waiting));
    for (const { serve } of served) serve();
  }

  expire(nowMs: number, applied: Revision): void {
    if (!this.#waiting.some(({ deadlineMs }) => deadlineMs <= nowMs)) return;
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const { fail, revision } of late) fail(notSeen(revision, applied));
  }

  stop(error: KvorumError): void {
    this.#stopped = error;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { fail } of waiting) fail(error);
  }
}

export function notSeen(need: Revision, have: Revision): KvorumError {
  return new KvorumError(
    'dependencies_not_satisfied',
    `The session has seen revision ${need}, and this replica has applied ${have}`,
    { extra: { missing: [{ have, need }] } },
  );
}
