import { unreachable } from '../../base/assert.js';
import type { ErrorCode, RetryHint } from '../../base/errors/catalogue.js';
import type { KvorumError } from '../../base/errors/error.js';
import type { Value } from '../../check/index.js';
import type { ReplicaId } from '../../base/brand.js';
import type { CommandResult, OperationStatus } from '../../kv/types.js';

/** What a client hears about one attempt. */
export type Answer =
  | {
      readonly type: 'written';
      readonly status: OperationStatus;
      /** The new sum of an increment. */
      readonly integer: number | null;
      readonly revision: number;
      /** Where there is a write quorum: the epoch of what the replica has applied. */
      readonly epoch?: number;
    }
  | {
      readonly type: 'read';
      readonly value: Value;
      readonly revision: number;
      readonly itemRevision: number;
      readonly epoch?: number;
    }
  /** The session refused it. */
  | { readonly type: 'session'; readonly error: NonNullable<CommandResult['error']> }
  | {
      readonly type: 'error';
      readonly code: ErrorCode;
      readonly hint: RetryHint;
      /** Where there is a write quorum: whom the replica takes for the leader. */
      readonly leader?: ReplicaId | null;
    }
  /** Nobody listens there. */
  | { readonly type: 'refused' }
  /** The connection broke while the request was on its way. */
  | { readonly type: 'lost' }
  | { readonly type: 'timeout' };

/**
 * What an answer says about the request that it answers: it was carried out, it certainly was not and never will be, or
 * nobody can tell (reliability.md §0.7).
 */
export type Certainty = 'done' | 'not-done' | 'unknown';

export function certaintyOf(answer: Answer): Certainty {
  switch (answer.type) {
    case 'written':
    case 'read':
      return 'done';
    case 'session':
    case 'refused':
      return 'not-done';
    case 'error':
      return answer.hint === 'outcome-unknown' ? 'unknown' : 'not-done';
    case 'lost':
    case 'timeout':
      return 'unknown';
    default:
      return unreachable(answer);
  }
}

/**
 * Of an operation that was attempted before: was it carried out? A refused attempt says nothing of the earlier ones,
 * with one exception: another request took this sequence number, so that none of ours ever can.
 */
export function certaintyAfter(answer: Answer, mayHaveHappened: boolean): Certainty {
  const certainty = certaintyOf(answer);
  if (certainty !== 'not-done' || !mayHaveHappened) return certainty;
  return answer.type === 'session' && answer.error === 'session_conflict' ? 'not-done' : 'unknown';
}

/** True when sending it again is the thing to do. */
export function worthRetrying(answer: Answer): boolean {
  if (answer.type === 'session') return false;
  return answer.type !== 'error' || answer.hint !== 'never';
}

export function answerOfResult(result: CommandResult): Answer {
  if (result.error !== null) return { type: 'session', error: result.error };
  const [first] = result.operations;
  return {
    type: 'written',
    status: first?.status ?? 'skipped',
    integer: first?.integer === null || first?.integer === undefined ? null : Number(first.integer),
    revision: result.revision,
  };
}

export function answerOfError({ code, spec }: KvorumError): Extract<Answer, { type: 'error' }> {
  return { type: 'error', code, hint: spec.retry };
}
