import { assert } from '../base/assert.js';
import type { Revision } from '../base/brand.js';
import { Layers, type LayerCodec } from './layers.js';
import { decodeItem, encodeItem, PREFIX, PREFIX_END, type KvBase, type KvChange } from './records.js';
import { scanLayers } from './scan.js';
import type { Item, KeyString, KvReader, ScanOptions, ScanPage } from './types.js';

const ITEMS: LayerCodec<Item> = {
  prefix: PREFIX.data,
  prefixEnd: PREFIX_END.data,
  encode: encodeItem,
  decode: decodeItem,
};

const itself = (item: Item): Item => item;

/**
 * The keys and values of one group, in layers (layers.ts). The first change of a key looks up its item in the base.
 *
 * Items in overlays point into the payloads of the log entries that wrote them: no value is copied to be applied. One
 * live value keeps a whole payload in memory, but only until its overlay is dropped, so that overlays hold at most what
 * was applied since the freeze before the last one.
 */
export class KvState implements KvReader {
  readonly #layers: Layers<Item>;
  #size: number;
  #revision: Revision;

  constructor(base: KvBase, size: number, revision: Revision) {
    assert(Number.isSafeInteger(size) && size >= 0, 'a state has a number of live keys');
    this.#layers = new Layers(base, ITEMS);
    this.#size = size;
    this.#revision = revision;
  }

  get size(): number {
    return this.#size;
  }

  get revision(): Revision {
    return this.#revision;
  }

  get isFrozen(): boolean {
    return this.#layers.isFrozen;
  }

  get(key: KeyString): Item | undefined {
    return this.#layers.find(key) ?? undefined;
  }

  has(key: KeyString): boolean {
    return this.#layers.has(key);
  }

  /** The live item of `key`, or null. */
  find(key: KeyString): Item | null {
    return this.#layers.find(key);
  }

  scan(options: ScanOptions): ScanPage {
    return scanLayers(this.#layers, options, itself);
  }

  /** As `scan`, of what was frozen (see Layers.frozenCursor). */
  scanFrozen(options: ScanOptions): ScanPage {
    const layers = this.#layers;
    return scanLayers({ cursor: (start, end) => layers.frozenCursor(start, end) }, options, itself);
  }

  /** An unconditional put as a command of its own. The hot path: one Map lookup, one Map write, one object. */
  put(key: KeyString, source: Uint8Array, start: number, end: number): boolean {
    const previous = this.#layers.find(key);
    const modRevision = (this.#revision + 1) as Revision;
    const createRevision = previous === null ? modRevision : previous.createRevision;
    const version = previous === null ? 1 : previous.version + 1;
    this.#layers.set(key, { source, start, end, createRevision, modRevision, version });
    if (previous === null) this.#size++;
    this.#revision = modRevision;
    return previous === null;
  }

  /**
   * Makes the changes of one command, which share one revision, the next one. Null deletes. `sizeDelta` is by how much
   * they change the number of live keys: who evaluated the command has looked every key up already.
   */
  commit(changes: ReadonlyMap<KeyString, Item | null>, sizeDelta: number): void {
    assert(changes.size > 0, 'a command that changes nothing takes no revision');
    assert(Math.abs(sizeDelta) <= changes.size, 'a change creates or deletes at most one key');
    this.#revision = (this.#revision + 1) as Revision;
    for (const [key, item] of changes) {
      assert(item === null || item.modRevision === this.#revision, 'an item carries the revision of its command');
      this.#layers.set(key, item);
    }
    this.#size += sizeDelta;
    assert(this.#size >= 0, 'only what exists is deleted');
  }

  freeze(): () => IterableIterator<KvChange> {
    return this.#layers.freeze();
  }

  thaw(): void {
    this.#layers.thaw();
  }

  abandonFreeze(): void {
    this.#layers.abandonFreeze();
  }
}
