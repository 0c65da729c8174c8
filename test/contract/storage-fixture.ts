import { groupId, logIndex, term } from '../../src/base/brand.js';
import type {
  CheckpointChange,
  CheckpointMark,
  CheckpointStore,
  LogRecord,
  Storage,
} from '../../src/storage/storage.js';
import { formedBy } from '../fixtures/membership.js';

export const GROUP = groupId('default', 0);

export interface StorageUnderTest {
  readonly storage: Storage;
  /** Closes and opens again; null where nothing is kept. */
  readonly reopen: (() => Promise<Storage>) | null;
}

export function markAt(index: number, meta = 'meta'): CheckpointMark {
  return {
    index: logIndex(index),
    term: term(2),
    membership: formedBy('n1', 'n2'),
    meta: Buffer.from(meta),
  };
}

export function pairs(store: CheckpointStore, start = '', end: string | null = null): [string, string][] {
  return [...store.range(start, end)].map(([key, value]) => [key, Buffer.from(value).toString('latin1')]);
}

export function put(key: string, value: string): CheckpointChange {
  return [key, Buffer.from(value, 'latin1')];
}

export function entryRecord(index: number): LogRecord {
  const entry = { index: logIndex(index), term: term(1), kind: 'commands', payload: Buffer.from(`p${index}`) } as const;
  return { kind: 'entry', group: GROUP, entry };
}

export function thousandPairs(size: number): CheckpointChange[] {
  return Array.from({ length: 1000 }, (_, at) => put(`k${String(at).padStart(4, '0')}`, 'v'.repeat(size + (at % 7))));
}

export function pieces(store: CheckpointStore, maxBytes: number): Uint8Array[] {
  const source = store.openSnapshot();
  const all: Uint8Array[] = [];
  for (let piece = source.next(maxBytes); piece !== null; piece = source.next(maxBytes)) all.push(piece);
  source.close();
  return all;
}
