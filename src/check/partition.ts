import { KvorumError } from '../base/errors/error.js';
import type { Model } from './model.js';
import { standingOf, type Operation } from './operation.js';

/** The operations of one key that say something about its value. */
export interface Partition {
  readonly key: string;
  readonly operations: readonly Operation[];
}

/**
 * Splits a history by key: it is linearizable exactly when the history of every key is, as long as every operation
 * concerns one key (reliability.md §4.1). Throws `history_invalid` for an operation that the model does not know.
 */
export function partitionByKey(operations: readonly Operation[], model: Model): Partition[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const { call, key, kind, line, return: end } = operation;
    const where = line === undefined ? `${kind} of ${JSON.stringify(key)}` : `line ${line}`;
    if (!model.kinds.includes(kind)) {
      throw new KvorumError(
        'history_invalid',
        `${where}: the model ${model.name} has no operation ${kind}; it has ${model.kinds.join(', ')}`,
      );
    }
    if (end !== null && end < call) throw new KvorumError('history_invalid', `${where}: returned before its call`);
    if (standingOf(operation) === 'silent') continue;
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [operation]);
    else known.push(operation);
  }
  return Array.from(byKey, ([key, operations]) => ({ key, operations }));
}
