import { assert } from '../base/assert.js';
import { LayerCursor } from './layer-cursor.js';
import { Overlay } from './overlay.js';
import type { KvBase, KvChange } from './records.js';
import type { KeyString } from './types.js';

/** How what a map holds is kept in the checkpoint: under `prefix` followed by the key. */
export interface LayerCodec<T> {
  readonly prefix: string;
  /** The end of the prefix's range: the char after it. */
  readonly prefixEnd: string;
  encode(value: T): Uint8Array;
  /** Throws `checkpoint_corrupt`. */
  decode(key: KeyString, record: Uint8Array): T;
}

/**
 * A map with ordered keys, in three layers:
 *
 *   active   what was changed since the last freeze           memory, by key, with an ordered index of its keys
 *   frozen   what the checkpoint being written takes over      the same, never changed; usually there is none
 *   base     the last durable checkpoint                       disk
 *
 * A read takes the first layer that knows the key. Changing touches memory only.
 */
export class Layers<T> {
  #active = new Overlay<T>();
  #frozen: Overlay<T> | null = null;
  readonly #base: KvBase;
  readonly #codec: LayerCodec<T>;

  constructor(base: KvBase, codec: LayerCodec<T>) {
    this.#base = base;
    this.#codec = codec;
  }

  get isFrozen(): boolean {
    return this.#frozen !== null;
  }

  has(key: KeyString): boolean {
    const value = this.#active.items.get(key);
    const known = value === undefined ? this.#frozen?.items.get(key) : value;
    return known === undefined ? this.#base.has(this.#codec.prefix + key) : known !== null;
  }

  find(key: KeyString): T | null {
    const value = this.#active.items.get(key);
    return value === undefined ? this.#findBelow(key) : value;
  }

  #findBelow(key: KeyString): T | null {
    const value = this.#frozen?.items.get(key);
    if (value !== undefined) return value;
    const record = this.#base.get(this.#codec.prefix + key);
    return record === undefined ? null : this.#codec.decode(key, record);
  }

  /** Null removes the key. */
  set(key: KeyString, value: T | null): void {
    this.#active.set(key, value);
  }

  /** Over [start, end), with `above` taken for the topmost layer. Valid until the next change; must be closed. */
  cursor(start: KeyString, end: KeyString | null, above: Overlay<T> | null = null): LayerCursor<T> {
    const overlays = [this.#active];
    if (above !== null) overlays.unshift(above);
    if (this.#frozen !== null) overlays.push(this.#frozen);
    return new LayerCursor(overlays, this.#base, this.#codec, start, end);
  }

  /** As `cursor`, over what was frozen: what has changed since is not seen. Valid until the freeze ends, or the base changes. */
  frozenCursor(start: KeyString, end: KeyString | null): LayerCursor<T> {
    assert(this.#frozen !== null, 'only a frozen state is walked as such');
    return new LayerCursor([this.#frozen], this.#base, this.#codec, start, end);
  }

  /** Starts a new active layer above the current one, which does not change any more. Returns its changes. */
  freeze(): () => IterableIterator<KvChange> {
    assert(this.#frozen === null, 'one checkpoint at a time');
    const frozen = this.#active;
    const codec = this.#codec;
    this.#frozen = frozen;
    this.#active = new Overlay();
    return function* changes() {
      for (const [key, value] of frozen.items) yield [codec.prefix + key, value === null ? null : codec.encode(value)];
    };
  }

  /** The base holds the frozen layer's changes now. */
  thaw(): void {
    assert(this.#frozen !== null, 'only a frozen state thaws');
    this.#frozen = null;
  }

  /** The frozen layer's changes did not reach the base: they go into the next checkpoint. */
  abandonFreeze(): void {
    assert(this.#frozen !== null, 'only a frozen state is merged back');
    this.#active = mergedOf(this.#active, this.#frozen);
    this.#frozen = null;
  }
}

/** `above` over `below`, in either of them: the smaller one is moved. */
function mergedOf<T>(above: Overlay<T>, below: Overlay<T>): Overlay<T> {
  if (above.items.size <= below.items.size) {
    for (const [key, value] of above.items) below.set(key, value);
    return below;
  }
  for (const [key, value] of below.items) if (!above.items.has(key)) above.set(key, value);
  return above;
}
