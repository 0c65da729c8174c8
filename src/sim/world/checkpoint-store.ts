import { crc32 } from 'node:zlib';
import sortedBtree, { type default as BTree } from 'sorted-btree';
import { assert } from '../../base/assert.js';
import { isKvorumError, KvorumError } from '../../base/errors/error.js';
import type { Scheduler } from '../../base/scheduler.js';
import { createSnapshotSource, PieceReader } from '../../storage/checkpoint/pieces.js';
import { readFileSync, syncDir, type File, type FileSystem } from '../../storage/file-system.js';
import type {
  CheckpointChange,
  CheckpointMark,
  CheckpointStore,
  SnapshotSink,
  SnapshotSource,
} from '../../storage/storage.js';

type Tree = BTree.default<string, Uint8Array>;

const FILE_NAME = 'checkpoint';
const LENGTH_BYTES = 4;
/** Changes that one slice of a checkpoint takes, and the pause after it: the loop goes on meanwhile, as in LMDB's place. */
const SLICE_CHANGES = 8;
const SLICE_MS = 0.5;

export interface SimCheckpointOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly scheduler: Scheduler;
  /** Of one piece of a file or a stream: small, so that streams have many. */
  readonly pieceBytes: number;
  /** `installed`: it came as a snapshot. `digest` is of the whole content, mark and state. */
  onWritten(mark: CheckpointMark, installed: boolean, digest: number): void;
  /** There was one when it was opened, and it is durable. */
  onFound(mark: CheckpointMark): void;
}

/**
 * A checkpoint on the simulated disk, in the place of LMDB: the pieces of a snapshot stream in one file, which is
 * replaced as a whole. Readers see the tree that it was read into.
 */
export class SimCheckpoint implements CheckpointStore {
  readonly #options: SimCheckpointOptions;
  readonly #path: string;
  #tree: Tree = createTree();
  #mark: CheckpointMark | null = null;
  #bytes = 0;
  #busy = false;

  /** Throws checkpoint_corrupt. */
  constructor(options: SimCheckpointOptions) {
    this.#options = options;
    const { fs, dir } = options;
    this.#path = `${dir}/${FILE_NAME}`;
    fs.makeDirSync(dir);
    const temporary = this.#temporaryPath;
    if (fs.existsSync(temporary)) fs.unlinkSync(temporary);
    if (!fs.existsSync(this.#path)) return;
    fs.syncDirSync(dir);
    options.onFound(this.#read());
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

  *range(start: string, end: string | null): Iterable<readonly [key: string, value: Uint8Array]> {
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
      let count = 0;
      await this.#pause();
      for (const [key, value] of changes) {
        assert(key.length > 0, 'a key is not empty');
        if (value === null) tree.delete(key);
        else tree.set(key, Uint8Array.from(value));
        if (++count % SLICE_CHANGES === 0) await this.#pause();
      }
      await this.#replace(tree, copyOf(mark), false);
    } catch (error) {
      throw this.#storageFailed(error);
    } finally {
      this.#busy = false;
    }
  }

  openSnapshot(): SnapshotSource {
    const mark = this.#mark;
    assert(mark !== null, 'there is a checkpoint to stream');
    const source = createSnapshotSource(mark, this.#tree.entries(), () => undefined);
    const { pieceBytes } = this.#options;
    return {
      mark,
      next: (maxBytes) => source.next(Math.min(maxBytes, pieceBytes)),
      close: () => source.close(),
    };
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
        try {
          await this.#replace(tree, mark, true);
        } catch (error) {
          throw this.#storageFailed(error);
        }
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

  get #temporaryPath(): string {
    return `${this.#path}.tmp`;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(SLICE_MS, resolve);
    });
  }

  /** Beside it, sync, rename, sync the folder: at each step a crash leaves the old one or the new one (raft.md S3). */
  async #replace(tree: Tree, mark: CheckpointMark, installed: boolean): Promise<void> {
    const { fs, dir } = this.#options;
    const content = this.#encode(tree, mark);
    const temporary = this.#temporaryPath;
    if (fs.existsSync(temporary)) fs.unlinkSync(temporary);
    const file = fs.openSync(temporary, 'create');
    file.writevSync([content], 0);
    await synced(file);
    file.closeSync();
    fs.renameSync(temporary, this.#path);
    await syncDir(fs, dir);
    this.#tree = tree;
    this.#mark = mark;
    this.#bytes = content.length;
    this.#options.onWritten(mark, installed, crc32(content));
  }

  #encode(tree: Tree, mark: CheckpointMark): Buffer {
    const source = createSnapshotSource(mark, tree.entries(), () => undefined);
    const parts: Uint8Array[] = [];
    for (let piece = source.next(this.#options.pieceBytes); piece !== null;) {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32LE(piece.length);
      parts.push(length, piece);
      piece = source.next(this.#options.pieceBytes);
    }
    return Buffer.concat(parts);
  }

  #read(): CheckpointMark {
    const bytes = readFileSync(this.#options.fs, this.#path);
    const reader = new PieceReader();
    for (let at = 0; at < bytes.length;) {
      const from = at + LENGTH_BYTES;
      const end = from > bytes.length ? Number.POSITIVE_INFINITY : from + bytes.readUInt32LE(at);
      if (end > bytes.length) throw new KvorumError('checkpoint_corrupt', `${this.#path} ends within a piece`);
      reader.read(bytes.subarray(from, end), (key, value) => this.#tree.set(key, Uint8Array.from(value)));
      at = end;
    }
    this.#bytes = bytes.length;
    this.#mark = reader.finish();
    return this.#mark;
  }

  #storageFailed(error: unknown): KvorumError {
    if (isKvorumError(error)) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return new KvorumError('storage_failed', `${this.#path}: ${reason}`, { cause: error });
  }
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

function synced(file: File): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
