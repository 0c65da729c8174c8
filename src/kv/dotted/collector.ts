import { assert } from '../../base/assert.js';
import type { KeyString } from '../types.js';
import { isExpired, isTombstone, itemOf, versionsOf, type DottedItem } from './item.js';
import { markKey, parseMark } from './records.js';
import type { DottedState } from './state.js';

/**
 * Takes out tombstones and expired values with counters up to `counter`, which everybody has (ap.md §1.0.6); values that
 * expire later are marked to go by their time alone. `collectedTo` rises as far as that was done, so that range hashes of
 * members that stand at the same one are comparable at any moment. True when nothing is left to do.
 */
export function collect(state: DottedState, counter: number, nowMs: number, limit: number): boolean {
  assert(limit >= 1, 'collecting gets on');
  const to = Math.max(counter, state.collectedTo);
  const stable = walk(state.garbage.cursor('', markKey(to + 1, '')), limit);
  const upTo = stable.isDone ? to : stable.last;
  if (stable.keys.size > 0 || upTo > state.collectedTo) removeFrom(state, stable.keys, upTo, nowMs);
  if (!stable.isDone) return false;
  const expired = walk(state.expiring.cursor('', markKey(nowMs + 1, '')), limit);
  if (expired.keys.size > 0) removeFrom(state, expired.keys, upTo, nowMs);
  return expired.isDone;
}

type MarkCursor = ReturnType<DottedState['garbage']['cursor']>;

/** Keys of at least `limit` marks: those of one number are never parted. `last`: the number of the last mark. */
function walk(cursor: MarkCursor, limit: number): { keys: Set<KeyString>; last: number; isDone: boolean } {
  const keys = new Set<KeyString>();
  let last = 0;
  try {
    for (; cursor.key !== null; cursor.advance()) {
      const { number, key } = parseMark(cursor.key);
      if (keys.size >= limit && number !== last) return { keys, last, isDone: false };
      keys.add(key);
      last = number;
    }
    return { keys, last, isDone: true };
  } finally {
    cursor.close();
  }
}

function removeFrom(state: DottedState, keys: ReadonlySet<KeyString>, upTo: number, nowMs: number): void {
  const changes = new Map<KeyString, DottedItem | null>();
  for (const key of keys) {
    const item = state.items.find(key);
    assert(item !== null, 'a mark belongs to an item');
    const kept = versionsOf(item).filter(
      (version) => version.counter > upTo || !(isTombstone(version) || isExpired(version, nowMs)),
    );
    changes.set(key, itemOf(kept, item.pending));
  }
  state.collect(Math.max(upTo, state.collectedTo), changes);
}
