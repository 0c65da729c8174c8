import type { ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { Identity } from '../../wire/handshake.js';
import type { TransportHandlers } from '../transport.js';
import type { ReasonLog } from './reason-log.js';
import type { LinkTimings } from './timings.js';

/** What all links of one transport share. */
export interface LinkContext {
  readonly identity: Identity;
  readonly timings: LinkTimings;
  readonly prng: Prng;
  readonly log: ReasonLog;
  readonly queueBytesMax: number;
  readonly handlers: TransportHandlers;
  /** True for those that are dialled: what is counted per peer. */
  isPeer(id: string): boolean;
  /** A peer has reached us, and was let in: it is worth dialling it now. */
  onPeerSeen(peer: ReplicaId): void;
  /** A peer was let in, or has let us in, and named its folder. */
  onFolder(peer: ReplicaId, folder: string | null): void;
}
