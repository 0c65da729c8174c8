import type { ReplicaId } from '../../../base/brand.js';
import type { LeaderlessMember } from '../../../replica/leaderless/member.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { LeaderlessFacts } from './facts.js';

interface Root {
  readonly hash: string;
  readonly by: ReplicaId;
}

/**
 * Strong convergence (reliability.md §3.3): who has applied the same has the same state, whenever and in whatever order.
 * Every state that any member ever stood at is compared with every other one of the same vector.
 */
export class ConvergenceChecks implements Observer {
  readonly #facts: LeaderlessFacts;
  readonly #roots = new Map<string, Root>();
  readonly #last = new Map<ReplicaId, { readonly member: LeaderlessMember; readonly state: string }>();

  constructor(facts: LeaderlessFacts) {
    this.#facts = facts;
    // Positions that nobody has any more may be taken again. Who stands where is looked at once more.
    facts.whenLost(() => {
      this.#roots.clear();
      this.#last.clear();
    });
  }

  onTurn({ id, leaderless }: SimProcess): void {
    if (leaderless === null) return;
    const state = stateOf(leaderless);
    const last = this.#last.get(id);
    if (last?.member === leaderless && last.state === state) return;
    this.#last.set(id, { member: leaderless, state });
    const { hash } = leaderless.kv.root();
    const known = this.#roots.get(state);
    if (known === undefined) this.#roots.set(state, { hash, by: id });
    else {
      this.#facts.stats.roots++;
      if (known.hash !== hash) {
        throw new Violation('strong-convergence', `${id} has root ${hash} at ${state}; ${known.by} had ${known.hash}`);
      }
    }
  }
}

export function stateOf({ kv }: LeaderlessMember): string {
  const positions = [...kv.vector].filter(([, seq]) => seq > 0).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${positions.map(([origin, seq]) => `${origin}:${seq}`).join(' ')} collected ${kv.collectedTo}`;
}
