import type { GroupId, ReplicaId } from '../base/brand.js';
import type { EngineMessage } from '../engines/messages.js';
import type { Admission } from '../wire/handshake.js';

/** A message on its way between two members of one group. */
export interface Envelope {
  readonly group: GroupId;
  readonly message: EngineMessage;
}

/** A member as another one knows it: see VouchedMember in peer.proto. */
export interface VouchedMember {
  readonly id: ReplicaId;
  /** Null: it is bound to none yet. */
  readonly folder: string | null;
  /** `host:port`. Null: not known. */
  readonly peer: string | null;
}

/** The first word on every link, about what exists: see Formation in peer.proto. */
export interface FormationMessage {
  readonly from: ReplicaId;
  readonly to: ReplicaId;
  /** The replicas that form the cluster, by id; `folder` null: not known yet. */
  readonly replicas: readonly { readonly id: ReplicaId; readonly folder: string | null }[];
  readonly prepared: boolean;
  readonly formed: boolean;
  /** Whom the sender vouches for. */
  readonly members: readonly VouchedMember[];
}

/** Why a replica that says who it is must not take part. */
export type AdmissionRefusal = Exclude<Admission, null>;

export interface TransportHandlers {
  /** Messages of one frame, in the order they were sent. `Entry.payload` and `data` may be retained. */
  onMessages(from: ReplicaId, envelopes: readonly Envelope[]): void;
  onFormation(message: FormationMessage): void;
  /**
   * Asked at every handshake, on both sides: may a replica of this id, with this data folder (null: it keeps nothing),
   * take part? Null admits it (raft.md M4, M5).
   */
  admits(peer: string, folder: string | null): AdmissionRefusal | null;
  /** `by` refuses this replica for a reason that only an operator can end; `text` is what it says about it. */
  onRefused(by: ReplicaId, code: string, text: string): void;
  onPeerUp(peer: ReplicaId): void;
  onPeerDown(peer: ReplicaId, reason: string): void;
}

/** Where a peer is dialled. A name is resolved again at each attempt: identity is the id, never the address. */
export interface PeerAddress {
  readonly id: ReplicaId;
  readonly host: string;
  readonly port: number;
}

/**
 * Delivery contract: per peer in order while one connection lives; a message may be lost, never changed; after a
 * reconnect an older message cannot arrive after a newer one. Nothing is ever retried: the protocols do that.
 */
export interface Transport {
  /** Starts listening and dialling. Rejects with address_in_use. */
  start(handlers: TransportHandlers): Promise<void>;
  /** One frame, one write. False when the peer is not connected or its queue is full: the messages are dropped. */
  send(to: ReplicaId, envelopes: readonly Envelope[]): boolean;
  /** As `send`, for the one message that belongs to no group. */
  sendFormation(message: FormationMessage): boolean;
  /**
   * Replaces the list of peers: new ones are dialled, missing ones are cut, moved ones are dialled at the new address.
   * Connected peers that `admits` would refuse now are cut as well.
   */
  setPeers(peers: readonly PeerAddress[]): void;
  /** The data folder that the peer named at its last handshake; null when there was none, or it keeps nothing. */
  folderOf(peer: ReplicaId): string | null;
  isUp(peer: ReplicaId): boolean;
  /** Bytes waiting to be sent to `peer`. */
  queuedBytes(peer: ReplicaId): number;
  status(): readonly PeerLinkStatus[];
  close(): Promise<void>;
}

export interface PeerLinkStatus {
  readonly peer: ReplicaId;
  readonly address: string;
  readonly connected: boolean;
  readonly queuedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly reconnects: number;
  /** Why connections were closed or refused, counted: bad_magic, bad_crc, frame_too_large, wrong_cluster, … */
  readonly closedBy: Readonly<Record<string, number>>;
  readonly lastError: string | null;
}
