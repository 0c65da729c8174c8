import { assertDefined } from '../base/assert.js';
import { groupsOf } from '../cluster/placement.js';
import type { KeyspaceConfig, Topology } from '../config/topology.js';
import type { Membership, MembershipPair } from '../engines/raft/membership.js';

export function membershipsOf({ memberships }: { readonly memberships: MembershipPair }): readonly Membership[] {
  const { committed, latest } = memberships;
  return committed.index === latest.index ? [latest.membership] : [committed.membership, latest.membership];
}

export function configOf({ keyspaces }: Topology, name: string): KeyspaceConfig {
  return assertDefined(
    keyspaces.find((keyspace) => keyspace.name === name),
    `the topology has keyspace ${name}`,
  );
}

/** As much as all groups keep on their own account when all of them write, and as much again. */
export function logBytesMax(topology: Topology): number {
  const { checkpointBytes, retainBytes, segmentBytes } = topology.storage;
  return 2 * (groupsOf(topology).length * (checkpointBytes + retainBytes) + 2 * segmentBytes);
}
