import { assert } from '../base/assert.js';
import { Hasher } from './hasher.js';
import type { Sessions } from './sessions.js';
import type { Item, KeyString, ScanOptions, ScanPage } from './types.js';

/** What one step hashes: about a millisecond, far below a heartbeat. */
const PAGE = { limit: 500, maxBytes: 256 * 1024 } as const;

export interface DigestedState {
  readonly revision: number;
  readonly size: number;
  scan(options: ScanOptions): ScanPage;
}

/**
 * A hash over everything that decides about later results: all live items in key order, and the sessions as they are now.
 * A step per call of `next`; what `scan` shows must not change in between.
 */
export function digestSteps(state: DigestedState, sessions: Sessions): Iterator<undefined, string> {
  const hasher = new Hasher();
  return steps(hasher, state, sessions.hashing(hasher));
}

function* steps(
  hasher: Hasher,
  state: DigestedState,
  sessions: Iterator<undefined, void>,
): Generator<undefined, string> {
  hasher.number(state.revision);
  hasher.number(state.size);
  let count = 0;
  for (let start: KeyString | null = ''; start !== null;) {
    const page: ScanPage = state.scan({ start, end: null, ...PAGE });
    for (const [key, item] of page.items) hashItem(hasher, key, item);
    count += page.items.length;
    start = page.next;
    if (start !== null) yield;
  }
  assert(count === state.size, 'the size is the number of live keys');
  while (sessions.next().done !== true) yield;
  return hasher.hex();
}

function hashItem(hasher: Hasher, key: KeyString, item: Item): void {
  hasher.text(key);
  for (const value of [item.createRevision, item.modRevision, item.version]) hasher.number(value);
  hasher.bytes(item.source, item.start, item.end);
}
