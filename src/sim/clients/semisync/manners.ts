import type { ReplicaId, Revision, Term } from '../../../base/brand.js';
import type { Seen } from '../../../replica/router.js';
import type { SemisyncClient } from '../../plan/plan.js';
import type { SimProcess } from '../../world/types.js';
import type { Answer } from '../answer.js';
import type { Request } from '../wire.js';

/** What a client of a leader-follower group does besides: it remembers who leads, and what it has seen. */
export class SemisyncManners {
  readonly #plan: SemisyncClient;
  #leader: ReplicaId | null = null;
  #seen: { readonly revision: number; readonly epoch: number } | null = null;

  constructor(plan: SemisyncClient) {
    this.#plan = plan;
  }

  /** A read with what it has seen, and how old the answer may be. */
  dress(request: Extract<Request, { type: 'read' }>): Request {
    const { boundMs, tokens } = this.#plan;
    const bound = request.consistency === 'bounded' ? { maxStalenessMs: boundMs } : {};
    return { ...request, ...bound, ...(tokens && this.#seen !== null ? { seen: tokenOf(this.#seen) } : {}) };
  }

  /** Any member may serve it: sessions move between replicas. */
  goesAnywhere(request: Request): boolean {
    return request.type === 'read' && (request.consistency === 'follower' || request.consistency === 'bounded');
  }

  /** The leader, where that is needed and known. */
  choose(request: Request, among: readonly SimProcess[]): SimProcess | undefined {
    return this.goesAnywhere(request) ? undefined : among.find(({ id }) => id === this.#leader);
  }

  onAnswer(request: Request, answer: Answer, from: ReplicaId | null): void {
    if (!this.goesAnywhere(request)) {
      if (answer.type === 'read' || answer.type === 'written') this.#leader = from;
      else this.#leader = answer.type === 'error' && answer.leader !== from ? (answer.leader ?? null) : null;
    }
    if (answer.type === 'error' && answer.code === 'causal_history_lost') this.#seen = null;
    if (answer.type !== 'read' && answer.type !== 'written') return;
    const { epoch = 0, revision } = answer;
    const seen = this.#seen;
    if (seen === null || epoch > seen.epoch || (epoch === seen.epoch && revision > seen.revision)) {
      this.#seen = { revision, epoch };
    }
  }
}

function tokenOf({ epoch, revision }: { readonly epoch: number; readonly revision: number }): Seen {
  return { revision: revision as Revision, epoch: epoch as Term };
}
