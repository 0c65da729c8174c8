import type { Clock } from '../../../src/base/clock.js';
import type { Scheduler } from '../../../src/base/scheduler.js';
import type { Waker } from '../../../src/workload/waker.js';

interface Event {
  readonly atMs: number;
  readonly number: number;
  readonly task: () => void;
}

/** Time that passes from event to event, with promises settled in between. */
export class VirtualTime {
  #nowMs = 0;
  #number = 0;
  #events: Event[] = [];

  readonly clock: Clock = { monotonicMs: () => this.#nowMs, wallMs: () => this.#nowMs };

  readonly scheduler: Scheduler = {
    nextTurn: (task) => void this.at(this.#nowMs, task),
    after: (delayMs, task) => this.at(this.#nowMs + delayMs, task),
    every: (intervalMs, task) => {
      let cancel = (): void => undefined;
      const again = (): void => {
        cancel = this.at(this.#nowMs + intervalMs, () => {
          again();
          task();
        });
      };
      again();
      return () => cancel();
    },
  };

  /** Exact to the event. */
  createWaker(): Waker {
    let cancel = (): void => undefined;
    return {
      wake: (atMs, task) => {
        cancel();
        cancel = this.at(atMs, task);
      },
      cancel: () => cancel(),
    };
  }

  at(atMs: number, task: () => void): () => void {
    const event = { atMs: Math.max(atMs, this.#nowMs), number: this.#number++, task };
    this.#events.push(event);
    return () => {
      this.#events = this.#events.filter((other) => other !== event);
    };
  }

  /** Lets time pass until `done` has settled. */
  async run<T>(done: Promise<T>): Promise<T> {
    let settled = false;
    const finished = done.finally(() => (settled = true));
    finished.catch(() => undefined);
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve)); // Every promise that can go on has.
      if (settled) return finished;
      const next = this.#events.reduce<Event | null>((best, event) => (isEarlier(event, best) ? event : best), null);
      if (next === null) throw new Error('nothing is left to happen');
      // Events of the same time, one turn of promises after each batch.
      this.#nowMs = next.atMs;
      for (const event of this.#events.filter(({ atMs }) => atMs === next.atMs)) {
        if (!this.#events.includes(event)) continue;
        this.#events.splice(this.#events.indexOf(event), 1);
        event.task();
      }
    }
  }
}

function isEarlier(event: Event, best: Event | null): boolean {
  return best === null || event.atMs < best.atMs || (event.atMs === best.atMs && event.number < best.number);
}
