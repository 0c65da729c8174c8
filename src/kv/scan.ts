import { assert } from '../base/assert.js';
import type { KeyCursor } from './key-index.js';
import { KeyMerge } from './key-merge.js';
import type { Overlay } from './overlay.js';
import { decodeItem, PREFIX, PREFIX_END, type KvBase } from './records.js';
import type { Item, KeyString, ScanOptions, ScanPage } from './types.js';

/** The data records of the base, as keys. */
class BaseCursor implements KeyCursor {
  key: KeyString | null = null;
  record: Uint8Array | null = null;
  readonly #iterator: Iterator<readonly [string, Uint8Array]>;
  #isDone = false;

  constructor(base: KvBase, start: KeyString, end: KeyString | null) {
    const last = end === null ? PREFIX_END.data : PREFIX.data + end;
    this.#iterator = base.range(PREFIX.data + start, last)[Symbol.iterator]();
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
    assert(key.startsWith(PREFIX.data), 'the range holds data records only');
    this.key = key.slice(PREFIX.data.length);
    this.record = record;
  }

  /** Lets the base release what the range holds. */
  close(): void {
    if (!this.#isDone) this.#iterator.return?.();
  }
}

/** One page of the live items of `overlays`, the topmost first, over `base`, in byte order. */
export function scanLayers(overlays: readonly Overlay[], base: KvBase, options: ScanOptions): ScanPage {
  const { start, end, limit, maxBytes } = options;
  assert(limit >= 1, 'a page has at least one item');
  assert(maxBytes >= 0, 'a page has a bound in bytes');
  const items: [KeyString, Item][] = [];
  if (end !== null && end <= start) return { items, next: null };
  const baseCursor = new BaseCursor(base, start, end);
  try {
    const merge = new KeyMerge([baseCursor, ...overlays.flatMap(({ index }) => index.cursors(start, end))]);
    let bytes = 0;
    for (let key = merge.key; key !== null; key = merge.key) {
      const item = resolve(key, overlays, baseCursor);
      if (item !== null) {
        const itemBytes = key.length + item.end - item.start;
        const isFull = items.length >= limit || bytes + itemBytes > maxBytes;
        if (isFull && items.length > 0) return { items, next: key };
        items.push([key, item]);
        bytes += itemBytes;
      }
      merge.advance();
    }
    return { items, next: null };
  } finally {
    baseCursor.close();
  }
}

function resolve(key: KeyString, overlays: readonly Overlay[], baseCursor: BaseCursor): Item | null {
  for (const overlay of overlays) {
    const item = overlay.items.get(key);
    if (item !== undefined) return item;
  }
  assert(baseCursor.key === key && baseCursor.record !== null, 'a key of a scan is in one of the layers');
  return decodeItem(key, baseCursor.record);
}
