import type { GroupId, ReplicaId, Term } from '../../../base/brand.js';
import type { EngineMessage } from '../../../engines/messages.js';
import type { Promotion } from '../../../replica/router.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';
import { keyOf, type Node } from './histories.js';

/**
 * One leader per epoch, promised by enough members, whose log has everything that was acknowledged (ap.md §1.3.5). Where an
 * operator has forced it with fewer, its first entry says so, and what is missing is lost; anything else that is missing breaks
 * the promise.
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
    const { committed, histories, lost, stats } = this.#facts;
    const { term } = noop;
    const forced = noop.payload.length > 0;
    stats.epochs++;
    if (forced) stats.forcedEpochs++;
    if (term < this.#facts.world) return;
    if (!forced && !this.#facts.lossy) this.#checkPromises(noop);
    const missing = committed.findIndex(
      ({ epoch, node }) => epoch < term && histories.ancestor(noop, node.index) !== node,
    );
    if (missing < 0) {
      if (forced) this.#facts.world = term;
      return;
    }
    const gone = committed.slice(missing);
    if (!forced)
      this.#checkExcused(
        noop,
        gone.map(({ node }) => node).filter((node) => histories.ancestor(noop, node.index) !== node),
      );
    for (const { node } of gone) lost.add(keyOf(node));
    stats.lost += gone.filter(({ node }) => node.kind === 'commands').length;
    committed.length = missing;
    this.#facts.world = term;
  }

  /** That many promises meet every set of W + 1 disks, and two candidates exclude each other. */
  #checkPromises({ prev, term }: Node): void {
    const { committed, histories, options } = this.#facts;
    const { followers } = options;
    const writeQuorum = committed.at(-1)?.node.writeQuorum ?? histories.formedWith;
    const required = Math.max(Math.floor((followers + 1) / 2) + 1, followers - writeQuorum + 1);
    const promised = this.#granted.get(term) ?? new Set();
    if (promised.size + 1 >= required) return; // Its own counts as well.
    throw new Violation(
      'promises',
      `epoch ${term} begins after entry ${prev?.index ?? 0} with the promises of itself and ${[...promised].join(', ') || 'nobody'}; with ` +
        `a write quorum of ${writeQuorum} it takes ${required} of ${followers + 1} (ap.md §1.3.5)`,
    );
  }

  /** Only what a destroyed disk had held may be missing without force: P counts on what was acknowledged being there. */
  #checkExcused(noop: Node, gone: readonly Node[]): void {
    const { options, processes } = this.#facts;
    const damaged = [...processes.keys()].filter((id) => options.isDamaged(id));
    const unexcused = gone.find((node) => !damaged.some((id) => this.#everHeld(id, node)));
    if (unexcused === undefined) return;
    throw new Violation(
      'acknowledged-kept',
      `epoch ${noop.term} begins after entry ${noop.index - 1} and lacks entry ${unexcused.index} of epoch ${unexcused.term}, ` +
        `which was committed; nothing says that it was forced (ap.md §1.3.5)`,
    );
  }

  #everHeld(id: ReplicaId, node: Node): boolean {
    const { image, lost } = this.#facts.of(id);
    return [image, ...lost].some((folder) => folder.everHeld(node));
  }
}
