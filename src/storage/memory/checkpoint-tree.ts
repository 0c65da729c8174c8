import sortedBtree, { type default as BTree } from 'sorted-btree';
import { assert } from '../../base/assert.js';
import { createSnapshotSource, PieceReader } from '../checkpoint/pieces.js';
import type { CheckpointChange, CheckpointMark, CheckpointStore, SnapshotSink, SnapshotSource } from '../storage.js';

type Tree = BTree.default<string, Uint8Array>;
type Pair = readonly [key: string, value: Uint8Array];

/** A whole checkpoint. */
export interface CheckpointContent {
  readonly mark: CheckpointMark;
  /** Keys ascending. */
  readonly pairs: () => IterableIterator<Pair>;
}

/** What checkpoints in memory differ in. */
export interface CheckpointKeeper {
  /** Most bytes of one piece of a stream. */
  readonly pieceBytesMax: number;
  /** After so many changes it pauses, and before the first: the event loop goes on meanwhile. */
  readonly sliceChanges: number;
  pause(): Promise<void>;
  /** Makes what is seen next as durable as it gets; resolves to its bytes. Rejects: the old one stays. */
  keep(content: CheckpointContent, installed: boolean): Promise<number>;
}

/**
 * A checkpoint that is read from memory: a copy-on-write tree that is replaced as a whole, and never changed once it can
 * be seen, so that iterations and streams outlive a checkpoint.
 */
export class CheckpointTree implements CheckpointStore {
  readonly #keeper: CheckpointKeeper;
  #tree = createTree();
  #mark: CheckpointMark | null = null;
  #bytes = 0;
  #busy = false;

  constructor(keeper: CheckpointKeeper) {
    this.#keeper = keeper;
  }

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

  *range(start: string, end: string | null): Iterable<Pair> {
    for (const [key, value] of this.#tree.entries(start)) {
      if (end !== null && key >= end) return;
      yield [key, value];
    }
  }

  /** Begins with what was kept: the pieces of a stream of it. Throws checkpoint_corrupt. */
  load(pieces: Iterable<Uint8Array>, bytes: number): CheckpointMark {
    const incoming = new Incoming();
    for (const piece of pieces) incoming.read(piece);
    const mark = incoming.finish();
    this.#show(incoming.tree, mark, bytes);
    return mark;
  }

  async write(mark: CheckpointMark, changes: Iterable<CheckpointChange>): Promise<void> {
    assert(!this.#busy, 'one checkpoint or install at a time');
    this.#busy = true;
    try {
      const copy = copyOf(mark);
      const tree = this.#tree.clone();
      const { sliceChanges } = this.#keeper;
      let count = 0;
      await this.#keeper.pause();
      for (const [key, value] of changes) {
        assert(key.length > 0, 'a key is not empty');
        if (value === null) tree.delete(key);
        else tree.set(key, Uint8Array.from(value));
        if (++count % sliceChanges === 0) await this.#keeper.pause();
      }
      this.#show(tree, copy, await this.#keeper.keep(contentOf(tree, copy), false));
    } finally {
      this.#busy = false;
    }
  }

  openSnapshot(): SnapshotSource {
    const mark = this.#mark;
    assert(mark !== null, 'there is a checkpoint to stream');
    const source = createSnapshotSource(mark, this.#tree.entries(), () => undefined);
    const { pieceBytesMax } = this.#keeper;
    return {
      mark,
      next: (maxBytes) => source.next(Math.min(maxBytes, pieceBytesMax)),
      close: () => source.close(),
    };
  }

  openInstall(): SnapshotSink {
    assert(!this.#busy, 'one checkpoint or install at a time');
    this.#busy = true;
    const incoming = new Incoming();
    return {
      write: (piece): void => incoming.read(piece),
      finish: async (): Promise<CheckpointMark> => {
        const mark = incoming.finish();
        this.#show(incoming.tree, mark, await this.#keeper.keep(contentOf(incoming.tree, mark), true));
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

  #show(tree: Tree, mark: CheckpointMark, bytes: number): void {
    this.#tree = tree;
    this.#mark = mark;
    this.#bytes = bytes;
  }
}

/** A snapshot on its way in. */
class Incoming {
  readonly tree = createTree();
  readonly #reader = new PieceReader();

  read(piece: Uint8Array): void {
    this.#reader.read(piece, (key, value) => this.tree.set(key, Uint8Array.from(value)));
  }

  /** The piece with the mark belongs to whoever sent it. */
  finish(): CheckpointMark {
    return copyOf(this.#reader.finish());
  }
}

function contentOf(tree: Tree, mark: CheckpointMark): CheckpointContent {
  return { mark, pairs: () => tree.entries() };
}

function createTree(): Tree {
  return new sortedBtree.default<string, Uint8Array>(undefined, compare);
}

/** JavaScript compares strings by UTF-16 unit, which for byte strings is byte order. */
function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function copyOf(mark: CheckpointMark): CheckpointMark {
  return { ...mark, meta: Uint8Array.from(mark.meta) };
}
