import { assert } from '../../base/assert.js';
import type { Kind } from '../kinds.js';
import type { Failure } from '../lane.js';

export type OnDone = (kind: Kind, key: number, startMs: number, failure: Failure | null, found: boolean) => void;

/** Stands for a confirmation among the kinds. */
const CONFIRMATION = 255;
const FOUND = 1;

/**
 * Requests of one connection in the order sent, in typed arrays: nothing is allocated for a request. With confirmations a
 * request is done when the confirmation behind it is answered.
 */
export class RequestRing {
  readonly #pipeline: number;
  readonly #size: number;
  readonly #kinds: Uint8Array;
  readonly #keys: Float64Array;
  readonly #startMs: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #found: Uint8Array;
  /** Failures of requests that wait for their confirmation, by position. */
  readonly #failures = new Map<number, Failure>();
  readonly #confirmed: boolean;
  /** Positions count on for ever: done <= answered <= sent <= pushed. */
  #done = 0;
  #answered = 0;
  #sent = 0;
  #pushed = 0;
  #confirmations = 0;

  constructor(pipeline: number, confirmed: boolean) {
    assert(pipeline > 0, 'a connection keeps something in flight');
    this.#pipeline = pipeline;
    this.#confirmed = confirmed;
    this.#size = confirmed ? pipeline * 2 : pipeline;
    this.#kinds = new Uint8Array(this.#size);
    this.#keys = new Float64Array(this.#size);
    this.#startMs = new Float64Array(this.#size);
    this.#sentMs = new Float64Array(this.#size);
    this.#found = new Uint8Array(this.#size);
  }

  get free(): number {
    return this.#pipeline - (this.#pushed - this.#done - this.#confirmations);
  }

  get isEmpty(): boolean {
    return this.#pushed === this.#done;
  }

  get hasUnanswered(): boolean {
    return this.#answered < this.#sent;
  }

  /** Infinity when nothing waits for an answer. */
  get oldestSentMs(): number {
    return this.hasUnanswered ? (this.#sentMs[this.#answered % this.#size] as number) : Infinity;
  }

  push(kind: Kind, key: number, startMs: number): void {
    assert(this.free > 0, 'a request needs room');
    this.#set(kind, key, startMs);
  }

  /** A confirmation stands behind the requests that were pushed. */
  confirm(): void {
    this.#set(CONFIRMATION, 0, 0);
    this.#confirmations++;
  }

  /** What was pushed has left. */
  sent(nowMs: number): void {
    while (this.#sent < this.#pushed) this.#sentMs[this.#sent++ % this.#size] = nowMs;
  }

  /** The next answer has come. */
  answer(failure: Failure | null, found: boolean, onDone: OnDone): void {
    const position = this.#answered++;
    const at = position % this.#size;
    if (!this.#confirmed) {
      this.#done++;
      onDone(this.#kinds[at] as Kind, this.#keys[at] as number, this.#startMs[at] as number, failure, found);
    } else if (this.#kinds[at] === CONFIRMATION) this.#finish(failure, onDone);
    else {
      this.#found[at] = found ? FOUND : 0;
      if (failure !== null) this.#failures.set(position, failure);
    }
  }

  /** All that is not done has failed. */
  clear(onDone: (kind: Kind, key: number, startMs: number) => void): void {
    const from = this.#done;
    this.#done = this.#pushed;
    this.#answered = this.#pushed;
    this.#sent = this.#pushed;
    this.#confirmations = 0;
    this.#failures.clear();
    const requests: [Kind, number, number][] = [];
    for (let position = from; position < this.#pushed; position++) {
      const at = position % this.#size;
      if (this.#kinds[at] === CONFIRMATION) continue;
      requests.push([this.#kinds[at] as Kind, this.#keys[at] as number, this.#startMs[at] as number]);
    }
    for (const [kind, key, startMs] of requests) onDone(kind, key, startMs);
  }

  #finish(refusal: Failure | null, onDone: OnDone): void {
    this.#confirmations--;
    while (this.#done < this.#answered) {
      const position = this.#done++;
      const at = position % this.#size;
      if (this.#kinds[at] === CONFIRMATION) continue;
      const failure = this.#failures.get(position) ?? refusal;
      this.#failures.delete(position);
      const found = this.#found[at] === FOUND;
      onDone(this.#kinds[at] as Kind, this.#keys[at] as number, this.#startMs[at] as number, failure, found);
    }
  }

  #set(kind: number, key: number, startMs: number): void {
    const at = this.#pushed++ % this.#size;
    this.#kinds[at] = kind;
    this.#keys[at] = key;
    this.#startMs[at] = startMs;
  }
}
