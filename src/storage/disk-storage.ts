import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assert, InvariantViolation } from '../base/assert.js';
import { replicaId, type GroupId, type OriginId } from '../base/brand.js';
import { systemClock, type Clock } from '../base/clock.js';
import { isKvorumError, KvorumError } from '../base/errors/error.js';
import type { Scheduler } from '../base/scheduler.js';
import { LmdbCheckpoint } from './checkpoint/lmdb-checkpoint.js';
import type { FileSystem, FolderLock } from './file-system.js';
import {
  checkFormationStep,
  checkIdentity,
  completeIdentity,
  readIdentity,
  writeIdentity,
  type IdentityFile,
} from './identity.js';
import { LostWritesFolder } from './lost-writes/folder.js';
import { nodeFileSystem } from './node-file-system.js';
import type {
  CheckpointMark,
  CheckpointStore,
  FormationRecord,
  RecoveredGroup,
  Storage,
  StorageIdentity,
  WritingIdentity,
} from './storage.js';
import { SegmentedLog } from './wal/segmented-log.js';
import { segmentNames } from './wal/replay.js';
import type { StorageLogger } from './wal/recovery.js';
import { identityOf, mintedBy, nextLife, renewed, type WritingRecord } from './writing.js';

export interface StorageOptions {
  /** The folder of this replica alone. Created, with its parents, when it is missing. */
  readonly dir: string;
  readonly identity: StorageIdentity;
  readonly segmentBytes: number;
  /** False: acknowledged writes may be lost with the power, not with the process. */
  readonly fsync: boolean;
  /** For the log, the identity and the lock. Checkpoints are LMDB files on the real disk, or what is given here. */
  readonly fs?: FileSystem;
  readonly openCheckpoint?: (dir: string) => CheckpointStore;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly preallocateBytes?: number;
  readonly logger?: StorageLogger;
  /** Names a new folder: 32 hexadecimal digits that nobody ever gets again. Random by default. */
  readonly nameFolder?: () => string;
  /** 16 hexadecimal digits, 12 of them the time in milliseconds: see WritingIdentity. Random by default. */
  readonly mintIncarnation?: () => string;
}

/** Names in a replica's folder. */
export const FOLDER = { lock: 'LOCK', log: 'log', checkpoint: 'checkpoint', lostWrites: 'lost-writes' } as const;

/**
 * Opens the folder of a replica: lock, identity, log. Throws data_dir_locked, data_dir_mismatch, data_dir_newer,
 * log_corrupt, or storage_failed when the disk refuses; nothing stays open then.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { dir } = options;
  const fs = options.fs ?? nodeFileSystem;
  let lock: FolderLock | null = null;
  try {
    fs.makeDirSync(dir);
    lock = fs.lockSync(join(dir, FOLDER.lock));
    return await openLocked(options, fs, lock);
  } catch (error) {
    lock?.release();
    if (isKvorumError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KvorumError('storage_failed', `${dir} cannot be opened: ${reason}`, { cause: error });
  }
}

async function openLocked(options: StorageOptions, fs: FileSystem, lock: FolderLock): Promise<DiskStorage> {
  const { dir, identity } = options;
  const logDir = join(dir, FOLDER.log);
  const found = readIdentity(fs, dir);
  if (found !== null) {
    checkIdentity(dir, found, identity);
    // The identity is written last: a folder that has it had a log (reliability.md §2.3 "missing everything").
    if (!fs.existsSync(logDir) || segmentNames(fs, logDir).length === 0) {
      throw new KvorumError(
        'log_corrupt',
        `${logDir} holds no segment, but ${dir} was in use: the log is missing. Is the disk mounted? ` +
          'Restore the folder, or remove this replica from the cluster and add a new one with an empty folder',
      );
    }
  }
  const failures = new FailureNotice();
  const { segmentBytes, fsync, clock, scheduler, preallocateBytes } = options;
  const log = SegmentedLog.open({
    fs,
    dir: logDir,
    identity,
    segmentBytes,
    fsync,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
    ...(clock === undefined ? {} : { clock }),
    ...(scheduler === undefined ? {} : { scheduler }),
    ...(preallocateBytes === undefined ? {} : { preallocateBytes }),
    onFailed: (error) => failures.tell(error),
  });
  try {
    const file = settleIdentity(options, fs, found, log);
    const openCheckpoint = options.openCheckpoint ?? ((path) => new LmdbCheckpoint(nodeFileSystem, path));
    const mint = options.mintIncarnation ?? mintedBy(clock ?? systemClock);
    return new DiskStorage({ fs, dir, file, fsync, mint, log, lock, failures, openCheckpoint });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Names a folder that has no name yet. */
function settleIdentity(
  { dir, identity, nameFolder }: StorageOptions,
  fs: FileSystem,
  found: IdentityFile | null,
  log: SegmentedLog,
): IdentityFile {
  const used = [...log.recovered.values()].some(
    ({ hardState, baseIndex, entries }) => hardState !== null || baseIndex > 0 || entries.length > 0,
  );
  if (found === null && used) {
    // It was written before the log was used: somebody has deleted it, and with it what the others know us by.
    throw new KvorumError(
      'data_dir_mismatch',
      `${dir} has a log that was in use, but no file IDENTITY. Restore the file, or remove this replica from the ` +
        'cluster and add a new one with an empty folder',
    );
  }
  const file = completeIdentity(found, identity, used, nameFolder ?? randomName);
  if (file !== found) writeIdentity(fs, dir, file);
  return file;
}

function randomName(): string {
  return randomBytes(16).toString('hex');
}

/** Remembers the first failure for listeners that come later. */
class FailureNotice {
  #error: Error | null = null;
  readonly #listeners: ((error: Error) => void)[] = [];

  tell(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    for (const listener of this.#listeners) listener(error);
  }

  listen(listener: (error: Error) => void): void {
    this.#listeners.push(listener);
    const error = this.#error;
    if (error !== null) queueMicrotask(() => listener(error));
  }
}

interface Opened {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly file: IdentityFile;
  readonly fsync: boolean;
  readonly mint: () => string;
  readonly log: SegmentedLog;
  readonly lock: FolderLock;
  readonly failures: FailureNotice;
  readonly openCheckpoint: (dir: string) => CheckpointStore;
}

class DiskStorage implements Storage {
  readonly log: SegmentedLog;
  readonly lostWrites: LostWritesFolder;
  readonly #opened: Opened;
  #file: IdentityFile;
  readonly #checkpoints = new Map<GroupId, CheckpointStore>();
  /** Of this life; null until it is asked for. */
  #writing: WritingIdentity | null = null;
  #closed = false;

  constructor(opened: Opened) {
    this.#opened = opened;
    this.#file = opened.file;
    this.log = opened.log;
    this.lostWrites = new LostWritesFolder(opened.fs, join(opened.dir, FOLDER.lostWrites));
  }

  get folder(): string | null {
    return this.#file.folder;
  }

  get formation(): FormationRecord | null {
    return this.#file.formation;
  }

  recordFormation(formation: FormationRecord): void {
    assert(!this.#closed, 'a closed storage records nothing');
    checkFormationStep(this.#file.formation, formation);
    this.#record({ ...this.#file, formation }, 'the formation');
  }

  beginWriting(): WritingIdentity {
    if (this.#writing !== null) return this.#writing;
    const { fsync, mint } = this.#opened;
    const before = this.#file.writing;
    const record = nextLife(before, fsync, mint);
    return this.#writeAs(record, record.incarnation !== before?.incarnation);
  }

  renewIncarnation(above: readonly OriginId[] = []): WritingIdentity {
    assert(this.#writing !== null && this.#file.writing !== null, 'only who writes needs another name for it');
    return this.#writeAs(renewed(this.#file.writing, replicaId(this.#file.replica), above, this.#opened.mint), true);
  }

  #writeAs(writing: WritingRecord, fresh: boolean): WritingIdentity {
    assert(!this.#closed, 'a closed storage records nothing');
    this.#record({ ...this.#file, writing }, 'who writes');
    this.#writing = identityOf(writing, fresh);
    return this.#writing;
  }

  /** Replaces IDENTITY durably. `what` is new in it. */
  #record(file: IdentityFile, what: string): void {
    const { fs, dir } = this.#opened;
    try {
      writeIdentity(fs, dir, file);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new KvorumError('storage_failed', `${dir}: ${what} cannot be recorded: ${reason}`, { cause: error });
    }
    this.#file = file;
  }

  checkpoint(group: GroupId, log: 'own' | 'none' = 'own'): CheckpointStore {
    assert(!this.#closed, 'a closed storage opens nothing');
    const open = this.#checkpoints.get(group);
    if (open !== undefined) return open;
    // A group id holds a slash; a file name cannot.
    const store = this.#openCheckpoint(join(this.#opened.dir, FOLDER.checkpoint, encodeURIComponent(group)));
    this.#checkpoints.set(group, store);
    if (log === 'own' && store.mark !== null && isAhead(store.mark, this.log.recovered.get(group))) {
      // A crash came between an installed snapshot and its record in the log: entries after it would leave a gap.
      const { index, term } = store.mark;
      const replaces = goesBack(store.mark, this.log.recovered.get(group));
      this.log.append([{ kind: 'checkpoint', group, index, term, replaces }], true, () => undefined);
    }
    return store;
  }

  #openCheckpoint(path: string): CheckpointStore {
    try {
      return this.#opened.openCheckpoint(path);
    } catch (error) {
      if (isKvorumError(error) || error instanceof InvariantViolation) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new KvorumError('storage_failed', `${path} cannot be opened: ${reason}`, { cause: error });
    }
  }

  onFailed(listener: (error: Error) => void): void {
    this.#opened.failures.listen(listener);
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a storage is closed once');
    this.#closed = true;
    try {
      for (const store of this.#checkpoints.values()) await store.close();
      await this.log.close();
      this.#endWriting();
    } finally {
      this.#opened.lock.release();
    }
  }

  /** The log is synced to its end by now: what was written under the incarnation is there. */
  #endWriting(): void {
    const { writing } = this.#file;
    if (this.#writing === null || writing === null || writing.whole || this.log.failed !== null) return;
    this.#record({ ...this.#file, writing: { ...writing, whole: true } }, 'the end of writing');
  }
}

/** True when the log does not reach the checkpoint, or contradicts it (raft.md S5). */
function isAhead(mark: CheckpointMark, recovered: RecoveredGroup | undefined): boolean {
  if (recovered === undefined) return true;
  if (mark.index < recovered.baseIndex) return goesBack(mark, recovered);
  if (mark.index === recovered.baseIndex) return recovered.baseTerm !== mark.term;
  return recovered.entries[mark.index - recovered.baseIndex - 1]?.term !== mark.term;
}

/**
 * True for a leader-follower group whose log was being replaced by another history when the crash came: its hard state has no vote
 * (log.proto). In any other group a log that begins after the checkpoint lacks a checkpoint, which is for others to say.
 */
function goesBack(mark: CheckpointMark, recovered: RecoveredGroup | undefined): boolean {
  if (recovered === undefined || mark.quorum === undefined || mark.index >= recovered.baseIndex) return false;
  const { hardState } = recovered;
  return hardState !== null && hardState.term > 0 && hardState.vote === null;
}
