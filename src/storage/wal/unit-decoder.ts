import { logIndex, replicaId, term, type GroupId, type LogIndex } from '../../base/brand.js';
import type { HardState } from '../../engines/raft/events.js';
import type { MembershipPair } from '../../engines/raft/membership.js';
import type { EntryKind } from '../../engines/raft/messages.js';
import { pairFromWire, pairToWire } from '../../wire/membership-codec.js';
import { kvorum } from '../../wire/protobuf.js';
import { FORMAT_VERSION } from './format.js';
import type { StoredRecord } from './unit-encoder.js';

/** `<keyspace>/<partition>`, or the log of an origin in one: see originLog. */
const GROUP = /^.+\/\d+(?:@.+~[^~]+)?$/s;
const KINDS: readonly EntryKind[] = ['noop', 'commands', 'membership', 'quorum'];

export interface Position {
  readonly index: LogIndex;
  readonly term: ReturnType<typeof term>;
}

export interface GroupHead {
  readonly group: GroupId;
  readonly hardState: HardState | null;
  readonly memberships: MembershipPair | null;
  readonly base: Position;
  readonly lastIndex: LogIndex;
}

export interface SegmentHeader {
  readonly formatVersion: number;
  readonly cluster: string;
  readonly replica: string;
  readonly firstSeq: number;
  readonly previous: { readonly lastSeq: number; readonly bytes: number; readonly lastCrc: number } | null;
  readonly groups: readonly GroupHead[];
  readonly createdBy: string;
}

export interface Unit {
  readonly header: SegmentHeader | null;
  /** Entry payloads alias the bytes given to decodeUnit. */
  readonly records: readonly StoredRecord[];
}

/** Decodes a payload whose checksum was right. Throws when it is not what this version writes. */
export function decodeUnit(payload: Buffer): Unit {
  const unit = kvorum.log.Unit.decode(payload);
  return {
    header: unit.header ? decodeSegmentHeader(unit.header) : null,
    records: unit.records.map(decodeRecord),
  };
}

/** A header in the form that is encoded; the reverse of what decodeUnit gives. */
export function encodableHeader(header: SegmentHeader): kvorum.log.SegmentHeader.$Properties {
  return {
    formatVersion: header.formatVersion,
    cluster: header.cluster,
    replica: header.replica,
    firstSeq: header.firstSeq,
    previous: header.previous,
    createdBy: header.createdBy,
    groups: header.groups.map((head) => ({
      group: head.group,
      base: head.base,
      lastIndex: head.lastIndex,
      hardState:
        head.hardState === null
          ? null
          : {
              term: head.hardState.term,
              vote: head.hardState.vote ?? '',
              commit: head.hardState.commit,
              ...(head.memberships === null ? {} : pairToWire(head.memberships)),
            },
    })),
  };
}

function decodeSegmentHeader(header: kvorum.log.SegmentHeader.$Properties): SegmentHeader {
  const formatVersion = header.formatVersion ?? 0;
  // A newer version may mean other things by the same fields: nothing more is read of it.
  const groups = formatVersion === FORMAT_VERSION ? (header.groups ?? []) : [];
  const previous = header.previous;
  return {
    formatVersion,
    cluster: header.cluster ?? '',
    replica: header.replica ?? '',
    firstSeq: header.firstSeq ?? 0,
    previous: previous
      ? { lastSeq: previous.lastSeq ?? 0, bytes: previous.bytes ?? 0, lastCrc: previous.lastCrc ?? 0 }
      : null,
    groups: groups.map((head) => ({
      group: decodeGroup(head.group),
      ...decodeHardState(head.hardState),
      base: decodePosition(head.base),
      lastIndex: logIndex(head.lastIndex ?? 0),
    })),
    createdBy: header.createdBy ?? '',
  };
}

function decodeRecord(record: kvorum.log.Record.$Properties): StoredRecord {
  const group = decodeGroup(record.group);
  if (record.entry) {
    const { entry } = record;
    const kind = KINDS[entry.kind ?? 0];
    if (kind === undefined) throw new RangeError(`unknown entry kind ${entry.kind}`);
    const payload = entry.payload ?? new Uint8Array(0);
    return {
      kind: 'entry',
      group,
      entry: { index: logIndex(entry.index ?? 0), term: term(entry.term ?? 0), kind, payload },
    };
  }
  if (record.hardState) {
    const { hardState, memberships } = decodeHardState(record.hardState);
    if (hardState !== null) return { kind: 'hardState', group, hardState, memberships };
  }
  if (record.checkpoint) return { kind: 'checkpoint', group, ...decodePosition(record.checkpoint) };
  if (record.restart) return { kind: 'checkpoint', group, ...decodePosition(record.restart), replaces: true };
  if (record.cut) return { kind: 'cut', group, ...decodePosition(record.cut) };
  throw new RangeError(`a record of ${group} has no known body`);
}

function decodeHardState(value: kvorum.log.HardState.$Properties | null | undefined): {
  hardState: HardState | null;
  memberships: MembershipPair | null;
} {
  if (!value) return { hardState: null, memberships: null };
  const vote = value.vote ?? '';
  return {
    hardState: {
      term: term(value.term ?? 0),
      vote: vote === '' ? null : replicaId(vote),
      commit: logIndex(value.commit ?? 0),
    },
    memberships: pairFromWire(value),
  };
}

function decodePosition(value: kvorum.log.Position.$Properties | null | undefined): Position {
  return { index: logIndex(value?.index ?? 0), term: term(value?.term ?? 0) };
}

function decodeGroup(value: string | null | undefined): GroupId {
  if (!value || !GROUP.test(value)) throw new RangeError(`not a group id: '${value}'`);
  return value as GroupId;
}
