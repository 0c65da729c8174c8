import type { GroupId, LogIndex, OriginId, ReplicaId, Term } from '../base/brand.js';
import type { Entry } from '../engines/entry.js';
import type { HardState } from '../engines/raft/events.js';
import type { MembershipPair, PlacedMembership } from '../engines/raft/membership.js';
import type { PlacedQuorum } from '../engines/semisync/messages.js';

/**
 * The two halves of a replica's storage. `storage/wal` + `storage/checkpoint` keep them on disk, `storage/memory` keeps
 * nothing; one contract suite (test/contract/storage.ts) runs against both.
 */

/** One record of the log. All groups of a replica share one log. */
export type LogRecord =
  | { readonly kind: 'entry'; readonly group: GroupId; readonly entry: Entry }
  | {
      readonly kind: 'hardState';
      readonly group: GroupId;
      readonly hardState: HardState;
      /** Null where the members are fixed (leader-follower groups). */
      readonly memberships: MembershipPair | null;
    }
  /** A durable checkpoint of the group holds everything up to (index, term): a log that lies before it or contradicts it is void. */
  | {
      readonly kind: 'checkpoint';
      readonly group: GroupId;
      readonly index: LogIndex;
      readonly term: Term;
      /** It is of another history (leader-follower groups, after a forced promotion): all of the log is void, and may go back. */
      readonly replaces?: boolean;
    };

export interface RecoveredGroup {
  readonly hardState: HardState | null;
  /** As of the last hard state. */
  readonly memberships: MembershipPair | null;
  /** The entry before the first of `entries`; (0, 0) for a fresh group. */
  readonly baseIndex: LogIndex;
  readonly baseTerm: Term;
  readonly entries: readonly Entry[];
}

export interface RecoveryReport {
  readonly segments: number;
  readonly records: number;
  readonly bytes: number;
  /** Set when a torn tail was cut: where, and to which file the cut bytes were saved. */
  readonly tornTail: {
    readonly file: string;
    readonly offset: number;
    readonly bytes: number;
    readonly savedAs: string;
  } | null;
}

/**
 * The log. Appends are durable in order. After the first failed write or fsync the log is poisoned: every later append
 * is refused and `onFailed` has been called once (reliability.md §0.5).
 */
export interface Log {
  readonly recovered: ReadonlyMap<GroupId, RecoveredGroup>;
  readonly report: RecoveryReport;
  /**
   * Appends the records of one turn as one unit and calls `done` when they, and everything before them, are durable
   * (when `sync` is false: when they are written). `done` is never called synchronously. While an fsync is running,
   * further appends gather and go out with the next one.
   */
  append(records: readonly LogRecord[], sync: boolean, done: () => void): void;
  /**
   * Forgets entries of `group` up to and including `index`: whole segments are removed once no group needs them.
   * `term` is the term of the entry at `index`.
   */
  cut(group: GroupId, index: LogIndex, term: Term): void;
  /** Milliseconds that the oldest unfinished fsync has been running; 0 when none is. */
  stalledMs(): number;
  readonly failed: Error | null;
  /** Bytes on disk. */
  readonly bytes: number;
  /** Of these, from the oldest file that is kept for `group` on; 0 when none is kept for it but the one being written. */
  heldBytes(group: GroupId): number;
  /** Waits for pending appends, syncs, releases the files. */
  close(): Promise<void>;
}

/** Position and extra data of a checkpoint; `meta` is opaque to the storage. */
export interface CheckpointMark {
  readonly index: LogIndex;
  readonly term: Term;
  /** In force at `index` (raft.md M9). */
  readonly membership: PlacedMembership;
  /** Leader-follower groups only: in force after `index` (ap.md §1.3.4). */
  readonly quorum?: PlacedQuorum;
  readonly meta: Uint8Array;
}

/** One change between two checkpoints: keys are byte strings (one char per byte, U+0000 to U+00FF); null removes. */
export type CheckpointChange = readonly [key: string, value: Uint8Array | null];

/** An ordered byte map: what the last durable checkpoint of one group holds. Reads are synchronous (memory-mapped). */
export interface CheckpointReader {
  /** The bytes may be retained. */
  get(key: string): Uint8Array | undefined;
  has(key: string): boolean;
  /** Ascending by byte order over [start, end); `end` null means to the last. */
  range(start: string, end: string | null): Iterable<readonly [key: string, value: Uint8Array]>;
}

/** The state of one group as of its last checkpoint. */
export interface CheckpointStore extends CheckpointReader {
  /** Null for a fresh group. */
  readonly mark: CheckpointMark | null;
  /**
   * Writes the changes and the mark in one atomic, durable transaction, in slices that leave the event loop free.
   * Readers see the old state until the promise resolves, and the new state from then on. Rejects with
   * `storage_failed`; the old checkpoint is then still whole.
   */
  write(mark: CheckpointMark, changes: Iterable<CheckpointChange>): Promise<void>;
  /** A consistent copy of the last checkpoint, to be streamed. Must be closed. */
  openSnapshot(): SnapshotSource;
  /** Receives a snapshot beside the current state; nothing changes until `finish` resolves. At most one at a time. */
  openInstall(): SnapshotSink;
  /** Bytes on disk, for metrics. */
  readonly bytes: number;
  close(): Promise<void>;
}

export interface SnapshotSource {
  readonly mark: CheckpointMark;
  /** The next piece of at most about `maxBytes`, self-contained and with its own checksum; null at the end. */
  next(maxBytes: number): Uint8Array | null;
  close(): void;
}

export interface SnapshotSink {
  /** Stores one piece in order. Throws checkpoint_corrupt when its checksum is wrong. */
  write(piece: Uint8Array): void;
  /** Makes the snapshot durable and replaces the group's checkpoint by it (S3). Resolves to its mark. */
  finish(): Promise<CheckpointMark>;
  abort(): void;
}

/** One of the replicas that a cluster is formed of. `folder` null: it is not known which data folder it had then. */
export interface FormingFolder {
  readonly id: ReplicaId;
  readonly folder: string | null;
}

/** What a data folder remembers of how its replica came to the cluster (see Formation in peer.proto). */
export interface FormationRecord {
  /**
   * The first replicas with their folders. Once it is durable it is never changed: others may have formed the cluster
   * because of it. Empty: not prepared yet, or a folder from before there was a formation; of those, names of folders
   * are filled in as they become known.
   */
  readonly prepared: readonly FormingFolder[];
  /** All of `prepared` have made the same list durable: the cluster exists. */
  readonly formed: boolean;
  /** The replica was not among the first: it waits to be added, or has been. */
  readonly joining: boolean;
  /**
   * Set when a member of the cluster has refused this folder for good before it took part in anything: the disk was wiped, or the
   * replica removed. It never forms a cluster: with others of its kind it would form a second one.
   */
  readonly refused?: string;
}

/** What is said of entries that left a group's log without being in the one that took its place (ap.md §1.3.6). */
export interface LostWritesHead {
  readonly group: GroupId;
  /** Whose log took their place. */
  readonly epoch: number;
  readonly fromIndex: number;
  readonly toIndex: number;
  /** Epoch of the last of them. */
  readonly lastEpoch: number;
  readonly entries: number;
  /** Commands in them, and how many of these are known here to have been acknowledged. */
  readonly writes: number;
  readonly acknowledged: number;
  /**
   * Of the others, those that may have been: whoever led alone knows, and a restart forgets how far the commit index had come.
   * That is so only where an epoch after `firstEpoch` began by force. Absent in older files: all of them, 0.
   */
  readonly unsure?: number;
  /** Epoch of the first entry. */
  readonly firstEpoch?: number;
  readonly commit: number;
  /** False: the logs could not be compared, some of them may be in the new one after all. */
  readonly certain: boolean;
  /** The histories differ already before the first one: there was more, in a checkpoint, which was replaced. */
  readonly beforeLog: boolean;
}

export interface LostWritesFile {
  readonly file: string;
  readonly head: LostWritesHead;
  /** What is wrong with the file; its head is then what its name says. */
  readonly damage: string | null;
}

export interface LostWritesContent extends LostWritesFile {
  /** From the first one on, as far as was asked for and can be read. */
  readonly entries: readonly Entry[];
}

/** Files of lost writes. They are never changed nor removed: an operator takes them away. */
export interface LostWritesStore {
  /** Durable when it returns, with its name. Answers the name. Throws storage_failed; the replica must then stop. */
  save(head: LostWritesHead, entries: readonly Entry[]): string;
  /** The newest epochs first; some hundred at most. */
  list(group: GroupId): readonly LostWritesFile[];
  /** Null: there is no such file of this group. Stops soon after `bytesMax`. */
  read(group: GroupId, file: string, bytesMax: number): LostWritesContent | null;
}

export interface Storage {
  readonly log: Log;
  readonly lostWrites: LostWritesStore;
  /**
   * Names the data folder, at random and for ever (raft.md M4): a replica that comes back with another name has lost
   * everything that it promised. Null: nothing is kept, so there is nothing to be lost.
   */
  readonly folder: string | null;
  /** Null: a fresh folder, or one that keeps nothing. */
  readonly formation: FormationRecord | null;
  /** Durable when it returns. Throws storage_failed; what is on disk is then not known, and the replica must stop. */
  recordFormation(record: FormationRecord): void;
  /**
   * Who this replica writes as in leaderless groups: begins a life of the folder. The boot count rises by one, durably, at the
   * first call (later ones answer the same). The incarnation is minted with the folder, and again where the tail of the
   * log may be lost: it was written without fsync, and the process did not end in order (ap.md §1.0.1 rule 1).
   */
  beginWriting(): WritingIdentity;
  /**
   * Mints another incarnation, durable when it returns: what others know of the old one is not in this folder. It is greater
   * than the old one, and than those of this replica among `above`. Both calls throw storage_failed as recordFormation does.
   */
  renewIncarnation(above?: readonly OriginId[]): WritingIdentity;
  /**
   * Opens (or creates) the checkpoint store of a group. Throws checkpoint_corrupt, or storage_failed. `none`: the group
   * has no log under its own name (leaderless: it has one per origin), which its checkpoint could be ahead of.
   */
  checkpoint(group: GroupId, log?: 'own' | 'none'): CheckpointStore;
  /** Called once when the storage fails; the replica must stop. */
  onFailed(listener: (error: Error) => void): void;
  close(): Promise<void>;
}

export interface WritingIdentity {
  /** 16 hex digits: 12 of the time when it was minted (milliseconds since 1970), 4 at random; later ones are greater. */
  readonly incarnation: string;
  readonly boot: number;
  /**
   * Minted in this life: nothing was ever written under it. Of one group that can be true of an older one, too: an origin
   * without a position in a group is new there.
   */
  readonly fresh: boolean;
}

export interface StorageIdentity {
  readonly cluster: string;
  readonly replica: ReplicaId;
}
