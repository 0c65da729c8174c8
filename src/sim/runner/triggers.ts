import type { Trigger } from '../plan/nemesis/stage.js';
import type { SimProcess, VirtualTime } from '../world/types.js';

interface Waiting {
  readonly trigger: Trigger;
  readonly untilMs: number;
  readonly task: (process: SimProcess) => void;
}

/** Who waits for which instant. What that is in a group, its engine says (ordered-instants.ts, leaderless/instants.ts). */
export class Triggers {
  readonly #time: VirtualTime;
  #waiting: Waiting[] = [];
  #stopped = false;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  once(trigger: Trigger, withinMs: number, task: (process: SimProcess) => void): void {
    this.#waiting.push({ trigger, untilMs: this.#time.nowMs + withinMs, task });
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  /** In an event of its own: the process that it is about is in the middle of one. */
  fire(trigger: Trigger, process: SimProcess): void {
    if (this.#waiting.length === 0 || this.#stopped) return;
    const due = this.#waiting.filter((each) => each.trigger === trigger && each.untilMs >= this.#time.nowMs);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((each) => !due.includes(each) && each.untilMs >= this.#time.nowMs);
    for (const { task } of due) {
      this.#time.after(0, () => {
        if (!this.#stopped) task(process);
      });
    }
  }
}
