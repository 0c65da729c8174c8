import { assert } from '../../base/assert.js';
import { EventHeap, type TimedEvent } from './event-heap.js';
import { EVENT, type EventKind } from './event-kinds.js';
import type { Excused, VirtualTime, Violation } from './types.js';

const US_PER_MS = 1000;
/**
 * How many microtask rounds follow an event that may have resolved promises. A chain of promises that is longer goes on
 * after the next such event, or after SETTLE_EVENTS of any sort: later than in a real process, and equally in every run
 * of a seed.
 */
const SETTLE_ROUNDS = 16;
const RESOLVED = Promise.resolve();
const SETTLE_EVENTS = 32;

/** Virtual time in microseconds: whole numbers, so that neither the order nor the hash depends on rounding. */
export class WorldTime implements VirtualTime {
  events = 0;
  /** Called after each event, before anything else runs: observers look at what has changed. */
  onEventEnd: () => void = () => undefined;
  readonly #heap = new EventHeap();
  #nowUs = 0;
  #sequence = 0;
  #hash = 0x811c9dc5;
  #settle = false;
  #violation: Violation | Excused | null = null;

  get nowMs(): number {
    return this.#nowUs / US_PER_MS;
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get hash(): number {
    return this.#hash >>> 0;
  }

  after(delayMs: number, task: () => void): () => void {
    const event = this.schedule(delayMs, 0, EVENT.world, task);
    return () => {
      event.run = null;
    };
  }

  /** `owner` and `kind` go into the hash: whose event it is, and of which sort. */
  schedule(delayMs: number, owner: number, kind: EventKind, run: () => void): TimedEvent {
    assert(delayMs >= 0, 'nothing happens before now');
    return this.scheduleAt(this.#nowUs + Math.round(delayMs * US_PER_MS), owner, kind, run);
  }

  scheduleAt(atUs: number, owner: number, kind: EventKind, run: () => void): TimedEvent {
    assert(atUs >= this.#nowUs, 'nothing happens before now');
    const event: TimedEvent = { atUs, sequence: this.#sequence++, owner, kind, run };
    this.#heap.push(event);
    return event;
  }

  /** To be called in an event that may resolve a promise: its continuations run before the next event. */
  settle(): void {
    this.#settle = true;
  }

  /** Ends the run after this event. Production code must not see it: it would take it for a failure of its own. */
  violate(violation: Violation | Excused): void {
    this.#violation ??= violation;
  }

  fold(value: number | string): void {
    if (typeof value === 'number') this.#mix(value);
    else for (let at = 0; at < value.length; at++) this.#mix(value.charCodeAt(at));
  }

  async run(untilMs: number, stop?: () => boolean): Promise<void> {
    const untilUs = Math.round(untilMs * US_PER_MS);
    await this.#settleNow();
    for (;;) {
      this.#throwViolation();
      if (stop?.() === true) return;
      const next = this.#heap.peek();
      if (next === undefined || next.atUs > untilUs) break;
      this.#heap.pop();
      if (next.run === null) continue;
      this.#runOne(next);
      if (this.#settle || this.events % SETTLE_EVENTS === 0) await this.#settleNow();
      this.onEventEnd();
    }
    this.#nowUs = Math.max(this.#nowUs, untilUs);
  }

  /** Nothing that waits will ever happen. */
  clear(): void {
    this.#heap.clear();
  }

  #runOne(event: TimedEvent): void {
    this.#nowUs = event.atUs;
    this.events++;
    this.#mix(event.atUs);
    this.#mix((event.owner << 8) | event.kind);
    const { run } = event;
    event.run = null;
    run?.();
  }

  async #settleNow(): Promise<void> {
    this.#settle = false;
    for (let round = 0; round < SETTLE_ROUNDS; round++) await RESOLVED;
  }

  #throwViolation(): void {
    if (this.#violation === null) return;
    const violation = this.#violation;
    this.#violation = null;
    throw violation;
  }

  /** FNV-1a over whole numbers up to 2^53. */
  #mix(value: number): void {
    let hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
    hash = Math.imul(hash ^ Math.floor(value / 0x1_0000_0000) ^ (hash >>> 15), 0x85ebca6b);
    this.#hash = hash;
  }
}
