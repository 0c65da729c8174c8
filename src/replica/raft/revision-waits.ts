import type { Revision } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import type { RequestOptions } from '../router.js';

/** Requests that wait for what their session has seen; beyond it they are answered `busy`. */
const WAITING_MAX = 1024;

interface Waiting {
  readonly revision: Revision;
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

  /** Calls `serve` at once when `applied` will do, else as soon as it does; or `fail`. */
  whenApplied(
    request: RequestOptions | undefined,
    applied: Revision,
    serve: () => void,
    fail: (error: KvorumError) => void,
  ): void {
    const revision = request?.seen?.revision;
    if (revision === undefined || revision <= applied) return serve();
    if (this.#stopped !== null) return fail(this.#stopped);
    if (this.#waiting.length >= WAITING_MAX) return fail(new KvorumError('busy', 'Too many sessions wait here'));
    const deadlineMs = this.#clock.monotonicMs() + Math.min(request?.waitMs ?? this.#waitMs, this.#waitMs);
    this.#waiting.push({ revision, deadlineMs, serve, fail });
  }

  onApplied(applied: Revision): void {
    if (this.#waiting.length === 0) return;
    const served = this.#waiting.filter(({ revision }) => revision <= applied);
    if (served.length === 0) return;
    this.#waiting = this.#waiting.filter(({ revision }) => revision > applied);
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
