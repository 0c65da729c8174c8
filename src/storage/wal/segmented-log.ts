import { assert, assertDefined } from '../../base/assert.js';
import type { GroupId, LogIndex, Term } from '../../base/brand.js';
import { systemClock, type Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { backgroundScheduler, type Scheduler } from '../../base/scheduler.js';
import { VERSION } from '../../version.js';
import { errorCode, syncDir, type File, type FileSystem } from '../file-system.js';
import type { Log, LogRecord, RecoveredGroup, RecoveryReport, StorageIdentity } from '../storage.js';
import { FORMAT_VERSION } from './format.js';
import { LiveGroups } from './live-groups.js';
import { OldSegments, type OldSegment } from './old-segments.js';
import { recoverLog, type StorageLogger } from './recovery.js';
import { createSegmentFile, PREALLOCATE_BYTES, SegmentWriter, type NewSegment } from './segment-writer.js';
import type { SegmentHeader } from './unit-decoder.js';
import { UnitEncoder, type StoredRecord } from './unit-encoder.js';

export interface LogOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly identity: StorageIdentity;
  /** A new segment is begun when this one would become larger; a single larger append still goes into one. */
  readonly segmentBytes: number;
  /** False: never wait for the disk. An acknowledged write may then be lost with the power. */
  readonly fsync: boolean;
  readonly preallocateBytes?: number;
  /** A sync mark is written after this much silence (at most twice as much), so that damage to the last batch can be told from a torn write. */
  readonly idleMarkMs?: number;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
  readonly logger?: StorageLogger;
  /** Called once, never synchronously. */
  readonly onFailed?: (error: Error) => void;
}

/** One append that waits for its write. */
interface PendingUnit {
  readonly records: readonly StoredRecord[];
  readonly sync: boolean;
  readonly done: () => void;
}

const IDLE_MARK_MS = 100;
/** Encoded bytes of one write. What does not fit waits for the next: a stall must not become one giant write. */
const WRITE_BYTES_MAX = 32 * 1024 * 1024;
/** In one piece, of what is written again at the start. */
const REWRITE_BYTES = 1024 * 1024;
/** Upper bound of what a record adds to an entry's payload, and of a record without one. */
const RECORD_OVERHEAD_BYTES = 256;

/**
 * The log of a replica on disk. See DESIGN.md for the layout and log.proto for the format.
 *
 * One write at a time: `append` writes at once when nothing is being synced (a write is a copy into the page cache),
 * and gathers otherwise; all that gathered goes out with one writev and one fdatasync (group commit). The queue is
 * bounded by its callers: engines stop proposing at LIMITS.uncommittedBytes.
 */
export class SegmentedLog implements Log {
  readonly report: RecoveryReport;
  readonly #options: LogOptions;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #recovered: Map<GroupId, RecoveredGroup>;
  readonly #groups: LiveGroups;
  readonly #encoder = new UnitEncoder();
  readonly #old: OldSegments;
  #current: SegmentWriter;
  #highest: Map<GroupId, number>;
  #queue: PendingUnit[] = [];
  /** A write is being synced, or a segment is being begun. */
  #busy = false;
  #lastSeq: number;
  #lastCrc: number;
  /** Everything up to here is on disk. */
  #durableSeq: number;
  #syncStartedMs: number | null = null;
  #failed: KvorumError | null = null;
  #closed = false;
  /** Set while the silence that a mark waits for is being watched. */
  #stopMarkTimer: (() => void) | null = null;
  #disturbed = false;
  #endsWithMark = false;
  #idleWaiters: (() => void)[] = [];

  /** Recovers the log in the folder, or begins one. Throws log_corrupt, data_dir_mismatch, data_dir_newer. */
  static open(options: LogOptions): SegmentedLog {
    const { replay, report } = recoverLog(
      options.fs,
      options.dir,
      options.identity,
      options.logger ?? (() => undefined),
    );
    const last = replay.segments.at(-1);
    const groups = new LiveGroups(replay.groups);
    if (last === undefined) {
      const header = headerFor(options.identity, 1, null, groups);
      const created = createSegmentFile(options.fs, options.dir, header, 0);
      created.file.syncSync();
      options.fs.renameSync(created.temporaryPath, created.path);
      options.fs.syncDirSync(options.dir);
      const writer = writerFor(options, created, 1);
      return new SegmentedLog(options, writer, { lastSeq: 1, lastCrc: created.salt, groups, old: [] }, report);
    }
    const file = options.fs.openSync(last.path, 'write');
    // What was read may only be in the page cache (after kill -9): engines may count it as durable only after this.
    rewrite(file, last.provenBytes, last.endBytes);
    file.syncSync();
    options.fs.syncDirSync(options.dir);
    const writer = new SegmentWriter({
      ...last,
      file,
      targetBytes: options.segmentBytes,
      preallocateBytes: options.preallocateBytes ?? PREALLOCATE_BYTES,
    });
    const { lastSeq, lastCrc, highest } = last;
    const old = replay.segments
      .slice(0, -1)
      .map(({ path, fileBytes, highest }) => ({ path, bytes: fileBytes, highest }));
    const state = { lastSeq, lastCrc, groups, old, highest: new Map(highest), recovered: new Map(replay.groups) };
    return new SegmentedLog(options, writer, state, report);
  }

  private constructor(
    options: LogOptions,
    current: SegmentWriter,
    state: {
      readonly lastSeq: number;
      readonly lastCrc: number;
      readonly groups: LiveGroups;
      readonly old: OldSegment[];
      readonly highest?: Map<GroupId, number>;
      readonly recovered?: Map<GroupId, RecoveredGroup>;
    },
    report: RecoveryReport,
  ) {
    assert(options.segmentBytes > 0, 'a segment has a size');
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#scheduler = options.scheduler ?? backgroundScheduler;
    this.report = report;
    this.#current = current;
    this.#lastSeq = state.lastSeq;
    this.#lastCrc = state.lastCrc;
    this.#durableSeq = state.lastSeq;
    this.#groups = state.groups;
    this.#old = new OldSegments(options.fs, options.dir, state.old);
    this.#highest = state.highest ?? new Map<GroupId, number>();
    this.#recovered = state.recovered ?? new Map<GroupId, RecoveredGroup>();
  }

  /** What a group recovered to. Forgotten at the first `cut` of the group, so that old entries can be collected. */
  get recovered(): ReadonlyMap<GroupId, RecoveredGroup> {
    return this.#recovered;
  }

  get failed(): Error | null {
    return this.#failed;
  }

  get bytes(): number {
    return this.#current.fileBytes + this.#old.bytes;
  }

  heldBytes(group: GroupId): number {
    const bytes = this.#old.heldBytes(group, this.#groups);
    return bytes === 0 ? 0 : bytes + this.#current.fileBytes;
  }

  stalledMs(): number {
    return this.#syncStartedMs === null ? 0 : this.#clock.monotonicMs() - this.#syncStartedMs;
  }

  append(records: readonly LogRecord[], sync: boolean, done: () => void): void {
    this.#enqueue({ records, sync, done });
  }

  cut(group: GroupId, index: LogIndex, term: Term): void {
    if (this.#failed !== null || index <= this.#groups.baseIndex(group)) return;
    this.#recovered.delete(group);
    const done = (): void => {
      // Only now: a removed segment is missed by a recovery that does not know of the cut.
      this.#groups.markDurable(group, index);
      void this.#removeSegments();
    };
    this.#enqueue({ records: [{ kind: 'cut', group, index, term }], sync: true, done });
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a log is closed once');
    while (this.#failed === null && (this.#busy || this.#old.removing || this.#queue.length > 0)) {
      await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
    }
    this.#closed = true;
    this.#stopMarkTimer?.();
    try {
      if (this.#failed === null) {
        if (this.#durableSeq < this.#lastSeq) await this.#sync(this.#current.file);
        this.#durableSeq = this.#lastSeq;
        this.#writeMark();
        this.#current.trim();
        await this.#sync(this.#current.file);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#current.file.closeSync();
    }
  }

  #enqueue(unit: PendingUnit): void {
    assert(!this.#closed, 'a closed log takes nothing');
    // Poisoned: `done` is never called, so nobody is told that this is durable (reliability.md §0.5).
    if (this.#failed !== null) return;
    this.#queue.push(unit);
    if (!this.#busy) this.#flush();
  }

  /** Writes what has gathered, after beginning a new segment when this one is full. */
  #flush(): void {
    assert(!this.#busy, 'one write at a time');
    if (this.#failed !== null) return;
    if (this.#queue.length === 0) return this.#idle();
    this.#busy = true;
    const units = this.#take();
    if (this.#mustRoll(units)) {
      this.#roll().then(
        () => this.#write(units),
        (error: unknown) => this.#fail(error),
      );
    } else {
      this.#write(units);
    }
  }

  /** The next units up to WRITE_BYTES_MAX, at least one. */
  #take(): PendingUnit[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length) {
      bytes += sizeOf(assertDefined(this.#queue[count], 'within the queue'));
      if (count > 0 && bytes > WRITE_BYTES_MAX) break;
      count++;
    }
    if (count < this.#queue.length) return this.#queue.splice(0, count);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }

  #write(units: readonly PendingUnit[]): void {
    let wantsSync = false;
    this.#encoder.reset();
    for (const unit of units) {
      wantsSync ||= unit.sync;
      if (unit.records.length === 0) continue;
      for (const record of unit.records) this.#track(record);
      this.#lastSeq++;
      this.#lastCrc = this.#encoder.unit(this.#lastSeq, this.#durableSeq, this.#current.salt, unit.records);
    }
    const { bytes } = this.#encoder;
    if (bytes > 0) {
      try {
        this.#current.write(this.#encoder.parts(), bytes);
      } catch (error) {
        return this.#fail(error);
      }
      this.#endsWithMark = false;
    }
    const writtenSeq = this.#lastSeq;
    if (wantsSync && this.#options.fsync && writtenSeq > this.#durableSeq) {
      this.#syncStartedMs = this.#clock.monotonicMs();
      this.#current.file.sync((error) => this.#onSynced(error, writtenSeq, units));
    } else {
      this.#scheduler.nextTurn(() => this.#finish(units));
    }
  }

  #onSynced(error: Error | null, writtenSeq: number, units: readonly PendingUnit[]): void {
    this.#syncStartedMs = null;
    if (error !== null) return this.#fail(error);
    assert(writtenSeq >= this.#durableSeq, 'durability never goes back');
    this.#durableSeq = writtenSeq;
    this.#finish(units);
  }

  /** Starts the next write before telling about this one: the disk need not wait for us. */
  #finish(units: readonly PendingUnit[]): void {
    if (this.#failed !== null) return;
    this.#busy = false;
    this.#flush();
    this.#forgetVoid(units);
    for (const unit of units) unit.done();
  }

  /** A checkpoint beyond a group's log voids all of it, as a cut does: there may never be a cut that lies higher. */
  #forgetVoid(units: readonly PendingUnit[]): void {
    let moved = false;
    for (const { records, sync } of units) {
      if (!sync) continue;
      for (const record of records) {
        if (record.kind !== 'checkpoint' || this.#groups.baseIndex(record.group) < record.index) continue;
        this.#groups.markDurable(record.group, record.index);
        moved = true;
      }
    }
    if (moved) void this.#removeSegments();
  }

  #track(record: StoredRecord): void {
    this.#groups.apply(record);
    if (record.kind !== 'entry') return;
    const highest = this.#highest.get(record.group) ?? 0;
    if (record.entry.index > highest) this.#highest.set(record.group, record.entry.index);
  }

  #mustRoll(units: readonly PendingUnit[]): boolean {
    if (this.#current.firstSeq === this.#lastSeq) return false;
    let bytes = this.#current.endBytes;
    for (const unit of units) bytes += sizeOf(unit);
    return bytes > this.#options.segmentBytes;
  }

  /**
   * Begins the next segment. The order matters (raft.md W4): the old one is whole on disk before the new one has its
   * name, and the name is on disk before the first record goes in.
   */
  async #roll(): Promise<void> {
    const { fs, dir, identity } = this.#options;
    const old = this.#current;
    old.trim();
    await this.#sync(old.file);
    this.#durableSeq = this.#lastSeq;
    const previous = { lastSeq: this.#lastSeq, bytes: old.endBytes, lastCrc: this.#lastCrc };
    const firstSeq = this.#lastSeq + 1;
    const created = createSegmentFile(fs, dir, headerFor(identity, firstSeq, previous, this.#groups), this.#durableSeq);
    await this.#sync(created.file);
    fs.renameSync(created.temporaryPath, created.path);
    this.#syncStartedMs = this.#clock.monotonicMs();
    await syncDir(fs, dir);
    this.#syncStartedMs = null;
    old.file.closeSync();
    this.#old.push({ path: old.path, bytes: old.fileBytes, highest: this.#highest });
    this.#current = writerFor(this.#options, created, firstSeq);
    this.#highest = new Map();
    this.#lastSeq = firstSeq;
    this.#lastCrc = created.salt;
    this.#durableSeq = firstSeq;
    this.#options.logger?.('log_segment_begun', { file: created.path, firstSeq });
  }

  #sync(file: File): Promise<void> {
    this.#syncStartedMs = this.#clock.monotonicMs();
    return new Promise((resolve, reject) => {
      file.sync((error) => {
        this.#syncStartedMs = null;
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  async #removeSegments(): Promise<void> {
    try {
      await this.#old.removeCut(this.#groups, (file) => this.#options.logger?.('log_segment_removed', { file }));
    } catch (error) {
      this.#fail(error);
    }
    if (!this.#busy) this.#idle();
  }

  /** Nothing waits: tell `close`, and leave a mark if the silence lasts. */
  #idle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
    if (this.#failed !== null) return;
    if (this.#endsWithMark || this.#closed || this.#durableSeq < this.#lastSeq) return;
    if (this.#stopMarkTimer === null) this.#watchSilence();
    else this.#disturbed = true;
  }

  /** A timer that begins again when there was work meanwhile costs less than one that every append moves. */
  #watchSilence(): void {
    this.#disturbed = false;
    this.#stopMarkTimer = this.#scheduler.after(this.#options.idleMarkMs ?? IDLE_MARK_MS, () => {
      this.#stopMarkTimer = null;
      if (this.#disturbed) this.#watchSilence();
      else this.#onSilence();
    });
  }

  #onSilence(): void {
    if (this.#busy || this.#closed || this.#failed !== null || this.#durableSeq < this.#lastSeq) return;
    try {
      this.#writeMark();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * A record without payload whose durableSeq vouches for everything before it. It need not be synced itself: lost, it
   * proves nothing, and nothing is lost with it.
   */
  #writeMark(): void {
    if (this.#endsWithMark || this.#current.firstSeq === this.#lastSeq) return;
    this.#encoder.reset();
    this.#lastSeq++;
    this.#lastCrc = this.#encoder.unit(this.#lastSeq, this.#durableSeq, this.#current.salt, []);
    this.#current.write(this.#encoder.parts(), this.#encoder.bytes);
    this.#endsWithMark = true;
  }

  /** The end: after a failed write or fsync nobody knows what is on disk (fsyncgate). Never tried again. */
  #fail(error: unknown): void {
    if (this.#failed !== null) return;
    const cause = error instanceof Error ? error : new Error(String(error));
    const full = errorCode(error) === 'ENOSPC' ? ' (the disk is full: make room before the next start)' : '';
    this.#failed = new KvorumError('storage_failed', `${this.#current.path}: ${cause.message}${full}`, { cause });
    this.#queue = [];
    this.#options.logger?.('log_failed', { file: this.#current.path, error: cause.message });
    const failed = this.#failed;
    queueMicrotask(() => this.#options.onFailed?.(failed));
    this.#idle();
  }
}

/**
 * Writes what is there once more. After a failed fsync the page cache shows what the disk does not have, and calls it
 * clean: the process that comes after reads it, and no fsync of its own would ever write it (fsyncgate).
 */
function rewrite(file: File, from: number, to: number): void {
  for (let at = from; at < to; at += REWRITE_BYTES) {
    const bytes = Buffer.allocUnsafe(Math.min(REWRITE_BYTES, to - at));
    const length = file.readSync(bytes, at);
    assert(length === bytes.length, 'what was recovered can be read');
    file.writevSync([bytes], at);
  }
}

function headerFor(
  identity: StorageIdentity,
  firstSeq: number,
  previous: SegmentHeader['previous'],
  groups: LiveGroups,
): SegmentHeader {
  const { cluster, replica } = identity;
  return {
    formatVersion: FORMAT_VERSION,
    cluster,
    replica,
    firstSeq,
    previous,
    groups: groups.heads(),
    createdBy: VERSION,
  };
}

function writerFor(options: LogOptions, created: NewSegment, firstSeq: number): SegmentWriter {
  return new SegmentWriter({
    ...created,
    firstSeq,
    endBytes: created.bytes,
    targetBytes: options.segmentBytes,
    preallocateBytes: options.preallocateBytes ?? PREALLOCATE_BYTES,
  });
}

/** At least the encoded size. */
function sizeOf(unit: PendingUnit): number {
  let bytes = RECORD_OVERHEAD_BYTES;
  for (const record of unit.records) {
    bytes += RECORD_OVERHEAD_BYTES;
    if (record.kind === 'entry') bytes += record.entry.payload.length;
  }
  return bytes;
}
