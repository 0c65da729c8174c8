import type { OriginId, ReplicaId } from '../../base/brand.js';
import type { Dot, WireBatch } from './types.js';

/** What members of a leaderless group tell each other; specified in peer.proto. All of it may be lost or repeated. */

interface Base {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
}

/** What the sender has of one origin. */
export interface OriginState extends Dot {
  /** Boot of the batch at `seq`; 0 when seq is 0 or not known any more. */
  readonly boot: number;
  /** The first position that the sender could still send as a batch; seq + 1: none. */
  readonly first: number;
}

export interface OriginCounter {
  readonly origin: OriginId;
  readonly counter: number;
}

/**
 * One half of a gossip round (ap.md §1.0.4): everything about the sender that others need. Doubles as heartbeat
 * and as acknowledgement: what it claims is durable. `respond` asks the receiver for its own digest in return.
 */
export interface GossipDigest extends Base {
  readonly type: 'gossipDigest';
  /** Who the sender writes as, and in which start of its process. */
  readonly origin: OriginId;
  readonly boot: number;
  readonly respond: boolean;
  /** Durable at the sender. */
  readonly vector: readonly OriginState[];
  /**
   * Every batch of `origin` after its position in `vector` has a counter above this. Only what is durable is told: a
   * restart must not fall behind it (ap.md §1.0.6).
   */
  readonly counter: number;
  /**
   * Per origin, what the sender was told by it as `counter` once it had everything before: its row of the matrix. Only origins
   * whose owners the sender has heard itself: whoever is listed has nothing older on its way to the sender.
   */
  readonly heard: readonly OriginCounter[];
  /** Bytes of batches that the sender is ready to take from the receiver now. */
  readonly creditBytes: number;
  /** The sender installs a full sync, or has not met anybody since it started: it does not count for levels. */
  readonly syncing: boolean;
  /**
   * The sender's Lamport clock now. Nothing is promised by it: who begins to write goes above it, because it is above
   * whatever is stable, unless `syncing`.
   */
  readonly clock: number;
  /**
   * What the sender asks the receiver for: batches of these origins after these positions (what it holds in memory
   * counts), at most `creditBytes` of them. Answered by one gossipDelta, if need be an empty one, or by needFullSync.
   * Empty: nothing.
   */
  readonly pull: readonly Dot[];
  /** Numbers the sender's digests, larger each time; `answers` is that of the receiver's last one that was read before, or 0. */
  readonly round: number;
  readonly answers: number;
  /**
   * Origins of which there may be more than the sender vouches for in `vector`: it holds more in memory; or it is the owner,
   * and has not heard everybody out since it started (`heardOut`).
   */
  readonly pending: readonly OriginId[];
  /** Range hash over everything that the sender holds at exactly `vector` (ap.md §1.0.7); null: not computed now. */
  readonly root: { readonly hash: string; readonly collectedTo: number } | null;
}

/** Batches, per origin in order and without a gap; origins take turns inside the byte budget. */
export interface GossipDelta extends Base {
  readonly type: 'gossipDelta';
  readonly batches: readonly WireBatch[];
  /** There is more where this came from: ask again at once. */
  readonly more: boolean;
}

/** What became durable since the last one, cumulative per origin: sent only after it is on disk. */
export interface GossipAck extends Base {
  readonly type: 'gossipAck';
  readonly positions: readonly Dot[];
}

/** The receiver lacks what the sender's logs no longer hold: it must ask for the state instead. */
export interface NeedFullSync extends Base {
  readonly type: 'needFullSync';
  readonly origins: readonly OriginId[];
}

/** Asks for all items whose dots are not covered by `have`. `id` names the attempt; a new one voids the old. */
export interface FullSyncRequest extends Base {
  readonly type: 'fullSyncRequest';
  readonly id: number;
  readonly have: readonly Dot[];
}

/** A piece of the answer, in key order; `items` as src/kv/dotted encodes them. The receiver confirms each one. */
export interface FullSyncItems extends Base {
  readonly type: 'fullSyncItems';
  readonly id: number;
  /** 0, 1, 2, … */
  readonly position: number;
  readonly items: Uint8Array;
}

/** The end: with all pieces before, the receiver holds everything up to `vector`. */
export interface FullSyncEnd extends Base {
  readonly type: 'fullSyncEnd';
  readonly id: number;
  readonly position: number;
  /** Of the pinned state that was sent. */
  readonly vector: readonly { readonly origin: OriginId; readonly seq: number; readonly boot: number }[];
  readonly counter: number;
  /** Tombstones up to this counter may be missing at the sender: they were stable. */
  readonly collectedTo: number;
}

/** Confirms pieces up to and including `position` (window of the stream); `aborted` ends it. */
export interface FullSyncAck extends Base {
  readonly type: 'fullSyncAck';
  readonly id: number;
  readonly position: number;
  readonly aborted: boolean;
}

/** Which versions of these keys do you hold? For reads at more than one member. Keys are byte strings. */
export interface VersionProbe extends Base {
  readonly type: 'versionProbe';
  readonly id: number;
  readonly keys: readonly string[];
}

/** `dots[i]`: of what keys[i] holds here, tombstones included; several for siblings, none when nothing is known. */
export interface VersionAnswer extends Base {
  readonly type: 'versionAnswer';
  readonly id: number;
  readonly versions: readonly (readonly Dot[])[];
}

/** Scrub (ap.md §1.0.7): hashes of all leaves at exactly this vector; the receiver compares when it stands there too. */
export interface ScrubLeaves extends Base {
  readonly type: 'scrubLeaves';
  readonly vector: readonly Dot[];
  readonly collectedTo: number;
  readonly leaves: Uint8Array;
}

/** The items of leaves that differed, as src/kv/dotted encodes them; the receiver answers with its own when `respond`. */
export interface ScrubItems extends Base {
  readonly type: 'scrubItems';
  readonly vector: readonly Dot[];
  readonly leaves: readonly number[];
  readonly items: Uint8Array;
  readonly respond: boolean;
}

export type LeaderlessMessage =
  | GossipDigest
  | GossipDelta
  | GossipAck
  | NeedFullSync
  | FullSyncRequest
  | FullSyncItems
  | FullSyncEnd
  | FullSyncAck
  | VersionProbe
  | VersionAnswer
  | ScrubLeaves
  | ScrubItems;

export type LeaderlessMessageType = LeaderlessMessage['type'];
