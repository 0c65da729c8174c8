import type { OriginId, ReplicaId } from '../../base/brand.js';
import type { Engine } from '../engine.js';
import type { LeaderlessEffects, LeaderlessEvent, LeaderlessStatus } from './events.js';
import type { Dot, Vector } from './types.js';

/** One member of a leaderless group; see DESIGN.md. The reads beside `step` and `drain` are cheap. */
export interface Leaderless extends Engine<LeaderlessEvent, LeaderlessEffects, LeaderlessStatus> {
  readonly engine: 'lww' | 'causal';
  /** Who this replica writes as now. */
  readonly origin: OriginId;
  readonly boot: number;
  readonly members: readonly ReplicaId[];
  readonly state: LeaderlessStatus['state'];
  /** Writes are taken: they would not be parked. */
  readonly writable: boolean;
  /** Has everything that the members had when they were met, and installs nothing. */
  readonly ready: boolean;
  /** Installs a full sync, or has met nobody yet. */
  readonly syncing: boolean;
  /** Durable here, and handed out by `deliver` at the latest with the next drain. Changes in place: copy it to keep it. */
  readonly vector: Vector;
  /** Of the last durable batch of each origin. A new map. */
  readonly boots: Vector;
  /** The Lamport clock. */
  readonly counter: number;
  /** The highest counter of what is durable here. */
  readonly durableCounter: number;
  readonly stable: number;
  /** Tombstones up to this counter may be missing here. */
  readonly collectedTo: number;
  /** Everything that any origin wrote with counters up to this is applied here, and nothing else up to it will come. */
  readonly closedTo: number;
  /** Nobody writes as these any more, and every member has all of them: to be remembered by the checkpoint. */
  readonly retired: readonly OriginId[];
  isRetired(origin: OriginId): boolean;
  /** Batches that are kept for others, and their bytes: what a checkpoint may cut away. */
  readonly retained: { readonly batches: number; readonly bytes: number };
  /** Per origin, what every member is known to hold durably: cutting up to here costs nobody a full sync. A new map. */
  heldByAll(): Vector;
  /** Who is not suspected of being down, self included. */
  aliveMembers(): readonly ReplicaId[];
  /** Members (self included) that are known to hold all of `dots` durably. */
  coverage(dots: readonly Dot[]): readonly ReplicaId[];
  /** Those of `dots` that are not durable here. */
  missing(dots: readonly Dot[]): readonly Dot[];
}
