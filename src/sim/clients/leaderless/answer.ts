import type { Dot, Vector } from '../../../base/dot.js';
import type { ErrorCode, RetryHint } from '../../../base/errors/catalogue.js';
import type { NoAnswer } from '../courier.js';

/** What a read showed. */
export interface Shown {
  /** The visible values, newest first: more than one only where siblings are kept. */
  readonly values: readonly { readonly value: string; readonly dot: Dot }[];
  /** Every version of the key that the replica holds, deletes too; null: it knows nothing of it. */
  readonly dots: readonly Dot[] | null;
  /** Lamport counter of the newest version. */
  readonly counter: number;
}

/** What a client of a keyspace without a leader hears about one attempt. */
export type LeaderlessAnswer =
  | {
      readonly type: 'written';
      /** Null: there was nothing to be deleted, and nothing was written. */
      readonly dot: Dot | null;
      readonly counter: number;
      /** What the replica had applied. For checkers: no client is told. */
      readonly vector: Vector;
    }
  | { readonly type: 'read'; readonly shown: Shown; readonly vector: Vector }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly hint: RetryHint }
  | NoAnswer
  | { readonly type: 'timeout' };

export function isUnknown(answer: LeaderlessAnswer): boolean {
  if (answer.type === 'error') return answer.hint === 'outcome-unknown';
  return answer.type === 'lost' || answer.type === 'timeout';
}
