import type { ReplicaId } from '../../base/brand.js';
import { LIMITS } from '../../base/limits.js';
import type { Prng } from '../../base/prng.js';
import type { LeaderlessKeyspaceConfig, Topology } from '../../config/topology.js';
import type { LeaderlessLimits } from '../../engines/leaderless/events.js';
import type { DottedOptions } from '../../kv/dotted/types.js';
import type { LeaderlessMemberOptions } from './member.js';

/** What the engine is to know of the topology. */
export function protocolOptions(
  topology: Topology,
  prng: Prng,
  limits: Partial<LeaderlessLimits> = {},
): LeaderlessMemberOptions['protocol'] {
  const { gossipMs, startGraceMs, tickMs } = topology.timing;
  return {
    tickMs,
    gossipTicks: Math.max(1, Math.round(gossipMs / tickMs)),
    startGraceTicks: Math.round(startGraceMs / tickMs),
    volatile: topology.memory,
    prng,
    limits: {
      deltaBatches: LIMITS.deltaBatches,
      deltaBytes: LIMITS.deltaBytes,
      inflightBytes: LIMITS.inflightBytes,
      bufferedBatches: LIMITS.bufferedBatches,
      bufferedBytes: LIMITS.bufferedBytes,
      unpersistedBytes: LIMITS.uncommittedBytes,
      ensures: LIMITS.ensures,
      origins: LIMITS.origins,
      clockJump: LIMITS.clockJump,
      clockCeiling: LIMITS.clockCeiling,
      ...limits,
    },
  };
}

/** Where members stand, as the topology says. */
export function regionsOf({ replicas }: Topology): (member: ReplicaId) => string | null {
  const regions = new Map(replicas.map(({ id, region }) => [id, region] as const));
  return (member) => regions.get(member) ?? null;
}

export function stateOptions({ conflicts, conflictLog }: LeaderlessKeyspaceConfig): DottedOptions {
  return { conflicts, conflictLog };
}
