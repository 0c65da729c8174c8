import type { GroupId, ReplicaId, Term } from '../../../base/brand.js';
import type { Discarded } from '../../../engines/semisync/events.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';
import { keyOf, type Node } from './histories.js';
import type { Position } from './image.js';

/**
 * Nothing leaves a log without a word (ap.md §1.3.6): what was on a disk and is in the log no more was told before, unless
 * the state that took its place has it. At the end it is in the files of lost writes.
 */
export class DiscardChecks implements Observer {
  readonly #facts: Facts;
  /** By replica: everything that it has told. */
  readonly #told = new Map<ReplicaId, Set<number>>();
  /** Entries with commands that have left a disk's log: they must be in a file there. */
  readonly #left = new Map<ReplicaId, Map<number, Node>>();
  /** Whose log takes the place of what a replica told last. */
  readonly #replacedBy = new Map<ReplicaId, Term>();
  /** The last entries of checkpoints that were told as a whole: the driver has kept those states. */
  readonly #beforeLog = new Set<Node>();

  constructor(facts: Facts) {
    this.#facts = facts;
    facts.onLeft = (process, gone) => this.#onLeft(process.id, gone);
  }

  onDiscarded({ id }: SimProcess, _group: GroupId, { beforeLog, entries, epoch }: Discarded): void {
    const { histories, stats } = this.#facts;
    const told = this.#toldBy(id);
    this.#replacedBy.set(id, epoch);
    const { checkpoint } = this.#facts.of(id).image;
    const kept = beforeLog ? histories.of(checkpoint.index, checkpoint.term) : null;
    if (kept !== null) this.#beforeLog.add(kept);
    for (const entry of entries) {
      told.add(keyOf(entry));
      stats.discarded++;
      const node = histories.of(entry.index, entry.term);
      if (node !== null && Buffer.compare(node.payload, entry.payload) !== 0) {
        throw new Violation(
          'discarded-told',
          `${id} tells another entry ${entry.index} of epoch ${entry.term} than it had`,
        );
      }
    }
  }

  onWiped({ id }: SimProcess): void {
    this.#told.delete(id);
    this.#left.delete(id);
  }

  #toldBy(id: ReplicaId): Set<number> {
    let told = this.#told.get(id);
    if (told === undefined) this.#told.set(id, (told = new Set()));
    return told;
  }

  #onLeft(id: ReplicaId, gone: readonly Position[]): void {
    const { histories, options } = this.#facts;
    if (options.isDamaged(id)) return;
    const { image } = this.#facts.of(id);
    const told = this.#toldBy(id);
    const state = histories.of(image.checkpoint.index, image.checkpoint.term);
    const newLog = histories.epoch(this.#replacedBy.get(id) ?? (0 as Term));
    for (const position of gone) {
      // What the new log has as well comes back with it.
      if (histories.includes(newLog, position)) continue;
      if (histories.includes(state, position) || image.termOf(position.index) === position.term) continue;
      this.#facts.stats.left++;
      if (!told.has(keyOf(position))) {
        throw new Violation(
          'discarded-told',
          `entry ${position.index} of epoch ${position.term} has left the log of ${id} without a word (ap.md §1.3.6)`,
        );
      }
      const node = histories.of(position.index, position.term);
      if (node === null || node.kind !== 'commands') continue;
      let left = this.#left.get(id);
      if (left === undefined) this.#left.set(id, (left = new Map()));
      left.set(keyOf(position), node);
    }
  }

  /** Whose files must hold something. */
  get expected(): readonly ReplicaId[] {
    return [...this.#left.keys()];
  }

  /** `saved`: every entry in the files of lost writes of `id`. */
  checkFiles(id: ReplicaId, saved: readonly Position[]): void {
    const keys = new Set(saved.map(keyOf));
    for (const [key, { index, term }] of this.#left.get(id) ?? []) {
      if (keys.has(key)) continue;
      throw new Violation(
        'discarded-saved',
        `entry ${index} of epoch ${term} has left the log of ${id} and is in none of its files of lost writes`,
      );
    }
  }

  /** What was acknowledged and is lost is in somebody's files, once everybody who had it has come back. */
  checkLost(state: Node | null, isBack: (id: ReplicaId) => boolean): void {
    const { histories, lost, processes } = this.#facts;
    if (![...processes.keys()].every(isBack)) return;
    const told = new Set([...this.#told.values()].flatMap((each) => [...each]));
    for (const key of lost) {
      const node = histories.of((key % 2 ** 32) as Node['index'], Math.floor(key / 2 ** 32) as Node['term']);
      if (node?.kind !== 'commands' || told.has(key) || histories.includes(state, node)) continue;
      if ([...this.#beforeLog].some((kept) => histories.includes(kept, node))) continue;
      throw new Violation(
        'loss-reported',
        `entry ${node.index} of epoch ${node.term} was acknowledged, is lost, and nobody has told it (ap.md §1.3.6)`,
      );
    }
  }
}
