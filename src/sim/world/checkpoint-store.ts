import { crc32 } from 'node:zlib';
import { isKvorumError, KvorumError } from '../../base/errors/error.js';
import type { Scheduler } from '../../base/scheduler.js';
import { createSnapshotSource } from '../../storage/checkpoint/pieces.js';
import { readFileSync, syncDir, type File, type FileSystem } from '../../storage/file-system.js';
import { CheckpointTree, type CheckpointContent, type CheckpointKeeper } from '../../storage/memory/checkpoint-tree.js';
import type { CheckpointMark } from '../../storage/storage.js';

const FILE_NAME = 'checkpoint';
const LENGTH_BYTES = 4;
/** Small, so that checkpoints have many slices; the pause stands for what LMDB takes. */
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
export class SimCheckpoint extends CheckpointTree {
  /** Throws checkpoint_corrupt. */
  constructor(options: SimCheckpointOptions) {
    const file = new CheckpointFile(options);
    super(file);
    const bytes = file.open();
    if (bytes !== null) options.onFound(this.load(file.piecesOf(bytes), bytes.length));
  }
}

class CheckpointFile implements CheckpointKeeper {
  readonly sliceChanges = SLICE_CHANGES;
  readonly #options: SimCheckpointOptions;
  readonly #path: string;

  constructor(options: SimCheckpointOptions) {
    this.#options = options;
    this.#path = `${options.dir}/${FILE_NAME}`;
  }

  get pieceBytesMax(): number {
    return this.#options.pieceBytes;
  }

  /** What there is, durably; null when there is nothing. */
  open(): Buffer | null {
    const { fs, dir } = this.#options;
    fs.makeDirSync(dir);
    const temporary = this.#temporaryPath;
    if (fs.existsSync(temporary)) fs.unlinkSync(temporary);
    if (!fs.existsSync(this.#path)) return null;
    fs.syncDirSync(dir);
    return readFileSync(fs, this.#path);
  }

  *piecesOf(bytes: Buffer): Generator<Uint8Array, void> {
    for (let at = 0; at < bytes.length;) {
      const from = at + LENGTH_BYTES;
      const end = from > bytes.length ? Number.POSITIVE_INFINITY : from + bytes.readUInt32LE(at);
      if (end > bytes.length) throw new KvorumError('checkpoint_corrupt', `${this.#path} ends within a piece`);
      yield bytes.subarray(from, end);
      at = end;
    }
  }

  pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.after(SLICE_MS, resolve);
    });
  }

  /** Beside it, sync, rename, sync the folder: at each step a crash leaves the old one or the new one (raft.md S3). */
  async keep(content: CheckpointContent, installed: boolean): Promise<number> {
    const { fs, dir } = this.#options;
    const bytes = this.#encode(content);
    const temporary = this.#temporaryPath;
    try {
      if (fs.existsSync(temporary)) fs.unlinkSync(temporary);
      const file = fs.openSync(temporary, 'create');
      file.writevSync([bytes], 0);
      await synced(file);
      file.closeSync();
      fs.renameSync(temporary, this.#path);
      await syncDir(fs, dir);
    } catch (error) {
      throw this.#storageFailed(error);
    }
    this.#options.onWritten(content.mark, installed, crc32(bytes));
    return bytes.length;
  }

  get #temporaryPath(): string {
    return `${this.#path}.tmp`;
  }

  #encode({ mark, pairs }: CheckpointContent): Buffer {
    const source = createSnapshotSource(mark, pairs(), () => undefined);
    const parts: Uint8Array[] = [];
    for (let piece = source.next(this.pieceBytesMax); piece !== null; piece = source.next(this.pieceBytesMax)) {
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32LE(piece.length);
      parts.push(length, piece);
    }
    return Buffer.concat(parts);
  }

  #storageFailed(error: unknown): KvorumError {
    if (isKvorumError(error)) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return new KvorumError('storage_failed', `${this.#path}: ${reason}`, { cause: error });
  }
}

function synced(file: File): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
