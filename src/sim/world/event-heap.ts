import type { EventKind } from './event-kinds.js';

/** Something that is to happen. `run` is null once it has happened, or was cancelled. */
export interface TimedEvent {
  readonly atUs: number;
  readonly sequence: number;
  /** Whose event it is, for the hash: the ordinal of a process, 0 for the world. */
  readonly owner: number;
  readonly kind: EventKind;
  run: (() => void) | null;
}

/** A binary heap of events by (time, sequence): a total order, ties in the order of scheduling (reliability.md §3.2). */
export class EventHeap {
  readonly #events: TimedEvent[] = [];

  get size(): number {
    return this.#events.length;
  }

  peek(): TimedEvent | undefined {
    return this.#events[0];
  }

  push(event: TimedEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = events[up];
      if (parent === undefined || !isBefore(event, parent)) break;
      events[at] = parent;
      at = up;
    }
    events[at] = event;
  }

  pop(): TimedEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (last !== undefined && events.length > 0) this.#sink(last);
    return first;
  }

  clear(): void {
    this.#events.length = 0;
  }

  /** Puts `event` where the first one was taken away. */
  #sink(event: TimedEvent): void {
    const events = this.#events;
    const half = events.length >> 1;
    let at = 0;
    while (at < half) {
      let down = 2 * at + 1;
      let child = events[down] as TimedEvent;
      const right = events[down + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        down++;
      }
      if (!isBefore(child, event)) break;
      events[at] = child;
      at = down;
    }
    events[at] = event;
  }
}

function isBefore(left: TimedEvent, right: TimedEvent): boolean {
  return left.atUs < right.atUs || (left.atUs === right.atUs && left.sequence < right.sequence);
}
