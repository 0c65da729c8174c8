import fs from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.js';
import type { File, FileSystem, FolderLock, IoDone, OpenMode } from './file-system.js';
import { lockFolder } from './folder-lock.js';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

const OPEN_FLAGS: Record<OpenMode, string> = { read: 'r', write: 'r+', create: 'wx+' };

class NodeFile implements File {
  readonly path: string;
  readonly #fd: number;
  #open = true;

  constructor(path: string, mode: OpenMode) {
    this.path = path;
    this.#fd = fs.openSync(path, OPEN_FLAGS[mode], FILE_MODE);
  }

  sizeSync(): number {
    return fs.fstatSync(this.#fd).size;
  }

  readSync(target: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < target.length) {
      const count = fs.readSync(this.#fd, target, filled, target.length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  writevSync(parts: readonly Uint8Array[], position: number): void {
    assert(this.#open, 'a closed file is not written');
    let total = 0;
    for (const part of parts) total += part.length;
    const written =
      parts.length === 1 && parts[0] !== undefined
        ? fs.writeSync(this.#fd, parts[0], 0, total, position)
        : fs.writevSync(this.#fd, parts, position);
    if (written < total) this.#writeRest(parts, written, position);
  }

  /** A short write is no error (reliability.md §2.3): a full disk says so at the next one. */
  #writeRest(parts: readonly Uint8Array[], alreadyWritten: number, position: number): void {
    let skip = alreadyWritten;
    let at = position + alreadyWritten;
    for (const part of parts) {
      let from = Math.min(skip, part.length);
      skip -= from;
      while (from < part.length) {
        const written = fs.writeSync(this.#fd, part, from, part.length - from, at);
        from += written;
        at += written;
      }
    }
  }

  truncateSync(sizeBytes: number): void {
    fs.ftruncateSync(this.#fd, sizeBytes);
  }

  syncSync(): void {
    fs.fdatasyncSync(this.#fd);
  }

  sync(done: IoDone): void {
    fs.fdatasync(this.#fd, done);
  }

  closeSync(): void {
    assert(this.#open, 'a file is closed once');
    this.#open = false;
    fs.closeSync(this.#fd);
  }
}

/** The real disk. */
export const nodeFileSystem: FileSystem = {
  openSync: (path: string, mode: OpenMode): File => new NodeFile(path, mode),
  existsSync: (path: string): boolean => fs.existsSync(path),
  listSync: (dir: string): string[] => fs.readdirSync(dir).toSorted(),
  makeDirSync: (dir: string): void => {
    const first = fs.mkdirSync(dir, { recursive: true, mode: FOLDER_MODE });
    // The name of a new folder lives in its parent.
    if (first !== undefined) syncDirSync(join(first, '..'));
  },
  renameSync: (from: string, to: string): void => fs.renameSync(from, to),
  unlinkSync: (path: string): void => fs.unlinkSync(path),
  syncDirSync,
  syncDir(dir: string, done: IoDone): void {
    const fd = fs.openSync(dir, 'r');
    fs.fsync(fd, (error) => {
      fs.close(fd, (closeError) => done(error ?? closeError ?? null));
    });
  },
  lockSync: (path: string): FolderLock => lockFolder(path),
};

function syncDirSync(dir: string): void {
  const fd = fs.openSync(dir, 'r');
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
