import type { ReplicaId } from '../../base/brand.js';
import type { Atlas } from '../plan/nemesis/stage.js';
import type { SimProcess } from '../world/types.js';
import type { Statistics } from './statistics.js';

/** Knows which disks are not to be trusted any more. What else may be damaged is for each engine to say. */
export class DiskAtlas implements Atlas {
  readonly #statistics: Statistics;
  readonly #mayDamage: (process: SimProcess) => boolean;
  readonly #damaged = new Set<ReplicaId>();

  constructor(statistics: Statistics, mayDamage: (process: SimProcess) => boolean) {
    this.#statistics = statistics;
    this.#mayDamage = mayDamage;
  }

  get count(): number {
    return this.#damaged.size;
  }

  has(id: ReplicaId): boolean {
    return this.#damaged.has(id);
  }

  readonly isDamaged = ({ id }: SimProcess): boolean => this.#damaged.has(id);

  /** It is what it was, and will be when the power goes. */
  isSound({ disk, id }: SimProcess): boolean {
    return !this.#damaged.has(id) && !disk.lies;
  }

  claim(process: SimProcess): boolean {
    if (!this.#mayDamage(process)) return false;
    this.#damage(process);
    return true;
  }

  loseSync(process: SimProcess, told: () => void): void {
    if (!this.#mayDamage(process)) return;
    process.disk.loseNextSync(() => {
      this.#statistics.lostSyncs++;
      told();
    });
  }

  /**
   * Every engine trusts that what was synced stays (raft.md R1): with less than it has vouched for, a replica may vote for
   * one that lacks what is committed, and nothing on its disk need show that. So whoever operates it takes the disk away when
   * it has lost power while it lied, whatever its log says. True: that has just happened.
   */
  takeAwayBroken(process: SimProcess): boolean {
    if (!process.disk.broken || this.#damaged.has(process.id)) return false;
    this.#damage(process);
    this.#statistics.lyingDisks++;
    process.examine((refusal) => {
      if (refusal !== null) this.#statistics.liesNoticed++;
      process.wipe();
    });
    return true;
  }

  /** It has another one now. */
  forget(id: ReplicaId): void {
    this.#damaged.delete(id);
  }

  #damage({ id }: SimProcess): void {
    this.#damaged.add(id);
    this.#statistics.damagedDisks++;
  }
}
