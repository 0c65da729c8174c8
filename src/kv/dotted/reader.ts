import type { Revision } from '../../base/brand.js';
import type { Dot } from '../../base/dot.js';
import { scanLayers } from '../scan.js';
import type { Item, KeyString, KeyVersion, ScanOptions, ScanPage, ValueRef } from '../types.js';
import { isVisible, versionsOf, type DottedItem, type Version } from './item.js';
import type { DottedState } from './state.js';
import type { DottedReader } from './types.js';

/** What clients see of a leaderless state. */
export class StateReader implements DottedReader {
  nowMs = 0;
  readonly #state: DottedState;
  readonly #clock: { readonly counter: number };

  constructor(state: DottedState, clock: { readonly counter: number }) {
    this.#state = state;
    this.#clock = clock;
  }

  get size(): number {
    return this.#state.size;
  }

  get revision(): Revision {
    return this.#clock.counter as Revision;
  }

  get(key: KeyString): Item | undefined {
    const item = this.#state.items.find(key);
    return item === null ? undefined : (readable(item, this.nowMs) ?? undefined);
  }

  has(key: KeyString): boolean {
    const item = this.#state.items.find(key);
    return item !== null && versionsOf(item).some((version) => isVisible(version, this.nowMs));
  }

  scan(options: ScanOptions): ScanPage {
    return scanLayers(this.#state.items, options, (item) => readable(item, this.nowMs));
  }

  version(key: KeyString): KeyVersion | null {
    const item = this.#state.items.find(key);
    if (item === null) return null;
    return { dots: versionsOf(item).map(dotOf), counter: item.counter };
  }
}

/** What a reader is shown at `nowMs`; null: nothing. */
export function readable(item: DottedItem, nowMs: number): Item | null {
  if (item.others === undefined) return isVisible(item, nowMs) ? shown(item) : null;
  const visible = versionsOf(item).filter((version) => isVisible(version, nowMs));
  const [newest] = visible;
  if (newest === undefined) return null;
  return visible.length === 1 ? shown(newest) : { ...shown(newest), siblings: visible.map(sibling) };
}

/**
 * A key's creation and number of changes are not told: replicas could not agree on them, as a write may come after a later one.
 */
function shown(version: Version): Item {
  const { source, start, end, counter, expiresAtMs } = version;
  const revision = counter as Revision;
  const item = { source, start, end, createRevision: revision, modRevision: revision, version: 1, dot: dotOf(version) };
  return expiresAtMs === 0 ? item : { ...item, expiresAtMs };
}

function sibling(version: Version): ValueRef & { readonly dot: Dot } {
  const { source, start, end } = version;
  return { source, start, end, dot: dotOf(version) };
}

function dotOf({ write: { origin, seq } }: Version): Dot {
  return { origin, seq };
}
