import type { GroupId, ReplicaId } from '../../base/brand.js';
import type { Clock } from '../../base/clock.js';
import { LIMITS } from '../../base/limits.js';
import type { Logger } from '../../base/logger.js';
import type { Prng } from '../../base/prng.js';
import type { SemisyncKeyspaceConfig, Topology } from '../../config/topology.js';
import type { Entry } from '../../engines/entry.js';
import type { EngineMessage } from '../../engines/messages.js';
import type { Membership } from '../../engines/raft/membership.js';
import type { Discarded, SemisyncOptions } from '../../engines/semisync/events.js';
import type { SemisyncStatus } from '../../engines/semisync/semisync.js';
import type { CheckpointStore, Log, LostWritesStore } from '../../storage/storage.js';

/** What the engine is to know of the topology; who belongs to the group, and what is on disk, comes from elsewhere. */
export type SemisyncSettings = Omit<SemisyncOptions, 'self' | 'members' | 'writeQuorum' | 'recovered'>;

/** Election timeouts that an operator's promotion may take: a slow link is asked more than once. */
const PROMOTION_TIMEOUTS = 4;

export function semisyncOptions(
  topology: Topology,
  config: SemisyncKeyspaceConfig,
  prng: Prng,
  limits: Partial<SemisyncOptions['limits']> = {},
): SemisyncSettings {
  const { timing } = topology;
  const ticks = (ms: number): number => Math.max(1, Math.round(ms / timing.tickMs));
  const heartbeatTicks = ticks(timing.heartbeatMs);
  const electionTicks = [ticks(timing.electionTimeoutMs[0]), ticks(timing.electionTimeoutMs[1])] as const;
  return {
    leader: config.leader,
    allowAsync: config.allowAsync,
    promotion: config.promotion,
    electionTicks,
    heartbeatTicks,
    // A follower is asked before it lags.
    maxLagTicks: Math.max(heartbeatTicks + 1, ticks(config.maxLagMs)),
    promotionTicks: PROMOTION_TIMEOUTS * electionTicks[1],
    diskStallTicks: ticks(timing.diskStallMs),
    volatile: topology.memory,
    prng,
    limits: {
      appendEntries: LIMITS.appendEntries,
      appendBytes: LIMITS.appendBytes,
      inflightMessages: LIMITS.inflightMessages,
      inflightBytes: LIMITS.inflightBytes,
      uncommittedBytes: LIMITS.uncommittedBytes,
      pendingReads: LIMITS.pendingReads,
      ...limits,
    },
  };
}

export interface SemisyncMemberOptions {
  readonly group: GroupId;
  readonly self: ReplicaId;
  /** What the cluster was formed with: these are the members, for ever. */
  readonly membership: Membership;
  /** What the keyspace begins with: see establish.ts. */
  readonly writeQuorum: number;
  readonly store: CheckpointStore;
  readonly log: Log;
  readonly lostWrites: LostWritesStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tickMs: number;
  readonly requestTimeoutMs: number;
  /** How long a request waits for what its session has seen. */
  readonly sessionWaitMs: number;
  readonly checkpointBytes: number;
  readonly retainBytes: number;
  /** See CheckpointTaskOptions. */
  readonly logBytesMax?: number;
  readonly semisync: SemisyncSettings;
  /** Makes sure that a turn drains this member. */
  wake(): void;
  /** When the last tick that the members were told of began. */
  tickedMs(): number;
  send(message: EngineMessage): void;
  onFailed(error: unknown): void;
  /** Role, term or leader changed. */
  onChanged(status: SemisyncStatus): void;
  /** An entry was applied: for those who check, not for the replica's own work. */
  onApplied?(entry: Entry): void;
  /** Entries are leaving the log, and are in a file of lost writes already: as onApplied. */
  onDiscarded?(discarded: Discarded): void;
}
