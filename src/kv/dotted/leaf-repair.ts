import { compareVersions, isTombstone, versionsOf, type DottedItem } from './item.js';
import { decodePiece, PieceWriter } from './pieces.js';
import type { DottedState } from './state.js';

/** All items of `leaves`. Reads every key: for the rare case that two members differ at the same vector. */
export function itemsOfLeaves(state: DottedState, leaves: readonly number[]): Uint8Array {
  const wanted = new Set(leaves);
  const writer = new PieceWriter();
  const cursor = state.items.cursor('', null);
  try {
    for (; cursor.key !== null; cursor.advance()) {
      const { key, value } = cursor;
      if (versionsOf(value).some((version) => wanted.has(state.leaves.leafOf(version)))) writer.add(key, value);
    }
  } finally {
    cursor.close();
  }
  return writer.take();
}

/**
 * Takes what another member has at the same vector and this one should have (ap.md §1.0.7): versions that are newer than
 * ours, and those of keys that we know nothing of while a delete of them would still be here. Others, of keys that may
 * have been deleted and collected, are left alone: which side is wrong can't be told, and nothing may come back to life.
 */
export function repairItems(state: DottedState, items: Uint8Array, adopt: (item: DottedItem) => void): number {
  let repaired = 0;
  for (const [key, theirs] of decodePiece(items).items) {
    const mine = state.items.find(key);
    if (mine === null && theirs.counter <= state.collectedTo) continue;
    const merged = mine === null ? theirs : newer(mine, theirs, state.collectedTo);
    if (merged === mine) continue;
    adopt(merged);
    state.replace(key, mine, merged);
    repaired++;
  }
  return repaired;
}

/** With siblings, the side that has the newest write has seen more. */
function newer(mine: DottedItem, theirs: DottedItem, collectedTo: number): DottedItem {
  if (compareVersions(theirs, mine) <= 0) return mine;
  return isTombstone(theirs) && theirs.counter <= collectedTo ? mine : theirs;
}
