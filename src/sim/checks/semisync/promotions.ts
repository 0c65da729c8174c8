import type { GroupId, ReplicaId, Term } from '../../../base/brand.js';
import type { EngineMessage } from '../../../engines/messages.js';
import type { Promotion } from '../../../replica/router.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';
import type { Node } from './histories.js';
import { forkOf, isForced } from './orders.js';

/**
 * One leader per epoch, promised by enough members, whose log has everything that was acknowledged (ap.md §1.3.5). Where an
 * operator has forced it with fewer, its first entry says so, and what is missing is lost; anything else that is missing breaks
 * the promise (orders.ts).
 */
export class PromotionChecks implements Observer {
  readonly #facts: Facts;
  readonly #leaders = new Map<Term, ReplicaId>();
  readonly #granted = new Map<Term, Set<ReplicaId>>();

  constructor(facts: Facts) {
    this.#facts = facts;
    facts.histories.onEpoch = (noop) => this.#onEpoch(noop);
  }

  onMessage(process: SimProcess, _group: GroupId, message: EngineMessage): void {
    if (message.type === 'appendRequest' || message.type === 'epochHeartbeat') {
      this.#leads(process.id, message.term, `sends ${message.type}`);
    } else if (message.type === 'promiseResponse' && message.granted && !message.ask) {
      let granted = this.#granted.get(message.term);
      if (granted === undefined) this.#granted.set(message.term, (granted = new Set()));
      granted.add(process.id);
    }
  }

  onTurn(process: SimProcess): void {
    const { before, now } = this.#facts.of(process.id);
    if (now === null || now === before || now.role !== 'leader') return;
    if (before?.role !== 'leader' || before.term !== now.term) this.#leads(process.id, now.term, 'became leader');
  }

  #leads(id: ReplicaId, term: Term, how: string): void {
    const other = this.#leaders.get(term);
    if (other === undefined) this.#leaders.set(term, id);
    else if (other !== id) throw new Violation('one-leader', `${id} ${how} in epoch ${term}, which ${other} leads`);
  }

  /** An operator was told how it went. */
  onPromoted({ id }: SimProcess, { epoch, lossPossible, promised, required }: Promotion): void {
    if (promised.length === 0 || lossPossible === promised.length < required) return; // Nobody: it led already.
    throw new Violation(
      'loss-reported',
      `${id} leads epoch ${epoch} with ${promised.length} of ${required} promises and says that a loss is ` +
        (lossPossible ? 'possible' : 'not possible'),
    );
  }

  #onEpoch(noop: Node): void {
    const { orders, stats } = this.#facts;
    const forced = isForced(noop);
    stats.epochs++;
    if (forced) stats.forcedEpochs++;
    else this.#checkPromises(noop);
    orders.begin(noop);
  }

  /** The last entry before it that anybody has committed in a lower epoch. */
  #lastCommitted({ prev, term }: Node): Node | null {
    let last: Node | null = null;
    for (const { epoch, node } of this.#facts.orders.tips()) {
      const fork = epoch < term ? forkOf(prev, node) : null;
      if (fork !== null && fork.index > (last?.index ?? 0)) last = fork;
    }
    return last;
  }

  /** That many promises meet every set of W + 1 disks, and two candidates exclude each other. */
  #checkPromises(noop: Node): void {
    const { histories, options } = this.#facts;
    const { followers } = options;
    const { prev, term } = noop;
    const writeQuorum = this.#lastCommitted(noop)?.writeQuorum ?? histories.formedWith;
    const required = Math.max(Math.floor((followers + 1) / 2) + 1, followers - writeQuorum + 1);
    const promised = this.#granted.get(term) ?? new Set();
    if (promised.size + 1 >= required) return; // Its own counts as well.
    throw new Violation(
      'promises',
      `epoch ${term} begins after entry ${prev?.index ?? 0} with the promises of itself and ${[...promised].join(', ') || 'nobody'}; with ` +
        `a write quorum of ${writeQuorum} it takes ${required} of ${followers + 1} (ap.md §1.3.5)`,
    );
  }
}
