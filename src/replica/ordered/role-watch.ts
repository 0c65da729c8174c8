import type { ReplicaId } from '../../base/brand.js';
import type { MemberStats } from '../stats.js';

/** Counts what changes of one member's role and leader. */
export class RoleWatch {
  readonly #stats: MemberStats;
  #role = 'follower';
  #leader: ReplicaId | null = null;

  constructor(stats: MemberStats) {
    this.#stats = stats;
  }

  note({ leader, role }: { readonly leader: ReplicaId | null; readonly role: string }): void {
    if (role === 'pre-candidate' && this.#role !== 'pre-candidate') this.#stats.elections++;
    if (leader !== null && leader !== this.#leader) this.#stats.leaderChanges++;
    this.#role = role;
    this.#leader = leader ?? this.#leader;
  }
}
