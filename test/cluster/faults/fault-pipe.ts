import type { Socket } from 'node:net';
import type { Prng } from '../../../src/base/prng.js';
import { abort } from './abort.js';

/** What happens to the bytes of one direction. */
export interface PipeFaults {
  /** Nothing arrives, neither bytes nor the end; what was sent meanwhile arrives after the heal, as TCP would resend it. */
  readonly cut: boolean;
  /** Half-open: bytes are taken and lost, without RST or FIN. The connections that see it stay dead after the heal. */
  readonly swallow: boolean;
  /** Each chunk arrives so much later, and up to `jitterMs` more; never before an earlier one. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** One bit of a byte is flipped, on average once in so many bytes; 0 never. */
  readonly corruptEveryBytes: number;
  /** Writes are split into segments of at most so many bytes; 0 leaves them as they are. */
  readonly segmentBytes: number;
  /** Chunks are gathered for so long and written as one. */
  readonly coalesceMs: number;
  /** 0 is without limit. */
  readonly bytesPerSecond: number;
}

export const NO_FAULTS: PipeFaults = {
  cut: false,
  swallow: false,
  delayMs: 0,
  jitterMs: 0,
  corruptEveryBytes: 0,
  segmentBytes: 0,
  coalesceMs: 0,
  bytesPerSecond: 0,
};

/** Shared by all connections of a proxy, one for each direction. */
export interface PipeState {
  faults: PipeFaults;
  /** To be called when `faults` has changed. */
  readonly wake: Set<() => void>;
  /** Delivered. */
  bytes: number;
  /** Bytes that were corrupted. */
  flipped: number;
  /** Bytes that were lost. */
  swallowed: number;
}

/** What is under way; an end or a reset keeps its place behind the bytes that were sent before it. */
type Item = { readonly dueMs: number } & ({ readonly bytes: Buffer } | { readonly end: 'fin' | 'rst' });

/** Behind so many bytes the source is not read any more: a sender sees a full connection, as it would. */
const HELD_BYTES_MAX = 256 * 1024;
/** A throttled connection is served in slices of so long. */
const SLICE_MS = 20;
/** Segments written in one turn of the event loop. */
const TURN_PARTS = 64;

function pause(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** Carries the bytes of one direction of one connection. */
export class FaultPipe {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #state: PipeState;
  readonly #prng: Prng;
  #queue: Item[] = [];
  #heldBytes = 0;
  #lastDueMs = 0;
  #running = false;
  /** The stream has lost bytes: nothing that comes later may be delivered. */
  #broken = false;
  #wakeWaiter: (() => void) | null = null;
  readonly #wake = (): void => {
    if (this.#state.faults.swallow) this.#breakStream();
    this.#wakeWaiter?.();
  };

  constructor(source: Socket, sink: Socket, state: PipeState, prng: Prng) {
    this.#source = source;
    this.#sink = sink;
    this.#state = state;
    this.#prng = prng;
  }

  start(): void {
    const { wake, faults } = this.#state;
    wake.add(this.#wake);
    if (faults.swallow) this.#broken = true;
    this.#source.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#source.on('end', () => this.#push({ dueMs: this.#dueMs(), end: 'fin' }));
    this.#source.on('error', () => this.#push({ dueMs: this.#dueMs(), end: 'rst' }));
    this.#source.once('close', () => this.#push({ dueMs: this.#dueMs(), end: 'fin' }));
    this.#sink.once('close', () => {
      wake.delete(this.#wake);
      this.#wakeWaiter?.();
    });
  }

  #onData(chunk: Buffer): void {
    if (this.#broken) {
      this.#state.swallowed += chunk.length;
      return;
    }
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= HELD_BYTES_MAX) this.#source.pause();
    this.#push({ dueMs: this.#dueMs(), bytes: chunk });
  }

  #dueMs(): number {
    const { coalesceMs, delayMs, jitterMs } = this.#state.faults;
    const nowMs = performance.now();
    const dueMs = nowMs + delayMs + (jitterMs === 0 ? 0 : this.#prng.float() * jitterMs);
    const gathered = coalesceMs === 0 ? dueMs : Math.ceil(dueMs / coalesceMs) * coalesceMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, gathered);
    return this.#lastDueMs;
  }

  #push(item: Item): void {
    if (this.#broken || this.#sink.destroyed) return;
    this.#queue.push(item);
    if (!this.#running) void this.#run();
  }

  #breakStream(): void {
    this.#broken = true;
    this.#state.swallowed += this.#heldBytes;
    this.#heldBytes = 0;
    this.#queue = [];
    this.#source.resume();
  }

  /** One at a time, in order. */
  async #run(): Promise<void> {
    this.#running = true;
    while (!this.#broken && !this.#sink.destroyed) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const { faults } = this.#state;
      const waitMs = next.dueMs - performance.now();
      if (faults.cut) await this.#changed(null);
      // A change of the faults does not hurry what is under way already.
      else if (waitMs > 0) await this.#changed(waitMs);
      else await this.#deliver(faults);
    }
    this.#running = false;
  }

  /** Resolves when the faults have changed, or after a time. */
  #changed(waitMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = waitMs === null ? null : setTimeout(() => this.#wakeWaiter?.(), waitMs);
      this.#wakeWaiter = () => {
        if (timer !== null) clearTimeout(timer);
        this.#wakeWaiter = null;
        resolve();
      };
    });
  }

  async #deliver(faults: PipeFaults): Promise<void> {
    const nowMs = performance.now();
    const chunks: Buffer[] = [];
    for (let next = this.#queue[0]; next !== undefined && next.dueMs <= nowMs; next = this.#queue[0]) {
      if ('end' in next) {
        if (chunks.length > 0) break;
        this.#queue = [];
        if (next.end === 'fin') this.#sink.end();
        else abort(this.#sink);
        return;
      }
      this.#queue.shift();
      chunks.push(next.bytes);
      if (faults.coalesceMs === 0) break;
    }
    const bytes = this.#corrupted(Buffer.concat(chunks), faults.corruptEveryBytes);
    this.#state.bytes += bytes.length;
    await this.#write(bytes, faults);
    if (this.#broken) return;
    this.#heldBytes -= bytes.length;
    if (this.#heldBytes < HELD_BYTES_MAX) this.#source.resume();
  }

  async #write(bytes: Buffer, { bytesPerSecond, segmentBytes }: PipeFaults): Promise<void> {
    const slice = bytesPerSecond === 0 ? bytes.length : Math.max(1, Math.round((bytesPerSecond * SLICE_MS) / 1000));
    const step = Math.min(slice, segmentBytes === 0 ? bytes.length : segmentBytes);
    for (let at = 0, parts = 1; at < bytes.length && !this.#sink.destroyed && !this.#broken; at += step, parts++) {
      const part = bytes.subarray(at, at + step);
      // One system call each: the callback comes when the kernel has it.
      await new Promise<void>((resolve) => this.#sink.write(part, () => resolve()));
      if (bytesPerSecond > 0) await pause((part.length / bytesPerSecond) * 1000);
      // Callbacks alone would not let anybody else have a turn.
      else if (parts % TURN_PARTS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #corrupted(bytes: Buffer, everyBytes: number): Buffer {
    if (everyBytes === 0) return bytes;
    for (let at = 0; at < bytes.length; at++) {
      if (this.#prng.float() * everyBytes >= 1) continue;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#prng.between(0, 7));
      this.#state.flipped++;
    }
    return bytes;
  }
}
