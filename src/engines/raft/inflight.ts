import { assert } from '../../base/assert.js';
import type { LogIndex } from '../../base/brand.js';

/**
 * The appends on their way to one follower: a window in messages and in bytes. An acknowledgement of index i frees every
 * append up to i at once (raft.md A4).
 */
export class InflightWindow {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  /** A ring: last index and payload bytes of each append, oldest at #head. */
  readonly #lastIndexes: number[];
  readonly #sizes: number[];
  #head = 0;
  #count = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    assert(messagesMax > 0 && bytesMax > 0, 'a window lets at least one append pass');
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
    this.#lastIndexes = Array.from({ length: messagesMax }, () => 0);
    this.#sizes = Array.from({ length: messagesMax }, () => 0);
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  add(lastIndex: LogIndex, bytes: number): void {
    assert(!this.full, 'nothing is sent through a full window');
    const at = (this.#head + this.#count) % this.#messagesMax;
    this.#lastIndexes[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  freeUpTo(index: LogIndex): void {
    while (this.#count > 0 && (this.#lastIndexes[this.#head] ?? 0) <= index) {
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#head = (this.#head + 1) % this.#messagesMax;
      this.#count--;
    }
    assert(this.#bytes >= 0, 'no more bytes leave the window than entered it');
  }

  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
  }
}
