import { assert } from '../../base/assert.js';
import { KvorumError } from '../../base/errors/error.js';
import type { File, FileSystem, FolderLock, IoDone, OpenMode } from '../file-system.js';
import { SimulatedNames, type SimulatedInode, type Survives } from './simulated-file.js';

/**
 * What happens at the chosen operation (reliability.md §3.5): an error before it took effect, an error after half of
 * a write, or the end of the world just before or just after it.
 */
export type Fault = 'EIO' | 'ENOSPC' | 'short write' | 'crash before' | 'crash after';

/** A simulator's part: it decides what happens to operations, and when those that take time are done. */
export interface SimulatedDiskHooks {
  /** Of an operation that is about to change something. `lost`: a sync of a file that says yes and is not done. */
  fault(operation: string, path: string): Fault | 'lost' | null;
  /** Calls `complete` when the disk is done, and what that returns when the process may hear of it. */
  later(complete: () => () => void): void;
  /** What is durable has changed: the content of a file, or the names in a folder (`inode` null). */
  onDurable(path: string, inode: SimulatedInode | null): void;
}

export interface SimulatedDiskOptions {
  /** Fails the operation with this number (the first one is 1). Only operations that change something are counted. */
  readonly failAt?: number;
  readonly fault?: Fault;
  readonly hooks?: SimulatedDiskHooks;
}

export interface CrashOptions {
  readonly survives: Survives;
  /** What is written whole or not at all: 512 for a disk sector, 1 for the most hostile one. */
  readonly sectorBytes?: number;
}

class SimulatedFile implements File {
  readonly path: string;
  readonly #disk: SimulatedFileSystem;
  readonly #inode: SimulatedInode;

  constructor(disk: SimulatedFileSystem, path: string, inode: SimulatedInode) {
    this.#disk = disk;
    this.path = path;
    this.#inode = inode;
  }

  sizeSync(): number {
    return this.#inode.size;
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#inode.read(target, position);
  }

  writevSync(parts: readonly Uint8Array[], position: number): void {
    const bytes = Buffer.concat(parts);
    const half = (): void => this.#inode.write(Buffer.from(bytes.subarray(0, bytes.length >> 1)), position);
    this.#disk.change('write', this.path, () => this.#inode.write(bytes, position), half);
  }

  truncateSync(sizeBytes: number): void {
    this.#disk.change('truncate', this.path, () => this.#inode.truncate(sizeBytes));
  }

  syncSync(): void {
    this.#disk.syncFile(this.path, this.#inode, this.#inode.changes);
  }

  /** Covers what was written before the call, and nothing that is written while it runs. */
  sync(done: IoDone): void {
    const { changes } = this.#inode;
    this.#disk.later(() => this.#disk.syncFile(this.path, this.#inode, changes), done);
  }

  closeSync(): void {
    // Closing has no effect on what is durable.
  }
}

/**
 * A disk in memory that forgets what was not synced, for tests and the simulator. `crash` returns the disk that the
 * next process finds. Folders themselves are not modelled: they exist and are durable.
 */
export class SimulatedFileSystem implements FileSystem {
  #names = new SimulatedNames();
  readonly #options: SimulatedDiskOptions;
  readonly #locks = new Set<string>();
  /** Operations so far that changed something. */
  operations = 0;
  crashed = false;
  /** The process is gone, the machine is not: nothing new happens, and what the kernel has begun it ends. */
  #released = false;
  /** An operation that was begun earlier is being completed. */
  #ending = false;
  #held: (() => void)[] | null = null;

  constructor(options: SimulatedDiskOptions = {}) {
    this.#options = options;
  }

  openSync(path: string, mode: OpenMode): File {
    const existing = this.#names.get(path);
    if (mode === 'create') {
      if (existing !== undefined) throw systemError('EEXIST', 'open', path);
      this.change('create', path, () => this.#names.create(parent(path), path));
    }
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError('ENOENT', 'open', path);
    return new SimulatedFile(this, path, inode);
  }

  existsSync(path: string): boolean {
    return this.#names.get(path) !== undefined || this.#names.has(path);
  }

  listSync(dir: string): string[] {
    const prefix = `${dir}/`;
    const names = this.#names.paths().filter((path) => path.startsWith(prefix));
    return [...new Set(names.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))];
  }

  makeDirSync(dir: string): void {
    assert(dir.length > 0, 'a folder has a name');
  }

  renameSync(from: string, to: string): void {
    if (this.#names.get(from) === undefined) throw systemError('ENOENT', 'rename', from);
    this.change('rename', from, () => this.#names.rename(parent(from), from, to));
  }

  unlinkSync(path: string): void {
    if (this.#names.get(path) === undefined) throw systemError('ENOENT', 'unlink', path);
    this.change('unlink', path, () => this.#names.unlink(parent(path), path));
  }

  syncDirSync(dir: string): void {
    this.change('syncDir', dir, () => {
      this.#names.syncDir(dir);
      this.#options.hooks?.onDurable(dir, null);
    });
  }

  syncFile(path: string, inode: SimulatedInode, changes: number): void {
    try {
      this.change('sync', path, (lost) => {
        if (lost) inode.loseSync(changes);
        else inode.sync(changes);
        this.#options.hooks?.onDurable(path, inode);
      });
    } catch (error) {
      if (!this.crashed) inode.failSync(changes);
      throw error;
    }
  }

  syncDir(dir: string, done: IoDone): void {
    this.later(() => this.syncDirSync(dir), done);
  }

  lockSync(path: string): FolderLock {
    if (this.#locks.has(path)) throw new KvorumError('data_dir_locked', `${path} is held by this process`);
    this.#locks.add(path);
    return { release: () => this.#locks.delete(path) };
  }

  /** Lets syncs hang, as a wedged disk does, until the returned function is called. */
  holdSyncs(): () => void {
    const held: (() => void)[] = [];
    this.#held = held;
    return () => {
      this.#held = null;
      for (const run of held) queueMicrotask(run);
    };
  }

  /** The disk as the next process would find it if the power went now. This one goes on. */
  crash(options: CrashOptions): SimulatedFileSystem {
    const next = new SimulatedFileSystem(this.#hooksOnly());
    next.#names = this.#names.afterCrash(options.survives, options.sectorBytes ?? 512);
    return next;
  }

  /** The disk as the next process finds it after kill -9: what was not synced is still in the page cache. */
  release(): SimulatedFileSystem {
    const next = new SimulatedFileSystem(this.#hooksOnly());
    next.#names = this.#names;
    this.#released = true;
    return next;
  }

  #hooksOnly(): SimulatedDiskOptions {
    const { hooks } = this.#options;
    return hooks === undefined ? {} : { hooks };
  }

  /** What a loss of power leaves for certain, by path. */
  get durable(): ReadonlyMap<string, SimulatedInode> {
    return this.#names.durable;
  }

  /** A sync has lied, and no later one of that file has made up for it: power that goes now may take what it vouched for. */
  get lies(): boolean {
    return this.#names.lies;
  }

  /** A copy to be damaged. */
  clone(): SimulatedFileSystem {
    const copy = new SimulatedFileSystem();
    copy.#names = this.#names.clone();
    return copy;
  }

  /** Test surgery: the content of a file, and putting another one in its place (null removes it), durably. */
  content(path: string): Buffer {
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError('ENOENT', 'open', path);
    return inode.content();
  }

  replace(path: string, bytes: Uint8Array | null): void {
    const dir = parent(path);
    if (bytes === null) this.#names.unlink(dir, path);
    else (this.#names.get(path) ?? this.#names.create(dir, path)).replace(bytes);
    this.#names.syncDir(dir);
  }

  /** Runs one counted operation under the fault that was asked for. */
  change(operation: string, path: string, run: (lost: boolean) => void, half?: () => void): void {
    if (this.crashed || (this.#released && !this.#ending)) throw systemError('ECRASHED', operation, path);
    this.operations++;
    const fault = this.#faultOf(operation, path);
    assert(fault !== 'lost' || operation === 'sync', 'only a sync of a file is lost');
    if (fault === null || fault === 'lost') return run(fault === 'lost');
    if (fault === 'crash after') run(false);
    if (fault === 'short write' && half !== undefined) half();
    if (fault === 'crash before' || fault === 'crash after') {
      this.crashed = true;
      throw systemError('ECRASHED', operation, path);
    }
    throw systemError(fault === 'EIO' ? 'EIO' : 'ENOSPC', operation, path);
  }

  #faultOf(operation: string, path: string): Fault | 'lost' | null {
    const { failAt, fault, hooks } = this.#options;
    if (this.operations === failAt) return fault ?? 'EIO';
    return hooks?.fault(operation, path) ?? null;
  }

  later(run: () => void, done: IoDone): void {
    const complete = (): (() => void) => {
      const error = this.#end(run);
      // After a crash nobody is left to be called.
      return () => (this.crashed || this.#released ? undefined : done(error));
    };
    const { hooks } = this.#options;
    if (this.#held !== null) this.#held.push(() => complete()());
    else if (hooks !== undefined) hooks.later(complete);
    else queueMicrotask(() => complete()());
  }

  /** The kernel ends what it has begun, whether or not the process still lives. */
  #end(run: () => void): Error | null {
    this.#ending = true;
    try {
      run();
      return null;
    } catch (error) {
      return error as Error;
    } finally {
      this.#ending = false;
    }
  }
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code });
}
