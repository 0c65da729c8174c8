import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Prng } from '../../base/prng.js';
import type { Scheduler } from '../../base/scheduler.js';
import { EVENT, type EventKind } from './event-kinds.js';
import type { WorldTime } from './virtual-time.js';

/** From a request for a turn to the turn: what the event loop does first. */
const TURN_MIN_US = 10;
const TURN_MAX_US = 60;
/** What a timer of Node is late by. */
const TIMER_LATE_MAX_US = 300;
/** When the wall clocks of the world begin: 2024-01-01. */
const WALL_START_MS = 1_704_067_200_000;

interface Waiting {
  readonly life: number;
  readonly isTurn: boolean;
  readonly task: () => void;
}

/**
 * The machine that a process runs on, as far as time goes: its clock, its timers, and whether anything runs at all. Every
 * piece of work belongs to one life of the process: a crash ends the life, and with it all that was still to come.
 */
export class Machine {
  readonly ordinal: number;
  /** The life that runs now; 0 while none does. */
  life = 0;
  /** Told what a task threw: the process is dead then. */
  onThrown: (error: unknown) => void = () => undefined;
  /** Something of the process ran. */
  onRan: () => void = () => undefined;
  readonly #time: WorldTime;
  readonly #prng: Prng;
  readonly #clock: MachineClock;
  #lives = 0;
  #paused = false;
  #busyUntilUs = 0;
  #turnMs = 0;
  #waiting: Waiting[] = [];

  constructor(time: WorldTime, ordinal: number, prng: Prng) {
    this.#time = time;
    this.ordinal = ordinal;
    this.#prng = prng;
    this.#clock = new MachineClock(time, ordinal);
  }

  get clock(): Clock {
    return this.#clock;
  }

  get paused(): boolean {
    return this.#paused;
  }

  begin(): number {
    assert(this.life === 0, 'one life at a time');
    this.life = ++this.#lives;
    return this.life;
  }

  end(): void {
    this.life = 0;
    this.#waiting = [];
    this.#paused = false;
    this.#busyUntilUs = 0;
  }

  /** Runs `task` in the process after `delayMs` of true time. */
  later(life: number, delayMs: number, kind: EventKind, task: () => void): void {
    this.#time.schedule(delayMs, this.ordinal, kind, () => this.deliver(life, task));
  }

  /** Runs `task` in the process now, or when it can run again, or never. */
  deliver(life: number, task: () => void, isTurn = false): void {
    if (life !== this.life || life === 0) return;
    if (this.#paused || this.#waiting.length > 0 || this.#time.nowUs < this.#busyUntilUs) {
      this.#waiting.push({ life, isTurn, task });
    } else this.#execute(task, isTurn);
  }

  /** The timers and turns of one life. */
  schedulerOf(life: number): Scheduler {
    return {
      nextTurn: (task) => this.#turn(life, task),
      every: (intervalMs, task) => this.#every(life, intervalMs, task),
      after: (delayMs, task) => this.#after(life, delayMs, task),
    };
  }

  pause(): void {
    this.#paused = true;
  }

  /** What waited runs in the order in which it came, each timer once (reliability.md §2.2). */
  resume(): void {
    this.#paused = false;
    this.#wake(Math.max(this.#time.nowUs, this.#busyUntilUs));
  }

  /** From now on a turn keeps the process busy for so long. */
  slow(turnMs: number): void {
    this.#turnMs = turnMs;
  }

  setClock(rate: number, jumpMs: number): void {
    this.#clock.set(rate, jumpMs);
  }

  #execute(task: () => void, isTurn: boolean): void {
    this.onRan();
    try {
      task();
    } catch (error) {
      this.onThrown(error);
      return;
    }
    if (!isTurn || this.#turnMs === 0) return;
    this.#busyUntilUs = this.#time.nowUs + Math.round(this.#turnMs * 1000);
    this.#wake(this.#busyUntilUs);
  }

  #wake(atUs: number): void {
    const { life } = this;
    this.#time.scheduleAt(atUs, this.ordinal, EVENT.resume, () => {
      if (life === this.life) this.#drain();
    });
  }

  #drain(): void {
    while (!this.#paused && this.#time.nowUs >= this.#busyUntilUs) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.life === this.life) this.#execute(next.task, next.isTurn);
    }
  }

  #turn(life: number, task: () => void): void {
    const delayUs = this.#prng.between(TURN_MIN_US, TURN_MAX_US);
    this.#time.scheduleAt(this.#time.nowUs + delayUs, this.ordinal, EVENT.turn, () => this.deliver(life, task, true));
  }

  #after(life: number, delayMs: number, task: () => void): () => void {
    let cancelled = false;
    const run = (): void => {
      if (!cancelled) task();
    };
    this.#timer(life, delayMs, run);
    return () => {
      cancelled = true;
    };
  }

  #every(life: number, intervalMs: number, task: () => void): () => void {
    let cancelled = false;
    const run = (): void => {
      if (cancelled) return;
      this.#timer(life, intervalMs, run);
      task();
    };
    this.#timer(life, intervalMs, run);
    return () => {
      cancelled = true;
    };
  }

  #timer(life: number, delayMs: number, run: () => void): void {
    const lateUs = this.#prng.between(1, TIMER_LATE_MAX_US);
    const atUs = this.#time.nowUs + Math.ceil((delayMs * 1000) / this.#clock.rate) + lateUs;
    this.#time.scheduleAt(atUs, this.ordinal, EVENT.timer, () => this.deliver(life, run));
  }
}

/** Runs at its own rate; the wall clock jumps, the monotonic one does not. */
class MachineClock implements Clock {
  rate = 1;
  readonly #time: WorldTime;
  #sinceUs = 0;
  #monotonicMs: number;
  #wallOffsetMs = WALL_START_MS;

  constructor(time: WorldTime, ordinal: number) {
    this.#time = time;
    this.#monotonicMs = 1000 * ordinal;
  }

  monotonicMs(): number {
    return this.#monotonicMs + ((this.#time.nowUs - this.#sinceUs) / 1000) * this.rate;
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.monotonicMs());
  }

  set(rate: number, jumpMs: number): void {
    assert(rate > 0, 'a monotonic clock never stands still or goes back');
    this.#monotonicMs = this.monotonicMs();
    this.#sinceUs = this.#time.nowUs;
    this.rate = rate;
    this.#wallOffsetMs += jumpMs;
  }
}
