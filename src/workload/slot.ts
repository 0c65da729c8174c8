import { Kind } from './kinds.js';
import type { Failure, Lane, LaneEvents, LaneFactory } from './lane.js';
import type { Recorder } from './recorder.js';
import type { Source } from './source.js';

/** Told what happens on a lane, beyond what is counted. */
export interface SlotOwner {
  /** There may be room for more. */
  room(slot: Slot): void;
  /** For the first time the lane is connected, or could not be. */
  settled(slot: Slot): void;
}

/** A lane with what a generator remembers of it. */
export class Slot implements LaneEvents {
  readonly lane: Lane;
  /** Operations that were begun and are not done. */
  outstanding = 0;
  /** Failures since the last success: who is refused waits a little. */
  failedInRow = 0;
  /** It waits before it sends more. */
  resting = false;
  /** Why there is no connection; null while there is one. */
  downBecause: Failure | null = null;
  #settled = false;
  readonly #recorder: Recorder;
  readonly #owner: SlotOwner;

  constructor(createLane: LaneFactory, recorder: Recorder, owner: SlotOwner) {
    this.#recorder = recorder;
    this.#owner = owner;
    this.lane = createLane(this);
  }

  /** Begins the operation that the source drew; it leaves with the next flush of the lane. */
  begin({ kind, key }: Source, startMs: number): void {
    this.outstanding++;
    this.lane.submit(kind, key, startMs);
  }

  done(kind: Kind, key: number, startMs: number, nowMs: number, failure: Failure | null, found: boolean): void {
    if (kind === Kind.RMW_READ && failure === null) {
      this.failedInRow = 0;
      this.lane.submit(Kind.RMW_WRITE, key, startMs);
      return;
    }
    this.outstanding--;
    this.failedInRow = failure === null ? 0 : this.failedInRow + 1;
    this.#recorder.done(kind, startMs, nowMs, failure, found);
  }

  room(): void {
    this.downBecause = null;
    this.#settle();
    this.lane.flush(); // The second halves of read-modify-writes.
    this.#owner.room(this);
  }

  down(failure: Failure): void {
    this.downBecause = failure;
    this.#recorder.notConnected(failure);
    this.#settle();
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#owner.settled(this);
  }
}
