import type { ReplicaId } from '../base/brand.js';
import { parseAddress } from '../config/address.js';
import type { Topology } from '../config/topology.js';
import type { Membership } from '../engines/raft/membership.js';
import type { FormingFolder } from '../storage/storage.js';
import type { AdmissionRefusal, PeerAddress, VouchedMember } from '../transport/transport.js';
import type { Vouch } from './vouching.js';

/** What a replica knows about who belongs to the cluster. */
export interface KnownPeers {
  readonly topology: Pick<Topology, 'replicas'>;
  /** What is known besides the memberships: what the cluster was formed with, and what members came with. */
  readonly folders: readonly FormingFolder[];
  /** Of all groups: what is in force, and what is committed. */
  readonly memberships: readonly Membership[];
  /** What others say, for ids that nothing else is known of. The newest last. */
  readonly vouches: readonly Vouch[];
}

/** Whether a replica may take part: see TransportHandlers.admits. */
export function admission(peer: string, folder: string | null, known: KnownPeers): AdmissionRefusal | null {
  const id = peer as ReplicaId;
  if (isRemoved(id, known)) return 'removed_replica';
  const vouched = vouchedFor(id, known);
  if (!isKnown(id, known) && vouched.length === 0) return 'unknown_replica';
  const own = foldersOf(id, known);
  const folders = own.length > 0 ? own : named(vouched);
  return folders.length === 0 || folders.some((name) => name === folder) ? null : 'foreign_folder';
}

/**
 * Whom to dial, and where: the topology's replicas, and members that came later, at the address that they were added
 * with, and those that others vouch for. Not those that were removed.
 */
export function peersToDial(self: ReplicaId, known: KnownPeers): readonly PeerAddress[] {
  const peers = new Map<ReplicaId, PeerAddress>();
  const add = (id: ReplicaId, peer: string | null): void => {
    if (peer === null || peers.has(id)) return;
    const address = parseAddress(peer);
    if (typeof address !== 'string') peers.set(id, { id, ...address });
  };
  for (const { id, peer } of known.topology.replicas) {
    if (!isRemoved(id, known)) peers.set(id, { id, ...peer.advertise });
  }
  for (const { members } of known.memberships) {
    for (const { id, peer } of members) if (isMember(id, known)) add(id, peer);
  }
  for (const id of new Set(known.vouches.flatMap(({ members }) => members.map((member) => member.id)))) {
    for (const { peer } of vouchedFor(id, known).reverse()) add(id, peer);
  }
  peers.delete(self);
  return [...peers.values()];
}

/** This replica knows by itself that the peer belongs to the cluster. */
function isKnown(id: ReplicaId, known: KnownPeers): boolean {
  if (isMember(id, known)) return true;
  return !isRemoved(id, known) && known.topology.replicas.some((replica) => replica.id === id);
}

function isMember(id: ReplicaId, { memberships }: KnownPeers): boolean {
  return memberships.some(
    ({ voters, outgoing, learners }) => voters.includes(id) || outgoing.includes(id) || learners.includes(id),
  );
}

/** No group counts it any more. An id that came back into a group cannot be: ids are never used again (raft.md M3). */
export function isRemoved(id: ReplicaId, known: KnownPeers): boolean {
  return !isMember(id, known) && known.memberships.some(({ removed }) => removed.includes(id));
}

/**
 * What others say about an id that this replica knows nothing of. Those that it knows itself, that is: were the word of
 * those enough that others vouch for, two that were removed could vouch for each other for ever (raft.md M5).
 */
function vouchedFor(id: ReplicaId, known: KnownPeers): VouchedMember[] {
  if (isKnown(id, known) || isRemoved(id, known)) return [];
  const heard = known.vouches.filter(({ by }) => isKnown(by, known));
  return heard.flatMap(({ members }) => members.filter((member) => member.id === id));
}

function foldersOf(id: ReplicaId, { folders, memberships }: KnownPeers): readonly string[] {
  const infos = [...folders, ...memberships.flatMap(({ members }) => members)];
  return named(infos.filter((info) => info.id === id));
}

function named(infos: readonly { readonly folder: string | null }[]): readonly string[] {
  return infos.flatMap(({ folder }) => (folder === null ? [] : [folder]));
}
