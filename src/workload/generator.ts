import type { Clock } from '../base/clock.js';
import { KvorumError } from '../base/errors/error.js';
import type { Scheduler } from '../base/scheduler.js';
import { LaneCode, type LaneFactory } from './lane.js';
import { ClosedLoop, OpenLoop } from './loops.js';
import { Recorder, type SecondReport } from './recorder.js';
import { Slot, type SlotOwner } from './slot.js';
import type { Source } from './source.js';
import type { Waker } from './waker.js';

export interface GeneratorOptions {
  /** One for each connection. */
  readonly lanes: readonly LaneFactory[];
  readonly source: Source;
  /** Operations per second of this generator; null: a closed loop. */
  readonly rate: number | null;
  /** See OpenLoopOptions. */
  readonly phase: number;
  readonly warmUpMs: number;
  /** Infinity: until `operations` are done, or the source has no more. */
  readonly durationMs: number;
  /** Infinity: for `durationMs`. */
  readonly operations: number;
  /** How long answers are waited for at the end. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly waker: Waker;
  /** The measurement begins. */
  onBegin?(): void;
  /** It ends; the last answers are waited for. */
  onEnd?(): void;
  onSecond?(second: SecondReport): void;
}

export interface GeneratorResult {
  readonly elapsedMs: number;
  /** Operations that were due and not sent when the measurement ended (open loop). */
  readonly waitingAtEnd: number;
  readonly waitingMax: number;
  /** Operations that were due for too long and were given up, or were never sent. */
  readonly dropped: number;
}

/** How often timeouts are looked for, and the backlog. */
const TICK_MS = 100;
/** Open loop: what may be due and not sent, as seconds of the rate: longer than an election, shorter than patience. */
const BACKLOG_SECONDS = 10;
const SECOND_MS = 1000;
/** A shorter rest is not reported as a second of its own. */
const LAST_MS_MIN = 300;

/**
 * One thread's load: lanes, a loop that decides when they send, and what is counted. Time, lanes and operations are
 * given to it, so that it runs as well on virtual time.
 */
export class Generator implements SlotOwner {
  readonly recorder = new Recorder();
  readonly #options: GeneratorOptions;
  readonly #slots: readonly Slot[];
  readonly #loop: ClosedLoop | OpenLoop;
  #unsettled: number;
  #started = false;
  #waitingMax = 0;
  #onSettled: () => void = () => undefined;
  #onDone: (() => void) | null = null;
  #cutShort: (() => void) | null = null;
  #stopped = false;

  constructor(options: GeneratorOptions) {
    const { clock, lanes, phase, rate, scheduler, source, waker } = options;
    this.#options = options;
    this.#slots = lanes.map((create) => new Slot(create, this.recorder, this));
    this.#unsettled = lanes.length;
    const context = { slots: this.#slots, source, recorder: this.recorder, clock, scheduler };
    const backlogMax = Math.max(1000, Math.ceil((rate ?? 0) * BACKLOG_SECONDS));
    this.#loop =
      rate === null ? new ClosedLoop(context, Infinity) : new OpenLoop(context, { rate, phase, backlogMax, waker });
  }

  /** Connects, warms up, measures, waits for the last answers. Throws `cannot_connect` when no lane could connect. */
  async run(): Promise<GeneratorResult> {
    const { clock, scheduler, warmUpMs } = this.#options;
    const stopTicks = scheduler.every(TICK_MS, () => this.#tick());
    try {
      await this.#connect();
      this.#started = true;
      if (warmUpMs > 0) {
        this.#loop.start();
        await this.#pause(warmUpMs);
      }
      const startMs = clock.monotonicMs();
      this.recorder.begin(startMs);
      this.#options.onBegin?.();
      this.#loop.limit(this.#stopped ? 0 : this.#options.operations, startMs);
      if (warmUpMs === 0) this.#loop.start();
      return await this.#measure(startMs);
    } finally {
      stopTicks();
      for (const slot of this.#slots) slot.lane.close(null);
    }
  }

  /** Ends warm-up or measurement now. */
  stop(): void {
    this.#stopped = true;
    this.#cutShort?.();
  }

  room(slot: Slot): void {
    if (!this.#started) return;
    this.#loop.room(slot);
    if (this.#onDone !== null) this.#lookIfDone();
  }

  settled(): void {
    this.#unsettled--;
    if (this.#unsettled === 0) this.#onSettled();
  }

  async #connect(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
      for (const slot of this.#slots) slot.lane.open();
    });
    if (this.#slots.some(({ downBecause }) => downBecause === null)) return;
    throw new KvorumError('cannot_connect', this.#slots[0]?.downBecause?.message ?? 'There are no connections');
  }

  async #measure(startMs: number): Promise<GeneratorResult> {
    const { clock, durationMs, scheduler } = this.#options;
    const stopSeconds = scheduler.every(SECOND_MS, () => {
      const nowMs = clock.monotonicMs();
      // What is left of the time belongs to the last report, which waits for the last answers.
      if (nowMs - startMs < durationMs - LAST_MS_MIN) this.#options.onSecond?.(this.recorder.takeSecond(nowMs));
    });
    const ended = durationMs === Infinity ? this.#allDone() : this.#pause(durationMs);
    await ended;
    const endMs = clock.monotonicMs();
    this.#loop.stop();
    this.recorder.end(endMs);
    this.#options.onEnd?.();
    const waitingAtEnd = this.#loop.waiting;
    await this.#drain();
    stopSeconds();
    this.#options.onSecond?.(this.recorder.takeSecond(clock.monotonicMs()));
    const dropped = this.#loop instanceof OpenLoop ? this.#loop.dropped + this.#loop.waiting : 0;
    return { elapsedMs: endMs - startMs, waitingAtEnd, waitingMax: Math.max(this.#waitingMax, waitingAtEnd), dropped };
  }

  /** Waits for the answers to what was begun, and sends what was due: it is measured with its wait. */
  async #drain(): Promise<void> {
    const { scheduler, timeoutMs } = this.#options;
    await new Promise<void>((resolve) => {
      const cancel = scheduler.after(timeoutMs, resolve);
      this.#onDone = () => {
        cancel();
        resolve();
      };
      this.#lookIfDone();
    });
    this.#onDone = null;
    for (const slot of this.#slots) slot.lane.close(LaneCode.NO_ANSWER);
  }

  #allDone(): Promise<void> {
    return new Promise((resolve) => {
      this.#cutShort = resolve;
      if (this.#stopped) resolve();
      this.#onDone = resolve;
      this.#lookIfDone();
    });
  }

  #lookIfDone(): void {
    const { source } = this.#options;
    const sending = !this.#loop.exhausted && source.left > 0;
    const onDone = this.#onDone;
    if (sending || this.#loop.waiting > 0 || onDone === null) return;
    if (this.#slots.some(({ outstanding }) => outstanding > 0)) return;
    this.#onDone = null;
    onDone();
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.scheduler.after(milliseconds, resolve);
      this.#cutShort = () => {
        cancel();
        resolve();
      };
      if (this.#stopped) this.#cutShort();
    });
  }

  #tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const slot of this.#slots) slot.lane.tick(nowMs);
    if (!this.#started) return;
    this.#loop.tick();
    this.#waitingMax = Math.max(this.#waitingMax, this.#loop.waiting);
    if (this.#onDone !== null) this.#lookIfDone();
  }
}
