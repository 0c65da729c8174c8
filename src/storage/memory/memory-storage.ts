import { assert, InvariantViolation } from '../../base/assert.js';
import type { GroupId } from '../../base/brand.js';
import type { CheckpointStore, Storage, StorageIdentity, WritingIdentity } from '../storage.js';
import { MemoryCheckpoint } from './memory-checkpoint.js';
import { MemoryLog } from './memory-log.js';

/** A storage that keeps nothing: for `memory: true` and for tests. It cannot fail. */
export async function openMemoryStorage(_options: { readonly identity: StorageIdentity }): Promise<Storage> {
  return new MemoryStorage();
}

class MemoryStorage implements Storage {
  readonly log = new MemoryLog();
  readonly folder = null;
  readonly formation = null;
  readonly #checkpoints = new Map<GroupId, MemoryCheckpoint>();
  #closed = false;

  beginWriting(): WritingIdentity {
    throw new InvariantViolation('not built yet');
  }

  renewIncarnation(): WritingIdentity {
    throw new InvariantViolation('not built yet');
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
