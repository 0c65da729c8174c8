import { LIMITS } from '../../base/limits.js';
import type { Prng } from '../../base/prng.js';
import type { Topology } from '../../config/topology.js';
import type { RaftOptions } from '../../engines/raft/events.js';
import { membershipCodec } from '../../wire/membership-codec.js';

/** What the engine is to know of the topology. */
export function raftOptions(
  topology: Topology,
  prng: Prng,
  limits: Partial<RaftOptions['limits']> = {},
): Omit<RaftOptions, 'self' | 'membership' | 'recovered'> {
  const { timing } = topology;
  const ticks = (ms: number): number => Math.max(1, Math.round(ms / timing.tickMs));
  return {
    electionTicks: [ticks(timing.electionTimeoutMs[0]), ticks(timing.electionTimeoutMs[1])],
    heartbeatTicks: ticks(timing.heartbeatMs),
    diskStallTicks: ticks(timing.diskStallMs),
    leaseReads: topology.raft.leaseReads,
    volatile: topology.memory,
    codec: membershipCodec,
    prng,
    limits: {
      appendEntries: LIMITS.appendEntries,
      appendBytes: LIMITS.appendBytes,
      inflightMessages: LIMITS.inflightMessages,
      inflightBytes: LIMITS.inflightBytes,
      uncommittedBytes: LIMITS.uncommittedBytes,
      pendingReads: LIMITS.pendingReads,
      forwardedProposals: LIMITS.forwardedProposals,
      ...limits,
    },
  };
}
