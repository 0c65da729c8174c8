import type { Prng } from '../../../base/prng.js';
import type { LinkTimings } from '../../../transport/tcp/timings.js';
import type { LinkFaults } from '../types.js';
import type { WorldTime } from '../virtual-time.js';
import type { Connection } from './connection.js';
import type { Endpoint } from './endpoint.js';
import type { Paths } from './path.js';

/** Counted over the life of a world: a run in which nothing was lost has not tested loss. */
export interface NetworkStats {
  framesSent: number;
  framesDelivered: number;
  framesLost: number;
  framesRefused: number;
  framesDuplicated: number;
  framesCorrupted: number;
  connectionsMade: number;
  /** Closed because of bytes that were not what was sent. */
  connectionsRefusedBytes: number;
  /** Closed because nothing was heard for too long. */
  connectionsSilent: number;
  /** Handshakes that ended with a refusal, by code. */
  readonly handshakesRefused: Record<string, number>;
}

/** What all links of a world share. */
export interface NetworkContext {
  readonly time: WorldTime;
  readonly prng: Prng;
  readonly faults: LinkFaults;
  /** Messages travel as the bytes that the production codec makes of them. */
  readonly codec: boolean;
  /** Messages by reference are frozen first. */
  readonly frozen: boolean;
  readonly timings: LinkTimings;
  readonly paths: Paths;
  readonly stats: NetworkStats;
  delayUs(): number;
  /** Whoever listens under this id now. */
  listener(id: string): Endpoint | null;
  /** A small packet from one machine to another: lost, late and cut off as frames are. */
  carry(from: string, to: string, arrive: () => void): void;
  /** The acceptor's end was closed: the dialler hears of it, if anything can reach it. */
  tellDialler(connection: Connection, reason: string): void;
  /** Something began or ended that may keep `connection` from being heard. */
  watch(connection: Connection): void;
}
