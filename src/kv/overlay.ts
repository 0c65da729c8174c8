import { KeyIndex } from './key-index.js';
import type { KeyString } from './types.js';

/** Changes that are not in the layer below: null is a tombstone. */
export class Overlay<T> {
  readonly items = new Map<KeyString, T | null>();
  readonly index = new KeyIndex();

  set(key: KeyString, item: T | null): void {
    const before = this.items.size;
    this.items.set(key, item);
    if (this.items.size !== before) this.index.add(key);
  }
}
