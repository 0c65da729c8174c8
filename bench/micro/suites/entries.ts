import { groupId, indexAfter, logIndex, replicaId, term, type LogIndex } from '../../../src/base/brand.js';
import type { AppendRequest, Entry } from '../../../src/engines/raft/messages.js';

export const GROUP = groupId('default', 0);
export const LEADER = replicaId('n1');
export const FOLLOWERS = [replicaId('n2'), replicaId('n3')] as const;
export const TERM = term(1);

/** Entries behind `after`, all with the same payload: nothing on the way looks into it. */
export function entriesAfter(after: LogIndex, count: number, payload: Uint8Array): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: indexAfter(after, at + 1),
    term: TERM,
    kind: 'commands' as const,
    payload,
  }));
}

export function appendRequest(entries: readonly Entry[], prevIndex: LogIndex, to = FOLLOWERS[0]): AppendRequest {
  const prevTerm = prevIndex === 0 ? term(0) : TERM;
  return { type: 'appendRequest', from: LEADER, to, term: TERM, prevIndex, prevTerm, commit: logIndex(0), entries };
}

/** Bytes that look like nothing in particular. */
export function payloadOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 31 + 7) & 0xff);
}

export function sizeLabel(size: number): string {
  return size < 1024 ? `${size} B` : `${size / 1024} KiB`;
}
