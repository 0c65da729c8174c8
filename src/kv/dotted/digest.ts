import type { Vector } from '../../base/dot.js';
import { Hasher } from '../hasher.js';
import { isTombstone, versionsOf, type Version } from './item.js';
import type { DottedState } from './state.js';

/**
 * A hash over everything that decides about later results. Equal at equal vectors and collectedTo, whatever the order of
 * batches and checkpoints: what members collect by their own clocks, values that expire up to collectedTo, is left out.
 */
export function digestOf(state: DottedState, vector: Vector, counter: number): string {
  const hasher = new Hasher();
  const { collectedTo } = state;
  for (const [origin, seq] of [...vector].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hasher.text(origin);
    hasher.number(seq);
  }
  hasher.number(counter);
  hasher.number(collectedTo);
  const cursor = state.items.cursor('', null);
  try {
    for (; cursor.key !== null; cursor.advance()) {
      const { key, value } = cursor;
      for (const version of versionsOf(value)) {
        const isLasting = version.expiresAtMs === 0 && !isTombstone(version);
        if (isLasting || version.counter > collectedTo) hashVersion(hasher, key, version);
      }
      for (const { origin, seq } of value.pending ?? []) {
        hasher.text(origin);
        hasher.number(seq);
      }
    }
  } finally {
    cursor.close();
  }
  return hasher.hex();
}

function hashVersion(hasher: Hasher, key: string, version: Version): void {
  const { write, counter, expiresAtMs, source, start, end } = version;
  hasher.text(key);
  hasher.text(write.origin);
  for (const value of [write.seq, counter, expiresAtMs, isTombstone(version) ? 1 : 0]) hasher.number(value);
  hasher.bytes(source, start, end);
}
