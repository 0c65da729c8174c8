import { keyHash } from '../../native-like/key-hash/index.js';
import { assert } from '../base/assert.js';
import { groupId, type GroupId, type ReplicaId } from '../base/brand.js';
import type { Topology } from '../config/topology.js';

/** One partition of one keyspace, and the replicas that hold it. */
export interface GroupPlacement {
  readonly group: GroupId;
  readonly keyspace: string;
  readonly partition: number;
  /** In the order of the topology, the same on every replica. */
  readonly members: readonly ReplicaId[];
}

/**
 * Every group of the cluster, keyspace by keyspace in the order of the topology. A pure function of the topology, so
 * that all replicas agree without a word. Every replica holds every partition.
 */
export function groupsOf(topology: Pick<Topology, 'replicas' | 'keyspaces'>): readonly GroupPlacement[] {
  assert(topology.replicas.length > 0, 'a topology has replicas');
  const members = topology.replicas.map((replica) => replica.id);
  return topology.keyspaces.flatMap((keyspace) =>
    Array.from({ length: keyspace.partitions }, (_, partition) => ({
      group: groupId(keyspace.name, partition),
      keyspace: keyspace.name,
      partition,
      members,
    })),
  );
}

/** Part of the data format: with another seed, keys would be looked for in other partitions than they were put. */
const PARTITION_SEED = 0x6b76_6f72;

/**
 * The partition of a key, from 0 to `partitions` - 1. The key is a byte string (one char per byte). Multiply-shift
 * instead of a remainder (Lemire, "A fast alternative to the modulo reduction"): equally even, and cheaper.
 */
export function partitionOf(key: string, partitions: number): number {
  assert(Number.isInteger(partitions) && partitions >= 1, `not a number of partitions: ${partitions}`);
  if (partitions === 1) return 0;
  return Math.floor(((keyHash(key, PARTITION_SEED) >>> 0) * partitions) / 0x1_0000_0000);
}
