import { assert } from '../base/assert.js';
import type { KeyCursor } from './key-index.js';
import { KeyMerge } from './key-merge.js';
import type { LayerCodec } from './layers.js';
import type { Overlay } from './overlay.js';
import type { KvBase } from './records.js';
import type { KeyString } from './types.js';

type Prefix = Pick<LayerCodec<unknown>, 'prefix' | 'prefixEnd'>;

/** The records of the base under one prefix, as keys. */
class BaseCursor implements KeyCursor {
  key: KeyString | null = null;
  record: Uint8Array | null = null;
  readonly #prefix: string;
  readonly #iterator: Iterator<readonly [string, Uint8Array]>;
  #isDone = false;

  constructor(base: KvBase, { prefix, prefixEnd }: Prefix, start: KeyString, end: KeyString | null) {
    this.#prefix = prefix;
    this.#iterator = base.range(prefix + start, end === null ? prefixEnd : prefix + end)[Symbol.iterator]();
    this.advance();
  }

  advance(): void {
    const next = this.#iterator.next();
    if (next.done === true) {
      this.#isDone = true;
      this.key = null;
      this.record = null;
      return;
    }
    const [key, record] = next.value;
    assert(key.startsWith(this.#prefix), 'the range holds records of its prefix only');
    this.key = key.slice(this.#prefix.length);
    this.record = record;
  }

  /** Lets the base release what the range holds. */
  close(): void {
    if (!this.#isDone) this.#iterator.return?.();
  }
}

/** Walks over the keys of `overlays`, the topmost first, over `base`, in byte order. Removed keys are passed over. */
export class LayerCursor<T> {
  /** Null at the end. */
  key: KeyString | null = null;
  readonly #overlays: readonly Overlay<T>[];
  readonly #codec: LayerCodec<T>;
  readonly #base: BaseCursor;
  readonly #merge: KeyMerge;
  #value: T | null = null;

  constructor(
    overlays: readonly Overlay<T>[],
    base: KvBase,
    codec: LayerCodec<T>,
    start: KeyString,
    end: KeyString | null,
  ) {
    this.#overlays = overlays;
    this.#codec = codec;
    this.#base = new BaseCursor(base, codec, start, end);
    this.#merge = new KeyMerge([this.#base, ...overlays.flatMap(({ index }) => index.cursors(start, end))]);
    this.#settle();
  }

  get value(): T {
    assert(this.#value !== null, 'a cursor at its end has no value');
    return this.#value;
  }

  advance(): void {
    this.#merge.advance();
    this.#settle();
  }

  close(): void {
    this.#base.close();
  }

  #settle(): void {
    for (let key = this.#merge.key; key !== null; key = this.#merge.key) {
      const value = this.#resolve(key);
      if (value !== null) {
        this.key = key;
        this.#value = value;
        return;
      }
      this.#merge.advance();
    }
    this.key = null;
    this.#value = null;
  }

  #resolve(key: KeyString): T | null {
    for (const overlay of this.#overlays) {
      const value = overlay.items.get(key);
      if (value !== undefined) return value;
    }
    const { record } = this.#base;
    assert(this.#base.key === key && record !== null, 'a key of a walk is in one of the layers');
    return this.#codec.decode(key, record);
  }
}
