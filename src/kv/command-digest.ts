import { Hasher } from './hasher.js';
import { OPERATION_KINDS } from './command-fields.js';
import type { Condition, Operation } from './types.js';

const CONDITION_KINDS = ['absent', 'present', 'revision', 'value'] as const;

/**
 * Tells a second delivery of a request from another request under the same sequence number. By meaning, not by bytes: the
 * retry may be encoded by a replica of another version, and with another valueBytes limit in force.
 */
export function digestOperations(operations: readonly Operation[]): number {
  const hasher = new Hasher();
  hasher.number(operations.length);
  for (const operation of operations) addOperation(hasher, operation);
  return hasher.uint53();
}

function addOperation(hasher: Hasher, operation: Operation): void {
  hasher.number(OPERATION_KINDS.indexOf(operation.op));
  hasher.text(operation.key);
  switch (operation.op) {
    case 'put':
      hasher.bytes(operation.value);
      addOptions(hasher, operation);
      return;
    case 'delete':
      addOptions(hasher, operation);
      return;
    case 'increment':
      hasher.text(operation.delta.toString());
      return;
    case 'append':
      hasher.bytes(operation.value);
  }
}

function addOptions(hasher: Hasher, operation: Operation & { readonly op: 'put' | 'delete' }): void {
  hasher.number(operation.returnPrevious === true ? 1 : 0);
  if (operation.condition === undefined) hasher.number(0);
  else addCondition(hasher, operation.condition);
  if (operation.op === 'put' && operation.expiresAtMs !== undefined) hasher.number(operation.expiresAtMs);
  for (const { origin, seq } of operation.context ?? []) {
    hasher.text(origin);
    hasher.number(seq);
  }
}

function addCondition(hasher: Hasher, condition: Condition): void {
  hasher.number(CONDITION_KINDS.indexOf(condition.kind) + 1);
  if (condition.kind === 'revision') hasher.number(condition.revision);
  else if (condition.kind === 'value') hasher.bytes(condition.value);
}
