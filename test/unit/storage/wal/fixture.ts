import { groupId, logIndex, replicaId, term, type GroupId } from '../../../../src/base/brand.js';
import type { Entry } from '../../../../src/engines/raft/messages.js';
import type { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';
import type { Log, LogRecord } from '../../../../src/storage/storage.js';
import { SegmentedLog, type LogOptions } from '../../../../src/storage/wal/segmented-log.js';
import { pairOf } from '../../../fixtures/membership.js';

export const GROUP = groupId('default', 0);
export const OTHER = groupId('carts', 3);
export const IDENTITY = { cluster: 'test', replica: replicaId('n1') };
export const DIR = '/data/log';

export function openOn(fs: SimulatedFileSystem, options: Partial<LogOptions> = {}): SegmentedLog {
  return SegmentedLog.open({
    fs,
    dir: DIR,
    identity: IDENTITY,
    segmentBytes: 8 * 1024,
    fsync: true,
    preallocateBytes: 1024,
    idleMarkMs: 3_600_000,
    ...options,
  });
}

export function entry(index: number, payload: Uint8Array | string = `payload-${index}`, atTerm = 1): Entry {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return { index: logIndex(index), term: term(atTerm), kind: 'commands', payload: bytes };
}

export function entryRecord(index: number, payload?: Uint8Array | string, group: GroupId = GROUP): LogRecord {
  return { kind: 'entry', group, entry: entry(index, payload) };
}

export function hardState(atTerm: number, vote: string | null = 'n2', group: GroupId = GROUP): LogRecord {
  return {
    kind: 'hardState',
    group,
    hardState: { term: term(atTerm), vote: vote === null ? null : replicaId(vote), commit: logIndex(0) },
    memberships: pairOf('n1', 'n2', 'n3'),
  };
}

/** Of a leader-follower group: its members are fixed. */
export function fixedHardState(atTerm: number, vote: string | null, group: GroupId = GROUP): LogRecord {
  return { ...hardState(atTerm, vote, group), memberships: null } as LogRecord;
}

/** Resolves when the append is done; never when the log failed. */
export function append(log: Log, records: readonly LogRecord[], sync = true): Promise<void> {
  return new Promise((resolve) => log.append(records, sync, resolve));
}

/** Indexes of the entries of a group after recovery. */
export function indexes(log: Log, group: GroupId = GROUP): number[] {
  return (log.recovered.get(group)?.entries ?? []).map((each) => each.index);
}

export function lastIndex(log: Log, group: GroupId = GROUP): number {
  const recovered = log.recovered.get(group);
  return recovered === undefined ? 0 : recovered.baseIndex + recovered.entries.length;
}

export function segments(fs: SimulatedFileSystem): string[] {
  return fs
    .listSync(DIR)
    .filter((name) => name.endsWith('.log'))
    .map((name) => `${DIR}/${name}`);
}

/** A payload of `bytes` bytes that differs from index to index and holds no zeros. */
export function filler(bytes: number, seed: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let state = (seed + 1) * 2_654_435_761;
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    buffer[at] = 1 + ((state >>> 24) % 255);
  }
  return buffer;
}
