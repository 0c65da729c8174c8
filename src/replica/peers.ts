import type { ReplicaId } from '../base/brand.js';
import { parseAddress } from '../config/address.js';
import type { Topology } from '../config/topology.js';
import type { Membership } from '../engines/raft/membership.js';
import type { FormingFolder } from '../storage/storage.js';
import type { AdmissionRefusal, PeerAddress } from '../transport/transport.js';

/** What a replica knows about who belongs to the cluster. */
export interface KnownPeers {
  readonly topology: Pick<Topology, 'replicas'>;
  /** What is known besides the memberships: what the cluster was formed with, and what members came with. */
  readonly folders: readonly FormingFolder[];
  /** Of all groups: what is in force, and what is committed. */
  readonly memberships: readonly Membership[];
}

/** Whether a replica may take part: see TransportHandlers.admits. */
export function admission(peer: string, folder: string | null, known: KnownPeers): AdmissionRefusal | null {
  const id = peer as ReplicaId;
  const member = isMember(id, known);
  if (!member && isRemoved(id, known)) return 'removed_replica';
  if (!member && !known.topology.replicas.some((replica) => replica.id === id)) return 'unknown_replica';
  const folders = foldersOf(id, known);
  return folders.length === 0 || folders.some((name) => name === folder) ? null : 'foreign_folder';
}

/**
 * Whom to dial, and where: the topology's replicas, and members that came later, at the address that they were added
 * with. Not those that were removed.
 */
export function peersToDial(self: ReplicaId, known: KnownPeers): readonly PeerAddress[] {
  const peers = new Map<ReplicaId, PeerAddress>();
  for (const { id, peer } of known.topology.replicas) {
    if (isMember(id, known) || !isRemoved(id, known)) peers.set(id, { id, ...peer.advertise });
  }
  for (const { members } of known.memberships) {
    for (const { id, peer } of members) {
      if (peer === null || peers.has(id) || !isMember(id, known)) continue;
      const address = parseAddress(peer);
      if (typeof address !== 'string') peers.set(id, { id, ...address });
    }
  }
  peers.delete(self);
  return [...peers.values()];
}

function isMember(id: ReplicaId, { memberships }: KnownPeers): boolean {
  return memberships.some(
    ({ voters, outgoing, learners }) => voters.includes(id) || outgoing.includes(id) || learners.includes(id),
  );
}

/** An id that came back into a group cannot be: ids are never used again (raft.md M3). */
function isRemoved(id: ReplicaId, { memberships }: KnownPeers): boolean {
  return memberships.some(({ removed }) => removed.includes(id));
}

function foldersOf(id: ReplicaId, { folders, memberships }: KnownPeers): readonly string[] {
  const named = [...folders, ...memberships.flatMap(({ members }) => members)];
  return named.flatMap((info) => (info.id === id && info.folder !== null ? [info.folder] : []));
}
