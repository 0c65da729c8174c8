import { latin1ToBytes } from '../../native-like/bytes/index.js';
import { unreachable } from '../base/assert.js';
import type { Revision } from '../base/brand.js';
import { isInt64, parseInt64 } from './integer.js';
import type { Condition, Item, Operation, OperationResult, OperationStatus, ValueRef } from './types.js';

/** What one operation would do to its key. */
export interface Outcome {
  readonly status: OperationStatus;
  /** The item afterwards; null: deleted; undefined: nothing changes. */
  readonly next: Item | null | undefined;
  readonly integer: bigint | number | null;
}

const FAILED: ReadonlySet<OperationStatus> = new Set<OperationStatus>([
  'unmet',
  'not_an_integer',
  'integer_overflow',
  'value_would_be_too_large',
]);

/** True for an outcome that undoes the whole command. Deleting what is absent is not one. */
export function isFailure(status: OperationStatus): boolean {
  return FAILED.has(status);
}

/** Evaluates `operation` on the item that its key has now; `revision` is what the command gets if it succeeds. */
export function evaluate(operation: Operation, current: Item | null, revision: Revision): Outcome {
  switch (operation.op) {
    case 'put':
      if (!isMet(operation.condition, current)) return failure('unmet');
      return write(current, whole(operation.value), revision, null);
    case 'delete':
      if (!isMet(operation.condition, current)) return failure('unmet');
      if (current === null) return { status: 'absent', next: undefined, integer: null };
      return { status: 'deleted', next: null, integer: null };
    case 'increment':
      return increment(operation.delta, current, revision);
    case 'append':
      return append(operation.value, operation.maxBytes, current, revision);
    default:
      return unreachable(operation);
  }
}

/** The result of an operation that took effect (or, deleting what is absent, had none to take). */
export function succeeded(
  operation: Operation,
  outcome: Outcome,
  before: Item | null,
  revision: Revision,
): OperationResult {
  const wantsPrevious = (operation.op === 'put' || operation.op === 'delete') && operation.returnPrevious === true;
  return {
    status: outcome.status,
    previous: wantsPrevious ? before : null,
    integer: outcome.integer,
    revision: outcome.next === undefined ? (0 as Revision) : revision,
  };
}

const SKIPPED: OperationResult = { status: 'skipped', previous: null, integer: null, revision: 0 as Revision };

/** The results of `count` operations of which the one at `at` failed with `status` (raft.md X4). */
export function failedBatch(
  count: number,
  at: number,
  status: OperationStatus,
  before: Item | null,
): OperationResult[] {
  const results = Array.from({ length: count }, () => SKIPPED);
  results[at] = { ...SKIPPED, status, previous: status === 'unmet' ? before : null };
  return results;
}

function failure(status: OperationStatus): Outcome {
  return { status, next: undefined, integer: null };
}

function whole(value: Uint8Array): ValueRef {
  return { source: value, start: 0, end: value.length };
}

function write(current: Item | null, value: ValueRef, revision: Revision, integer: bigint | number | null): Outcome {
  const { source, start, end } = value;
  const createRevision = current?.createRevision ?? revision;
  const version = (current?.version ?? 0) + 1;
  return {
    status: current === null ? 'created' : 'replaced',
    next: { source, start, end, createRevision, modRevision: revision, version },
    integer,
  };
}

function isMet(condition: Condition | undefined, current: Item | null): boolean {
  if (condition === undefined) return true;
  switch (condition.kind) {
    case 'absent':
      return current === null;
    case 'present':
      return current !== null;
    case 'revision':
      return current !== null && current.modRevision === condition.revision;
    case 'value':
      return current !== null && hasValue(current, condition.value);
    default:
      return unreachable(condition);
  }
}

function hasValue({ source, start, end }: ValueRef, value: Uint8Array): boolean {
  if (end - start !== value.length) return false;
  for (let at = 0; at < value.length; at++) if (source[start + at] !== value[at]) return false;
  return true;
}

function increment(delta: bigint, current: Item | null, revision: Revision): Outcome {
  const before = current === null ? 0n : parseInt64(current.source, current.start, current.end);
  if (before === null) return failure('not_an_integer');
  const sum = before + delta;
  if (!isInt64(sum)) return failure('integer_overflow');
  return write(current, whole(latin1ToBytes(sum.toString())), revision, sum);
}

function append(value: Uint8Array, maxBytes: number, current: Item | null, revision: Revision): Outcome {
  const kept = current === null ? 0 : current.end - current.start;
  const length = kept + value.length;
  if (length > maxBytes) return failure('value_would_be_too_large');
  const joined = new Uint8Array(length);
  if (current !== null) joined.set(current.source.subarray(current.start, current.end));
  joined.set(value, kept);
  return write(current, whole(joined), revision, length);
}
