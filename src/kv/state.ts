import { assert } from '../base/assert.js';
import type { Revision } from '../base/brand.js';
import { Overlay } from './overlay.js';
import { decodeItem, encodeItem, PREFIX, type KvBase, type KvChange } from './records.js';
import { scanLayers } from './scan.js';
import type { Item, KeyString, KvReader, ScanOptions, ScanPage } from './types.js';

/**
 * The keys and values of one group, in three layers:
 *
 *   active   what was applied since the last freeze           memory, by key, with an ordered index of its keys
 *   frozen   what the checkpoint being written takes over      the same, never changed; usually there is none
 *   base     the last durable checkpoint                       disk
 *
 * A read takes the first layer that knows the key. Applying touches memory only, except that the first change of a key
 * looks up its item in the base.
 *
 * Items in overlays point into the payloads of the log entries that wrote them: no value is copied to be applied. One
 * live value keeps a whole payload in memory, but only until its overlay is dropped, so that overlays hold at most what
 * was applied since the freeze before the last one.
 */
export class KvState implements KvReader {
  #active = new Overlay();
  #frozen: Overlay | null = null;
  readonly #base: KvBase;
  #size: number;
  #revision: Revision;

  constructor(base: KvBase, size: number, revision: Revision) {
    assert(Number.isSafeInteger(size) && size >= 0, 'a state has a number of live keys');
    this.#base = base;
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
    return this.#frozen !== null;
  }

  get(key: KeyString): Item | undefined {
    return this.find(key) ?? undefined;
  }

  has(key: KeyString): boolean {
    const item = this.#active.items.get(key);
    const known = item === undefined ? this.#frozen?.items.get(key) : item;
    return known === undefined ? this.#base.has(PREFIX.data + key) : known !== null;
  }

  /** The live item of `key`, or null. */
  find(key: KeyString): Item | null {
    const item = this.#active.items.get(key);
    return item === undefined ? this.#findBelow(key) : item;
  }

  #findBelow(key: KeyString): Item | null {
    const item = this.#frozen?.items.get(key);
    if (item !== undefined) return item;
    const record = this.#base.get(PREFIX.data + key);
    return record === undefined ? null : decodeItem(key, record);
  }

  scan(options: ScanOptions): ScanPage {
    const overlays = this.#frozen === null ? [this.#active] : [this.#active, this.#frozen];
    return scanLayers(overlays, this.#base, options);
  }

  /** An unconditional put as a command of its own. The hot path: one Map lookup, one Map write, one object. */
  put(key: KeyString, source: Uint8Array, start: number, end: number): boolean {
    const active = this.#active;
    const known = active.items.get(key);
    const previous = known === undefined ? this.#findBelow(key) : known;
    const modRevision = (this.#revision + 1) as Revision;
    const createRevision = previous === null ? modRevision : previous.createRevision;
    const version = previous === null ? 1 : previous.version + 1;
    active.items.set(key, { source, start, end, createRevision, modRevision, version });
    if (known === undefined) active.index.add(key);
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
      this.#active.set(key, item);
    }
    this.#size += sizeDelta;
    assert(this.#size >= 0, 'only what exists is deleted');
  }

  /** Starts a new active overlay above the current one, which does not change any more. Returns its changes. */
  freeze(): () => IterableIterator<KvChange> {
    assert(this.#frozen === null, 'one checkpoint at a time');
    const frozen = this.#active;
    this.#frozen = frozen;
    this.#active = new Overlay();
    return () => changesOf(frozen);
  }

  /** The base holds the frozen overlay's changes now. */
  thaw(): void {
    assert(this.#frozen !== null, 'only a frozen state thaws');
    this.#frozen = null;
  }

  /** The frozen overlay's changes did not reach the base: they go into the next checkpoint. */
  abandonFreeze(): void {
    assert(this.#frozen !== null, 'only a frozen state is merged back');
    const merged = this.#frozen;
    for (const [key, item] of this.#active.items) merged.set(key, item);
    this.#active = merged;
    this.#frozen = null;
  }
}

function* changesOf(overlay: Overlay): IterableIterator<KvChange> {
  for (const [key, item] of overlay.items) yield [PREFIX.data + key, item === null ? null : encodeItem(item)];
}
