import { assert } from '../../base/assert.js';

const LOG10_E = Math.LOG10E;
const SAMPLES = 1000;
/** Fewer samples than this say little: the expected interval stands in for them. */
const SAMPLES_MIN = 5;

/**
 * Phi-accrual after Cassandra (ap.md §1.0.9): intervals between messages are taken to be exponential, so that
 * phi = silence / mean x log10(e), and a silence of 18.4 mean intervals reaches 8. Time is ticks. Local opinion: it decides
 * whom we talk to and what we expect to succeed, never who is a member.
 */
export class FailureDetector {
  readonly #expectedTicks: number;
  readonly #intervals: number[] = [];
  #next = 0;
  #sum = 0;
  #lastTick: number;
  #discard = true;

  /**
   * `expectedTicks`: the mean while nothing is known, and the least: a burst of messages must not make the silence after
   * it suspicious.
   */
  constructor(expectedTicks: number, tick: number) {
    assert(expectedTicks > 0, 'messages are expected at some rate');
    this.#expectedTicks = expectedTicks;
    this.#lastTick = tick;
  }

  get lastTick(): number {
    return this.#lastTick;
  }

  get samples(): number {
    return this.#intervals.length;
  }

  get mean(): number {
    const count = this.#intervals.length;
    return count < SAMPLES_MIN ? this.#expectedTicks : Math.max(this.#expectedTicks, this.#sum / count);
  }

  heard(tick: number): void {
    const interval = tick - this.#lastTick;
    this.#lastTick = tick;
    if (this.#discard) {
      this.#discard = false;
      return;
    }
    if (interval === 0) return; // Of one turn: they say nothing more than the first.
    this.#sum += interval - (this.#intervals[this.#next] ?? 0);
    this.#intervals[this.#next] = interval;
    this.#next = (this.#next + 1) % SAMPLES;
  }

  /** We stood still, or there was no link: the silence says nothing, and the next interval would be distorted. */
  pause(tick: number): void {
    this.#lastTick = tick;
    this.#discard = true;
  }

  phi(tick: number): number {
    return ((tick - this.#lastTick) / this.mean) * LOG10_E;
  }
}
