import { assert, assertDefined } from '../../base/assert.js';
import type { OriginId } from '../../base/brand.js';
import type { OriginBatch } from './types.js';

/**
 * What this member retains of one origin, in memory:
 *
 *      cut away        retained, durable     being written
 *   1 ........ base | base+1 ....... durable | ........ accepted
 *              ^ only its boot is known
 *
 * Accepted batches are in the order of their dependencies, and no position is missing (the prefix property, ap.md §1.0.3).
 */
export class OriginLog {
  readonly origin: OriginId;
  #base: number;
  #baseBoot: number;
  #batches: OriginBatch[] = [];
  #durable: number;
  #bytes = 0;
  /** The last counter that the origin is known to have used. */
  #counter = 0;

  constructor(origin: OriginId, base: number, baseBoot: number) {
    this.origin = origin;
    this.#base = base;
    this.#baseBoot = baseBoot;
    this.#durable = base;
  }

  /** The last position that others may get as a batch is above it. */
  get base(): number {
    return this.#base;
  }

  get first(): number {
    return this.#base + 1;
  }

  get accepted(): number {
    return this.#base + this.#batches.length;
  }

  get durable(): number {
    return this.#durable;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#batches.length;
  }

  get counter(): number {
    return this.#counter;
  }

  get boot(): number {
    return this.#batches.at(-1)?.boot ?? this.#baseBoot;
  }

  /** 0 when it is not known (any more). */
  bootOf(seq: number): number {
    if (seq === this.#base) return this.#baseBoot;
    return this.#batches[seq - this.#base - 1]?.boot ?? 0;
  }

  at(seq: number): OriginBatch {
    return assertDefined(this.#batches[seq - this.#base - 1], `batch ${seq} of ${this.origin} is retained`);
  }

  /** Why `batch`, the next position, cannot follow; null when it can. */
  faultOf(batch: OriginBatch): 'boot' | 'counter' | null {
    if (batch.boot < this.boot) return 'boot';
    return batch.counter <= this.#counter ? 'counter' : null;
  }

  append(batch: OriginBatch): void {
    assert(batch.origin === this.origin && batch.seq === this.accepted + 1, 'positions of an origin have no gaps');
    assert(this.faultOf(batch) === null, 'boots and counters never fall along the log of an origin');
    this.#batches.push(batch);
    this.#bytes += batch.encoded.length;
    this.#counter = lastCounter(batch);
  }

  /** True when this position was not durable before. */
  settle(seq: number): boolean {
    if (seq <= this.#durable) return false; // A full sync has overtaken it.
    assert(seq === this.#durable + 1 && seq <= this.accepted, 'batches become durable in order');
    this.#durable = seq;
    return true;
  }

  /** A full sync holds everything up to `seq`: whether the log is durable so far does not matter any more. */
  overtake(seq: number): void {
    assert(seq <= this.accepted, 'only what was accepted is overtaken');
    if (seq > this.#durable) this.#durable = seq;
  }

  cut(seq: number): void {
    if (seq <= this.#base) return;
    assert(seq <= this.#durable, 'only what is durable is cut away');
    const boot = this.bootOf(seq);
    for (const batch of this.#batches.splice(0, seq - this.#base)) this.#bytes -= batch.encoded.length;
    this.#base = seq;
    this.#baseBoot = boot;
  }

  /** A full sync holds everything up to `seq`: the log begins there. */
  reset(seq: number, boot: number): void {
    assert(seq > this.accepted, 'a log never begins before what it holds');
    this.#batches = [];
    this.#bytes = 0;
    this.#base = seq;
    this.#baseBoot = boot;
    this.#durable = seq;
  }
}

export function lastCounter({ counter, commands }: OriginBatch): number {
  return counter + commands - 1;
}
