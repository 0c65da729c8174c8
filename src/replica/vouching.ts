import type { ReplicaId } from '../base/brand.js';
import { formatAddress, parseAddress } from '../config/address.js';
import type { Topology } from '../config/topology.js';
import type { Membership } from '../engines/raft/membership.js';
import type { VouchedMember } from '../transport/transport.js';
import { PEER_ADDRESS_BYTES_MAX, VOUCHED_MEMBERS_MAX } from '../wire/protocol.js';

/** The last word of one peer about who belongs to the cluster: Formation.members in peer.proto. */
export interface Vouch {
  readonly by: ReplicaId;
  readonly members: readonly VouchedMember[];
}

/** What peers vouch for. Kept in memory only: whoever may vouch does so again on every new link. */
export class Vouches {
  /** The newest last. Bounded: only replicas that were admitted speak, and each one's last word is kept. */
  readonly #heard = new Map<ReplicaId, readonly VouchedMember[]>();

  get list(): readonly Vouch[] {
    return [...this.#heard].map(([by, members]) => ({ by, members }));
  }

  /** In place of whatever `by` vouched for before. True when it says something else now. */
  hear({ by, members }: Vouch): boolean {
    const before = this.#heard.get(by) ?? [];
    this.#heard.delete(by);
    if (members.length > 0) this.#heard.set(by, members);
    return !sameMembers(before, members);
  }

  forget(isGone: (by: ReplicaId) => boolean): void {
    for (const by of this.#heard.keys()) if (isGone(by)) this.#heard.delete(by);
  }
}

/**
 * Whom a replica vouches for, by the committed memberships of its groups: what is in force and not committed may be
 * undone, and then nobody would take the word back. Voters before learners, as only voters lead.
 */
export function vouchedMembers(
  committed: readonly Membership[],
  { replicas }: Pick<Topology, 'replicas'>,
): readonly VouchedMember[] {
  const vouched = new Map<ReplicaId, VouchedMember>();
  const voters = committed.map((of) => ({ of, ids: [...of.voters, ...of.outgoing] }));
  const learners = committed.map((of) => ({ of, ids: of.learners }));
  for (const { of, ids } of [...voters, ...learners]) {
    for (const id of ids) {
      const { folder = null, peer = null } = of.members.find((info) => info.id === id) ?? {};
      const known = vouched.get(id);
      vouched.set(id, { id, folder: known?.folder ?? folder, peer: known?.peer ?? dialable(peer) });
    }
  }
  const list = [...vouched.values()].map(({ id, folder, peer }) => {
    const listed = replicas.find((replica) => replica.id === id)?.peer.advertise;
    return { id, folder, peer: peer ?? (listed === undefined ? null : dialable(formatAddress(listed))) };
  });
  return list.slice(0, VOUCHED_MEMBERS_MAX);
}

/** The address if others can be told of it. */
function dialable(peer: string | null): string | null {
  if (peer === null || typeof parseAddress(peer) === 'string') return null;
  return peer.length <= PEER_ADDRESS_BYTES_MAX ? peer : null;
}

/** In the same order: it is the same membership's. */
export function sameMembers(a: readonly VouchedMember[], b: readonly VouchedMember[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, folder, peer }, at) => b[at]?.id === id && b[at].folder === folder && b[at].peer === peer)
  );
}
