import { assert } from '../../base/assert.js';
import type { LeaderlessEffects } from './events.js';
import type { OriginBatch } from './types.js';

interface Unit {
  readonly batch: number;
  readonly batches: readonly OriginBatch[];
}

/** What was accepted and is not durable yet: first gathered for the next drain, then on its way to the disk. */
export class Persistence {
  #gathered: OriginBatch[] = [];
  readonly #underway: Unit[] = [];
  #next = 1;
  #bytes = 0;

  /** Bytes of both. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasWork(): boolean {
    return this.#gathered.length > 0;
  }

  add(batch: OriginBatch): void {
    this.#gathered.push(batch);
    this.#bytes += batch.encoded.length;
  }

  take(): LeaderlessEffects['persist'] {
    if (this.#gathered.length === 0) return null;
    const unit = { batch: this.#next++, batches: this.#gathered };
    this.#gathered = [];
    this.#underway.push(unit);
    return unit;
  }

  /** Everything up to unit `batch` is durable: returns it in the order of the log. */
  complete(batch: number): OriginBatch[] {
    assert(batch < this.#next, `persist ${batch} was handed out`);
    const done: OriginBatch[] = [];
    for (;;) {
      const oldest = this.#underway[0];
      if (oldest === undefined || oldest.batch > batch) break;
      this.#underway.shift();
      for (const each of oldest.batches) {
        this.#bytes -= each.encoded.length;
        done.push(each);
      }
    }
    return done;
  }
}
