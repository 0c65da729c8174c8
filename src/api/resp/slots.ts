import { assert } from '../../base/assert.js';
import type { RespCommand } from './commands/command.js';

/** What is known of a slot's answer. */
export const PHASE = {
  /** The keyspace has not answered. */
  pending: 0,
  /** `+OK`. */
  ok: 1,
  /** `payload` is the reply, encoded. */
  bytes: 2,
  /** `payload` is what the read command's `look` found. */
  found: 3,
  /** `state` is a WritePlan and `payload` its result. */
  result: 4,
  /** `payload` is the text of an error reply. */
  error: 5,
} as const;
export type Phase = (typeof PHASE)[keyof typeof PHASE];

const INITIAL_SLOTS = 16;

/**
 * Commands of one connection whose reply is not written yet, in the order of the requests. A slot's token counts up for
 * ever; the ring grows up to the bound that the connection keeps.
 *
 *        head                tail
 *   ──────▼───────────────────▼──────
 *    sent │ ok │ pending │ ok │ free      replies are written from the head up to the first pending one
 */
export class SlotRing {
  head = 0;
  tail = 0;
  #mask = INITIAL_SLOTS - 1;
  #commands: (RespCommand | null)[] = Array.from({ length: INITIAL_SLOTS }, () => null);
  #states: unknown[] = Array.from({ length: INITIAL_SLOTS }, () => null);
  #payloads: unknown[] = Array.from({ length: INITIAL_SLOTS }, () => null);
  #phases = new Uint8Array(INITIAL_SLOTS);
  #startedMs = new Float64Array(INITIAL_SLOTS);

  get size(): number {
    return this.tail - this.head;
  }

  /** Opens the next slot as pending. */
  open(command: RespCommand | null, state: unknown, startedMs: number): number {
    if (this.tail - this.head > this.#mask) this.#grow();
    const token = this.tail++;
    const at = token & this.#mask;
    this.#commands[at] = command;
    this.#states[at] = state;
    this.#phases[at] = PHASE.pending;
    this.#startedMs[at] = startedMs;
    return token;
  }

  settle(token: number, phase: Phase, payload: unknown): void {
    const at = token & this.#mask;
    assert(token >= this.head && token < this.tail, 'an answer belongs to an open slot');
    assert(this.#phases[at] === PHASE.pending, 'a slot is answered once');
    this.#phases[at] = phase;
    this.#payloads[at] = payload;
  }

  phase(token: number): Phase {
    return this.#phases[token & this.#mask] as Phase;
  }

  payload(token: number): unknown {
    return this.#payloads[token & this.#mask];
  }

  command(token: number): RespCommand | null {
    return this.#commands[token & this.#mask] ?? null;
  }

  state(token: number): unknown {
    return this.#states[token & this.#mask];
  }

  startedMs(token: number): number {
    return this.#startedMs[token & this.#mask] as number;
  }

  /** The head's reply was written: lets go of what the slot held. */
  advance(): void {
    const at = this.head & this.#mask;
    this.#states[at] = null;
    this.#payloads[at] = null;
    this.head++;
  }

  #grow(): void {
    const capacity = (this.#mask + 1) * 2;
    const from = this.#mask;
    const move = <T>(old: ArrayLike<T>, target: { [at: number]: T }): void => {
      for (let token = this.head; token < this.tail; token++) {
        target[token & (capacity - 1)] = old[token & from] as T;
      }
    };
    const commands: (RespCommand | null)[] = Array.from({ length: capacity }, () => null);
    const states: unknown[] = Array.from({ length: capacity }, () => null);
    const payloads: unknown[] = Array.from({ length: capacity }, () => null);
    const phases = new Uint8Array(capacity);
    const startedMs = new Float64Array(capacity);
    move(this.#commands, commands);
    move(this.#states, states);
    move(this.#payloads, payloads);
    move(this.#phases, phases);
    move(this.#startedMs, startedMs);
    this.#commands = commands;
    this.#states = states;
    this.#payloads = payloads;
    this.#phases = phases;
    this.#startedMs = startedMs;
    this.#mask = capacity - 1;
  }
}
