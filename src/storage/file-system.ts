/**
 * The seam between storage and the disk. The log does all its input and output through it, so that tests and the
 * simulator can tear, lose, delay and fail writes (reliability.md §2.3, §3.5).
 *
 * Two styles on purpose: recovery reads like a story with the sync calls; the running log may only wait for a sync
 * through a callback, because a disk can stall for seconds and the event loop must go on (raft.md R7).
 *
 * Every call either does all of what it says or throws the error of the operating system (with its `code`).
 */
export type IoDone = (error: Error | null) => void;

export interface File {
  readonly path: string;
  sizeSync(): number;
  /** Fills `target` from `position`; returns fewer bytes only at the end of the file. */
  readSync(target: Uint8Array, position: number): number;
  /** Writes all parts one after the other from `position`, going on after short writes. Not yet durable. */
  writevSync(parts: readonly Uint8Array[], position: number): void;
  truncateSync(sizeBytes: number): void;
  /** Makes the data and the size durable, not the name (see FileSystem.syncDir). */
  syncSync(): void;
  /** As syncSync; `done` is never called synchronously. */
  sync(done: IoDone): void;
  closeSync(): void;
}

/** `read`: must exist. `write`: must exist, read and write. `create`: must not exist, read and write, mode 0600. */
export type OpenMode = 'read' | 'write' | 'create';

export interface FileSystem {
  openSync(path: string, mode: OpenMode): File;
  existsSync(path: string): boolean;
  /** Names in a folder, sorted. */
  listSync(dir: string): string[];
  /** Creates the folder and its parents, mode 0700. */
  makeDirSync(dir: string): void;
  /** Atomic: afterwards either name holds the file. Durable only after syncDir. */
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
  /** Makes creations, renames and removals in this folder durable (raft.md W4). */
  syncDirSync(dir: string): void;
  syncDir(dir: string, done: IoDone): void;
  /** Takes the folder for this process until release or death. Throws KvorumError data_dir_locked. */
  lockSync(path: string): FolderLock;
}

export interface FolderLock {
  release(): void;
}

export function readFileSync(fs: FileSystem, path: string): Buffer {
  const file = fs.openSync(path, 'read');
  try {
    const bytes = Buffer.allocUnsafeSlow(file.sizeSync());
    const length = file.readSync(bytes, 0);
    return bytes.subarray(0, length);
  } finally {
    file.closeSync();
  }
}

/**
 * The only way to replace a file: write beside it, sync, rename, sync the folder (ALICE's patterns, reliability.md
 * §2.3 "rename before data fsync": forbidden).
 */
export function replaceFileSync(fs: FileSystem, dir: string, path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`;
  if (fs.existsSync(temporary)) fs.unlinkSync(temporary);
  const file = fs.openSync(temporary, 'create');
  try {
    file.writevSync([bytes], 0);
    file.syncSync();
  } finally {
    file.closeSync();
  }
  fs.renameSync(temporary, path);
  fs.syncDirSync(dir);
}

/** FileSystem.syncDir as a promise. */
export function syncDir(fs: FileSystem, dir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.syncDir(dir, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** The operating system's error code (`ENOSPC`), or '' when there is none. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}
