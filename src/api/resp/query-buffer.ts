import { Buffer } from 'node:buffer';

const EMPTY = Buffer.alloc(0);

/**
 * Bytes received and not yet consumed: `bytes[start, end)`. A chunk from the socket is used where it is; only what is
 * left of one when the next arrives is copied, into a buffer that doubles, so that a long request costs linear time.
 */
export class QueryBuffer {
  bytes: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** True when `bytes` is ours to write behind `end`. */
  #owned = false;

  get length(): number {
    return this.end - this.start;
  }

  append(chunk: Buffer): void {
    const rest = this.end - this.start;
    if (rest === 0) {
      this.bytes = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.#owned = false;
      return;
    }
    const needed = rest + chunk.length;
    if (!this.#owned || this.bytes.length - this.end < chunk.length) {
      // Moving to the front is enough when at least half of it is free: the cost is shared by as many bytes.
      const fits = this.#owned && needed * 2 <= this.bytes.length;
      const target = fits ? this.bytes : Buffer.allocUnsafeSlow(needed * 2);
      this.bytes.copy(target, 0, this.start, this.end);
      this.bytes = target;
      this.start = 0;
      this.end = rest;
      this.#owned = true;
    }
    chunk.copy(this.bytes, this.end);
    this.end += chunk.length;
  }

  /** Lets go of the memory when everything was consumed. True when it was. */
  trim(): boolean {
    if (this.start < this.end) return false;
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
    this.#owned = false;
    return true;
  }

  clear(): void {
    this.start = this.end;
    this.trim();
  }
}
