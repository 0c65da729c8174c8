import type { Prng } from '../base/prng.js';
import { createKeyChooser, type KeyChooser } from './keys/chooser.js';
import type { KeyCounter } from './keys/counter.js';
import { Kind } from './kinds.js';
import { shareOf, type Mix, type WorkloadSettings } from './settings.js';

/** Where operations come from. `draw` sets `kind` and `key`: an object for each of a million operations a second is too many. */
export interface Source {
  kind: Kind;
  key: number;
  /** Operations left; Infinity when only time ends it. */
  readonly left: number;
  draw(): void;
}

/** Upper ends of the shares, so that one random number decides. */
function thresholds({ insert, read, scan, update }: Mix): readonly (readonly [end: number, kind: Kind])[] {
  return [
    [read, Kind.READ],
    [read + update, Kind.UPDATE],
    [read + update + insert, Kind.INSERT],
    [read + update + insert + scan, Kind.SCAN],
  ];
}

/** The endless stream of operations of one thread, a function of the seed (but for the keys that other threads insert). */
export class MixSource implements Source {
  kind: Kind = Kind.READ;
  key = 0;
  readonly left = Infinity;
  readonly #prng: Prng;
  readonly #thresholds: readonly (readonly [end: number, kind: Kind])[];
  readonly #last: Kind;
  readonly #single: boolean;
  readonly #choose: KeyChooser;
  readonly #counter: KeyCounter;

  constructor(settings: WorkloadSettings, prng: Prng, counter: KeyCounter, thread: number) {
    const { distribution, keys, mix, threads } = settings;
    this.#prng = prng;
    const parts = thresholds(mix);
    this.#thresholds = parts.filter(([end], at) => end > (parts[at - 1]?.[0] ?? 0));
    // The shares add up to 1 only nearly: what is left of rounding belongs to the last kind that has a share.
    const lastShare = this.#thresholds.at(-1)?.[1] ?? Kind.RMW_READ;
    this.#last = mix.readModifyWrite > 0 ? Kind.RMW_READ : lastShare;
    this.#single = this.#thresholds.length + (mix.readModifyWrite > 0 ? 1 : 0) <= 1;
    this.#choose = createKeyChooser(distribution, keys, Math.floor((keys / threads) * thread));
    this.#counter = counter;
  }

  draw(): void {
    this.kind = this.#drawKind();
    this.key = this.kind === Kind.INSERT ? this.#counter.take() : this.#choose(this.#prng, this.#counter.keys);
  }

  #drawKind(): Kind {
    if (this.#single) return this.#last;
    const draw = this.#prng.float();
    for (const [end, kind] of this.#thresholds) if (draw < end) return kind;
    return this.#last;
  }
}

/** Every key of the thread's part once, in order: what `--load` writes before a run. */
export class LoadSource implements Source {
  readonly kind = Kind.INSERT;
  key: number;
  #next: number;
  readonly #end: number;

  constructor(keys: number, thread: number, threads: number) {
    let first = 0;
    for (let before = 0; before < thread; before++) first += shareOf(keys, before, threads);
    this.#next = first;
    this.key = first;
    this.#end = first + shareOf(keys, thread, threads);
  }

  get left(): number {
    return this.#end - this.#next;
  }

  draw(): void {
    this.key = this.#next++;
  }
}
