import { LIMITS } from '../../base/limits.js';
import type { Prng } from '../../base/prng.js';
import type { SemisyncKeyspaceConfig, Topology } from '../../config/topology.js';
import type { SemisyncOptions } from '../../engines/semisync/events.js';

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
