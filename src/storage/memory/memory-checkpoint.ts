import sortedBtree, { type default as BTree } from 'sorted-btree';
import { assert } from '../../base/assert.js';
import { createSnapshotSource, PieceReader } from '../checkpoint/pieces.js';
import { inSlices } from '../checkpoint/slices.js';
import type { CheckpointChange, CheckpointMark, CheckpointStore, SnapshotSink, SnapshotSource } from '../storage.js';

type Tree = BTree.default<string, Uint8Array>;

/** JavaScript compares strings by UTF-16 unit, which for byte strings is byte order. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function createTree(): Tree {
  return new sortedBtree.default<string, Uint8Array>(undefined, compare);
}

/** A checkpoint in memory: a copy-on-write tree that is replaced as a whole. */
export class MemoryCheckpoint implements CheckpointStore {
  #tree = createTree();
  #mark: CheckpointMark | null = null;
  #bytes = 0;
  #busy = false;

  get mark(): CheckpointMark | null {
    return this.#mark;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Uint8Array | undefined {
    return this.#tree.get(key);
  }

  has(key: string): boolean {
    return this.#tree.has(key);
  }

  *range(start: string, end: string | null): Iterable<readonly [key: string, value: Uint8Array]> {
    // The tree is never changed once it can be seen: an iteration outlives a checkpoint.
    for (const pair of this.#tree.entries(start)) {
      if (end !== null && pair[0] >= end) return;
      yield [pair[0], pair[1]];
    }
  }

  async write(mark: CheckpointMark, changes: Iterable<CheckpointChange>): Promise<void> {
    assert(!this.#busy, 'one checkpoint or install at a time');
    this.#busy = true;
    try {
      const tree = this.#tree.clone();
      await new Promise((resolve) => setImmediate(resolve));
      await inSlices(changes, ([key, value]) => {
        assert(key.length > 0, 'a key is not empty');
        if (value === null) tree.delete(key);
        else tree.set(key, Uint8Array.from(value));
      });
      this.#replace(tree, mark);
    } finally {
      this.#busy = false;
    }
  }

  openSnapshot(): SnapshotSource {
    const mark = this.#mark;
    assert(mark !== null, 'there is a checkpoint to stream');
    const tree = this.#tree;
    return createSnapshotSource(mark, tree.entries(), () => undefined);
  }

  openInstall(): SnapshotSink {
    assert(!this.#busy, 'one checkpoint or install at a time');
    this.#busy = true;
    const tree = createTree();
    const reader = new PieceReader();
    return {
      write: (piece): void => reader.read(piece, (key, value) => tree.set(key, Uint8Array.from(value))),
      finish: async (): Promise<CheckpointMark> => {
        const mark = reader.finish();
        await new Promise((resolve) => setImmediate(resolve));
        this.#replace(tree, mark);
        this.#busy = false;
        return mark;
      },
      abort: (): void => {
        this.#busy = false;
      },
    };
  }

  async close(): Promise<void> {
    this.#tree = createTree();
  }

  #replace(tree: Tree, mark: CheckpointMark): void {
    let bytes = 0;
    for (const [key, value] of tree.entries()) bytes += key.length + value.length;
    this.#tree = tree;
    this.#mark = { ...mark, meta: Uint8Array.from(mark.meta) };
    this.#bytes = bytes;
  }
}
