import type { Clock } from '../base/clock.js';
import type { Scheduler } from '../base/scheduler.js';
import type { Recorder } from './recorder.js';
import type { Slot } from './slot.js';
import type { Source } from './source.js';
import type { Waker } from './waker.js';

/** Decides when operations are sent. */
export interface Loop {
  start(): void;
  /** A lane has room. */
  room(slot: Slot): void;
  /** Called a few times a second. */
  tick(): void;
  /** No operation is begun any more, but for those that are due already. */
  stop(): void;
  /** Operations that are due and not sent. */
  readonly waiting: number;
}

export interface LoopContext {
  readonly slots: readonly Slot[];
  readonly source: Source;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/** A client that is refused waits 1, 2, 4 … ms before it asks again, at most this long. */
const REST_MS_MAX = 100;

/**
 * Every lane sends a request as soon as it has room: with as many in flight as it may. While the server stalls nothing is
 * sent, so that a stall is seen by the requests in flight only, and not by those that users would have sent meanwhile.
 */
export class ClosedLoop implements Loop {
  readonly waiting = 0;
  readonly #context: LoopContext;
  #left: number;
  #stopped = false;

  /** `operations`: how many are begun; Infinity until `stop`. */
  constructor(context: LoopContext, operations: number) {
    this.#context = context;
    this.#left = operations;
  }

  start(): void {
    for (const slot of this.#context.slots) this.#fill(slot);
  }

  room(slot: Slot): void {
    if (slot.failedInRow === 0) this.#fill(slot);
    else this.#rest(slot);
  }

  tick(): void {}

  stop(): void {
    this.#stopped = true;
  }

  /** As many operations as that, from now on. */
  limit(operations: number): void {
    this.#left = operations;
  }

  get exhausted(): boolean {
    return this.#stopped || this.#left === 0 || this.#context.source.left === 0;
  }

  #fill(slot: Slot): void {
    const { clock, source } = this.#context;
    if (slot.resting || this.exhausted || slot.lane.free === 0) return;
    const nowMs = clock.monotonicMs();
    while (slot.lane.free > 0 && !this.exhausted) {
      source.draw();
      this.#left--;
      slot.begin(source, nowMs);
    }
    slot.lane.flush();
  }

  #rest(slot: Slot): void {
    if (slot.resting) return;
    slot.resting = true;
    const delayMs = Math.min(REST_MS_MAX, 2 ** Math.min(slot.failedInRow - 1, 10));
    this.#context.scheduler.after(delayMs, () => {
      slot.resting = false;
      this.#fill(slot);
    });
  }
}

export interface OpenLoopOptions {
  /** Operations per second of this loop. */
  readonly rate: number;
  /** Of the interval between two operations, so that the loops of several threads take turns: 0 to below 1. */
  readonly phase: number;
  /** Operations that may be due and not sent; older ones are dropped and counted. */
  readonly backlogMax: number;
  readonly waker: Waker;
}

/**
 * Operations are due at times that the rate alone decides, and their latency begins when they are due: what waits behind
 * a stall is measured with its wait (no coordinated omission). An operation that finds no room waits; nothing is stored for
 * it, as its due time follows from its number.
 */
export class OpenLoop implements Loop {
  /** Operations that were due for so long that they were given up. */
  dropped = 0;
  #startMs: number | null = null;
  #due = 0;
  #dueMax = Infinity;
  #sent = 0;
  /** The lane whose turn it is. */
  #next = 0;
  #stopped = false;
  readonly #intervalMs: number;
  readonly #context: LoopContext;
  readonly #options: OpenLoopOptions;

  constructor(context: LoopContext, options: OpenLoopOptions) {
    this.#context = context;
    this.#options = options;
    this.#intervalMs = 1000 / options.rate;
  }

  start(): void {
    this.#startMs = this.#context.clock.monotonicMs();
    this.#pump();
  }

  get waiting(): number {
    return this.#due - this.#sent;
  }

  room(slot: Slot): void {
    const nowMs = this.#look();
    if (this.waiting === 0) return;
    while (this.waiting > 0 && slot.lane.free > 0) this.#send(slot, nowMs);
    slot.lane.flush();
    if (this.waiting === 0) this.#sleep();
  }

  tick(): void {
    this.#pump();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#look();
    this.#stopped = true;
    this.#options.waker.cancel();
    this.#pump();
  }

  /** As many operations as that, of those that are due from then on: what is due before was asked for without a limit. */
  limit(operations: number, fromMs: number): void {
    const elapsed = (fromMs - (this.#startMs ?? fromMs)) / this.#intervalMs - this.#options.phase;
    const before = this.#startMs === null ? 0 : Math.max(0, Math.ceil(elapsed));
    this.#dueMax = Math.max(this.#due, before + operations);
  }

  /** True once all operations that there will be are due. */
  get exhausted(): boolean {
    return this.#stopped || this.#due === this.#dueMax;
  }

  /** Sends what is due as far as there is room, lane by lane in turns. */
  #pump(): void {
    const { slots } = this.#context;
    const nowMs = this.#look();
    let full = 0;
    while (this.waiting > 0 && full < slots.length) {
      const slot = slots[this.#next++ % slots.length];
      if (slot === undefined || slot.lane.free === 0) full++;
      else {
        full = 0;
        this.#send(slot, nowMs);
      }
    }
    for (const slot of slots) slot.lane.flush();
    if (this.waiting === 0) this.#sleep();
  }

  #dueMs(number: number): number {
    return (this.#startMs ?? 0) + (number + this.#options.phase) * this.#intervalMs;
  }

  /** What is due by now; drops what has waited for too long. */
  #look(): number {
    const nowMs = this.#context.clock.monotonicMs();
    if (this.#stopped || this.#startMs === null) return nowMs;
    const elapsed = (nowMs - this.#startMs) / this.#intervalMs - this.#options.phase;
    this.#due = Math.min(Math.max(this.#due, Math.floor(elapsed) + 1), this.#dueMax);
    const excess = this.waiting - this.#options.backlogMax;
    if (excess > 0) {
      this.#sent += excess;
      this.dropped += excess;
    }
    return nowMs;
  }

  #send(slot: Slot, nowMs: number): void {
    const { recorder, source } = this.#context;
    const startMs = this.#dueMs(this.#sent++);
    recorder.late(startMs, nowMs);
    source.draw();
    slot.begin(source, startMs);
  }

  #sleep(): void {
    if (this.exhausted) return;
    this.#options.waker.wake(this.#dueMs(this.#sent), () => this.#pump());
  }
}
