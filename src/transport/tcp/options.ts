import type { ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Prng } from '../../base/prng.js';
import type { VersionRange } from '../../wire/protocol.js';
import type { PeerAddress, Transport } from '../transport.js';
import type { LinkTimings } from './timings.js';

export type TcpPeer = PeerAddress;

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
}

export interface TcpTransportOptions {
  readonly self: ReplicaId;
  /** The cluster's name; replicas of another cluster are refused. */
  readonly cluster: string;
  /**
   * A safe integer that should grow with every start of this replica (a counter on disk, or the wall clock). Of two live
   * processes with one id, the one with the larger incarnation keeps its connections.
   */
  readonly incarnation: number;
  /** Names this replica's data folder to its peers; null when it keeps nothing. */
  readonly folder?: string | null;
  /** Port 0 takes any free port: see `TcpTransport.address`. */
  readonly listen: TcpAddress;
  /** The other replicas; `self` is left out if it is there. */
  readonly peers: readonly TcpPeer[];
  readonly logger: Logger;
  /** Jitter of reconnects. */
  readonly prng: Prng;
  /** For rate-limiting log lines. */
  readonly clock?: Clock;
  readonly timings?: Partial<LinkTimings>;
  /** Bytes queued towards one peer; default LIMITS.peerQueueBytes. */
  readonly queueBytesMax?: number;
  /** Protocol versions to offer; default what this code speaks. */
  readonly versions?: VersionRange;
}

export interface TcpTransport extends Transport {
  /** Where it listens; null before `start` and after `close`. */
  readonly address: TcpAddress | null;
  /** Connections closed before they said which peer they are, by reason. */
  strangers(): Readonly<Record<string, number>>;
}
