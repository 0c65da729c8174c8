import { unreachable } from '../../../base/assert.js';
import type { ReplicaId } from '../../../base/brand.js';
import type { Membership, PlacedMembership } from '../../../engines/raft/membership.js';
import type { MembershipRequest } from '../../../replica/router.js';
import type { Observer, SimProcess, World } from '../../world/types.js';

interface Seen {
  readonly committed: PlacedMembership;
  readonly latest: PlacedMembership;
}

/** What somebody who can look into every process knows of the group; survives the processes. */
export class View {
  readonly #world: World;
  readonly #seen = new Map<ReplicaId, Seen>();

  constructor(world: World) {
    this.#world = world;
  }

  get observer(): Observer {
    return { onTurn: (process) => this.#look(process) };
  }

  #look({ id, member }: SimProcess): void {
    if (member === null) return;
    const { committedMembership: committed, membership: latest } = member.raft;
    const before = this.#seen.get(id);
    if (before?.committed === committed && before.latest === latest) return;
    this.#seen.set(id, { committed, latest });
  }

  leader(): SimProcess | null {
    let leader: SimProcess | null = null;
    for (const process of this.#world.processes.values()) {
      if (process.state !== 'running' || process.member?.raft.role !== 'leader') continue;
      if (leader === null || process.member.raft.term > (leader.member?.raft.term ?? 0)) leader = process;
    }
    return leader;
  }

  /** The newest membership that is known to be committed; null before anybody has started. */
  committed(): PlacedMembership | null {
    let newest: PlacedMembership | null = null;
    for (const { committed } of this.#seen.values()) {
      if (committed.membership.voters.length > 0 && (newest === null || committed.index > newest.index)) {
        newest = committed;
      }
    }
    return newest;
  }

  /** Memberships that may decide from now on: the newest committed one, and those that may follow it. */
  live(): PlacedMembership[] {
    const committed = this.committed();
    if (committed === null) return [];
    const byIndex = new Map([[`${committed.index}`, committed]]);
    for (const { latest } of this.#seen.values()) {
      // Leaders of different terms may have appended different ones at one index.
      if (latest.index > committed.index) {
        byIndex.set(`${latest.index} ${JSON.stringify(latest.membership)}`, latest);
      }
    }
    return [...byIndex.values()];
  }

  /** Everybody that any live membership lists, in order of creation. */
  members(): SimProcess[] {
    const live = this.live().map(({ membership }) => membership);
    const all = [...this.#world.processes.values()];
    return live.length === 0 ? all : all.filter(({ id }) => live.some((membership) => lists(membership, id)));
  }
}

export function lists({ learners, outgoing, voters }: Membership, id: ReplicaId): boolean {
  return voters.includes(id) || outgoing.includes(id) || learners.includes(id);
}

/** True when those for whom `holds` are a majority of the voters, and of the outgoing ones. */
export function decides({ outgoing, voters }: Membership, holds: (id: ReplicaId) => boolean): boolean {
  const majority = (ids: readonly ReplicaId[]): boolean => 2 * ids.filter(holds).length > ids.length;
  return majority(voters) && (outgoing.length === 0 || majority(outgoing));
}

/**
 * And those that may follow when what an operator has asked for arrives: a leader that has just heard of one who is gone by
 * then begins the change all the same (raft.md M8), and after that both sets decide.
 */
export function withPending(live: readonly Membership[], pending: readonly MembershipRequest[]): readonly Membership[] {
  const all = [...live];
  // New ones are looked at in their turn; there are finitely many.
  for (const membership of all) {
    for (const request of pending) {
      const next = votersAfter(membership, request);
      if (next === null) continue;
      const joint = { ...membership, voters: next, outgoing: membership.voters };
      if (!all.some((known) => sameVoters(known, joint))) all.push(joint);
    }
  }
  return all;
}

/** Null where they stay the same. */
function votersAfter({ learners, voters }: Membership, request: MembershipRequest): readonly ReplicaId[] | null {
  switch (request.op) {
    case 'add':
      return null;
    case 'promote': {
      const { replica } = request;
      return learners.includes(replica) && !voters.includes(replica) ? [...voters, replica] : null;
    }
    case 'remove': {
      const { replica } = request;
      return voters.length > 1 && voters.includes(replica) ? voters.filter((id) => id !== replica) : null;
    }
    default:
      return unreachable(request);
  }
}

function sameVoters(a: Membership, b: Membership): boolean {
  return `${a.voters.join()} ${a.outgoing.join()}` === `${b.voters.join()} ${b.outgoing.join()}`;
}
