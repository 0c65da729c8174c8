import type { GroupId, ReplicaId } from '../base/brand.js';
import type { RaftMessage } from '../engines/raft/messages.js';

/** A message on its way between two members of one group. */
export interface Envelope {
  readonly group: GroupId;
  readonly message: RaftMessage;
}

export interface TransportHandlers {
  /** Messages of one frame, in the order they were sent. `Entry.payload` and `data` may be retained. */
  onMessages(from: ReplicaId, envelopes: readonly Envelope[]): void;
  onPeerUp(peer: ReplicaId): void;
  onPeerDown(peer: ReplicaId, reason: string): void;
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
