import { assert } from '../../base/assert.js';
import type { GroupId, OriginId } from '../../base/brand.js';
import { systemClock } from '../../base/clock.js';
import { LostWritesMemory } from '../lost-writes/memory.js';
import type { CheckpointStore, Storage, StorageIdentity, WritingIdentity } from '../storage.js';
import { identityOf, mintedBy, nextLife, renewed, type WritingRecord } from '../writing.js';
import { MemoryCheckpoint } from './memory-checkpoint.js';
import { MemoryLog } from './memory-log.js';

export interface MemoryStorageOptions {
  readonly identity: StorageIdentity;
  /** As in StorageOptions. */
  readonly mintIncarnation?: () => string;
}

/** A storage that keeps nothing: for `memory: true` and for tests. It cannot fail. */
export async function openMemoryStorage(options: MemoryStorageOptions): Promise<Storage> {
  return new MemoryStorage(options);
}

class MemoryStorage implements Storage {
  readonly log = new MemoryLog();
  readonly lostWrites = new LostWritesMemory();
  readonly folder = null;
  readonly formation = null;
  readonly #checkpoints = new Map<GroupId, MemoryCheckpoint>();
  readonly #options: MemoryStorageOptions;
  readonly #mint: () => string;
  #writing: WritingRecord | null = null;
  #closed = false;

  constructor(options: MemoryStorageOptions) {
    this.#options = options;
    this.#mint = options.mintIncarnation ?? mintedBy(systemClock);
  }

  /** Every life is another incarnation: it has lost what the one before wrote. */
  beginWriting(): WritingIdentity {
    this.#writing ??= nextLife(null, false, this.#mint);
    return identityOf(this.#writing, true);
  }

  renewIncarnation(above: readonly OriginId[] = []): WritingIdentity {
    assert(this.#writing !== null, 'only who writes needs another name for it');
    this.#writing = renewed(this.#writing, this.#options.identity.replica, above, this.#mint);
    return identityOf(this.#writing, true);
  }

  checkpoint(group: GroupId): CheckpointStore {
    assert(!this.#closed, 'a closed storage opens nothing');
    let store = this.#checkpoints.get(group);
    if (store === undefined) {
      store = new MemoryCheckpoint();
      this.#checkpoints.set(group, store);
    }
    return store;
  }

  recordFormation(): void {
    assert(false, 'a storage without a folder forms nothing');
  }

  onFailed(): void {
    // Memory does not fail.
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a storage is closed once');
    this.#closed = true;
    for (const store of this.#checkpoints.values()) await store.close();
    await this.log.close();
  }
}
