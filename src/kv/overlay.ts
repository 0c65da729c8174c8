import { KeyIndex } from './key-index.js';
import type { Item, KeyString } from './types.js';

/** Changes that are not in the layer below: null is a tombstone. */
export class Overlay {
  readonly items = new Map<KeyString, Item | null>();
  readonly index = new KeyIndex();

  set(key: KeyString, item: Item | null): void {
    const before = this.items.size;
    this.items.set(key, item);
    if (this.items.size !== before) this.index.add(key);
  }
}
