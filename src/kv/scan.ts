import { assert } from '../base/assert.js';
import type { LayerCursor } from './layer-cursor.js';
import type { Layers } from './layers.js';
import type { Item, KeyString, ScanOptions, ScanPage } from './types.js';

/** One page of the live items of `layers`, in byte order. `liveItem` tells what a reader sees; null: nothing. */
export function scanLayers<T>(
  layers: Pick<Layers<T>, 'cursor'>,
  options: ScanOptions,
  liveItem: (value: T) => Item | null,
): ScanPage {
  const { start, end, limit, maxBytes } = options;
  assert(limit >= 1, 'a page has at least one item');
  assert(maxBytes >= 0, 'a page has a bound in bytes');
  if (end !== null && end <= start) return { items: [], next: null };
  const cursor = layers.cursor(start, end);
  try {
    return readPage(cursor, limit, maxBytes, liveItem);
  } finally {
    cursor.close();
  }
}

function readPage<T>(
  cursor: LayerCursor<T>,
  limit: number,
  maxBytes: number,
  liveItem: (value: T) => Item | null,
): ScanPage {
  const items: [KeyString, Item][] = [];
  let bytes = 0;
  for (; cursor.key !== null; cursor.advance()) {
    const { key } = cursor;
    const item = liveItem(cursor.value);
    if (item === null) continue;
    const itemBytes = key.length + item.end - item.start;
    const isFull = items.length >= limit || bytes + itemBytes > maxBytes;
    if (isFull && items.length > 0) return { items, next: key };
    items.push([key, item]);
    bytes += itemBytes;
  }
  return { items, next: null };
}
