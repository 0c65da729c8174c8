import { statSync } from 'node:fs';
import { open, type Database, type RootDatabase, type Transaction } from 'lmdb';
import { assert, assertDefined } from '../../base/assert.js';
import { isKvorumError, KvorumError } from '../../base/errors/error.js';
import type { CheckpointChange, CheckpointMark } from '../storage.js';
import { decodeMark, encodeMark } from './mark.js';
import { damaged, openRecord, sealRecord } from './record.js';
import { inSlices } from './slices.js';

/**
 * Address space reserved per file; LMDB maps a file as a whole. Virtual, so it costs nothing: 64 partitions on three
 * replicas in one process take 12 of the 128 TiB that x86-64 has. lmdb-js enlarges the map when it is exceeded, and
 * the next start reserves more, so this is no limit on the data.
 */
const MAP_BYTES = 64 * 1024 ** 3;
/** Free factor over a file that exists. */
const MAP_HEADROOM = 4;
/** Snapshot streams of one group at a time, plus readers' own: far above the number of followers. */
const MAX_READERS = 126;
const MARK_KEY = 'mark';
/** Part of the name, so that a file of another format is seen to have none of our databases. */
const STATE_NAME = 'state.2';
/** Keys are never empty: every key is at or after this. */
const FIRST_KEY = '\0';

/** Keys are byte strings: one char is one byte, and LMDB compares bytes. */
const byteStringKeys = {
  writeKey: (key: string, target: Buffer, at: number): number => at + target.write(key, at, 'latin1'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('latin1', start, end),
};

/** lmdb-js counts the users of a read transaction; its types show only half of that. */
type SharedTransaction = Transaction & { use(): void };

/** The environment behind a database, as far as `writeTxn` goes: see Generation.write. */
interface Environment {
  writeTxn: unknown;
}

type Store = Database<Buffer, string>;

export type Pairs = Iterator<readonly [key: string, value: Uint8Array]>;

/**
 * One checkpoint file: an LMDB environment with the databases `state.2` (the pairs, see record.ts) and `mark`. All reads go through one
 * pinned read transaction, which is renewed when a write has resolved: until then readers see the old state.
 */
export class Generation {
  readonly path: string;
  readonly #root: RootDatabase;
  readonly #state: Store;
  readonly #marks: Store;
  #pinned: SharedTransaction;
  #mark: CheckpointMark | null;
  /** Pairs that the pinned transaction should have, by LMDB's own count. */
  #pairCount: number;
  #writing = false;
  #closing: Promise<void> | null = null;

  /** `durable` false: commits do not sync; for a file that is synced as a whole before anyone relies on it. */
  constructor(path: string, durable: boolean) {
    this.path = path;
    this.#root = open({
      path,
      noSubdir: true,
      mapSize: Math.max(MAP_BYTES, MAP_HEADROOM * fileBytes(path)),
      maxDbs: 2,
      maxReaders: MAX_READERS,
      // A commit has resolved when it is on disk, and is not visible before.
      overlappingSync: false,
      noSync: !durable,
      // A failed commit rejects one promise that we hold, and none that nobody does.
      eventTurnBatching: false,
      compression: false,
      encoding: 'binary',
      keyEncoder: byteStringKeys,
    });
    const options = { encoding: 'binary', keyEncoder: byteStringKeys, compression: false } as const;
    this.#state = this.#root.openDB<Buffer, string>(STATE_NAME, options);
    this.#marks = this.#root.openDB<Buffer, string>('mark', options);
    this.#pinned = this.#root.useReadTransaction() as SharedTransaction;
    const bytes = this.#marks.getBinary(MARK_KEY);
    this.#mark = bytes === undefined ? null : decodeMark(openRecord(path, MARK_KEY, bytes));
    this.#pairCount = entryCount(this.#state);
  }

  get mark(): CheckpointMark | null {
    return this.#mark;
  }

  get bytes(): number {
    return fileBytes(this.path);
  }

  /** Throws checkpoint_corrupt, as all reads do. */
  get(key: string): Buffer | undefined {
    // A copy: LMDB's own memory is only good until the next read. The types of getBinary lack the transaction.
    const record = this.#guard(() => this.#reads.getBinary(key, { transaction: this.#pinned }));
    return record === undefined ? undefined : openRecord(this.path, key, record);
  }

  has(key: string): boolean {
    return this.#guard(() => this.#reads.getBinaryFast(key, { transaction: this.#pinned })) !== undefined;
  }

  *range(start: string, end: string | null): Generator<readonly [key: string, value: Uint8Array], void> {
    const options = { start: start === '' ? FIRST_KEY : start, transaction: this.#pinned };
    const whole = start === '' && end === null;
    const entries = this.#guard(() =>
      this.#state.getRange(end === null ? options : { ...options, end })[Symbol.iterator](),
    );
    const pairs = this.#checked(entries, start, whole ? this.#pairCount : null);
    try {
      for (let pair = pairs.next(); pair.done !== true; pair = pairs.next()) yield pair.value;
    } finally {
      entries.return?.();
    }
  }

  /** A consistent reading of everything, unmoved by later writes. `close` must be called. */
  snapshot(): { readonly mark: CheckpointMark; readonly pairs: Pairs; readonly close: () => void } {
    const transaction = this.#pinned;
    transaction.use();
    const entries = this.#guard(() => this.#state.getRange({ start: FIRST_KEY, transaction })[Symbol.iterator]());
    const pairs = this.#checked(entries, FIRST_KEY, this.#pairCount);
    const close = (): void => {
      entries.return?.();
      transaction.done();
    };
    return { mark: assertDefined(this.#mark, 'there is a checkpoint to stream'), pairs, close };
  }

  /**
   * Checks every record and, against damage to the pages between them, that keys ascend from `start` and that there are
   * as many as there should be. Plain calls instead of a generator: a third less time per pair.
   */
  #checked(entries: Iterator<{ key: string; value: Buffer }>, start: string, expected: number | null): Pairs {
    let previous: string | null = null;
    let count = 0;
    return {
      next: () => {
        const entry = this.#guard(() => entries.next());
        if (entry.done === true) {
          if (expected === null || count === expected) return { done: true, value: undefined };
          throw new KvorumError('checkpoint_corrupt', `${this.path}: ${count} records where ${expected} belong`);
        }
        const { key, value } = entry.value;
        if (previous === null ? key < start : key <= previous) throw damaged(this.path, key, 'is out of order');
        previous = key;
        count++;
        return { done: false, value: [key, openRecord(this.path, key, value)] };
      },
    };
  }

  get #reads(): TransactionalReads {
    return this.#state;
  }

  /** What LMDB itself notices (a page of the wrong kind, a page number beyond the end) is damage as well. */
  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (isKvorumError(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new KvorumError('checkpoint_corrupt', `${this.path} cannot be read: ${reason}`, { cause: error });
    }
  }

  /**
   * One transaction over many turns of the event loop: puts run on this thread in slices, the commit with its two
   * syncs on lmdb's. A child transaction, because only that is undone when the iterable throws.
   */
  async write(mark: CheckpointMark, changes: Iterable<CheckpointChange>): Promise<void> {
    assert(!this.#writing, 'one write at a time');
    this.#writing = true;
    try {
      await this.#state.childTransaction(async () => {
        // lmdb-js reads through an open write transaction of the same thread: readers would see what is half done.
        (this.#state as unknown as { env: Environment }).env.writeTxn = null;
        await inSlices(changes, (change) => this.#change(change));
        void this.#marks.put(MARK_KEY, sealRecord(MARK_KEY, encodeMark(mark)));
      });
    } finally {
      this.#writing = false;
    }
    this.#renew();
    this.#mark = { ...mark, meta: Uint8Array.from(mark.meta) };
  }

  /** Puts pairs at once, in a transaction of their own, without touching the mark. */
  putAll(pairs: Iterable<readonly [key: string, value: Buffer]>): void {
    assert(!this.#writing, 'one write at a time');
    this.#state.transactionSync(() => {
      for (const pair of pairs) this.#change(pair);
    });
  }

  putMark(mark: CheckpointMark): void {
    this.#marks.transactionSync(() => void this.#marks.put(MARK_KEY, sealRecord(MARK_KEY, encodeMark(mark))));
  }

  /** Nothing may be read afterwards; snapshots must have been closed. May be called again. */
  close(): Promise<void> {
    assert(!this.#writing, 'a write has ended before its file is closed');
    if (this.#closing === null) {
      this.#pinned.done();
      this.#closing = this.#root.close();
    }
    return this.#closing;
  }

  #change([key, value]: CheckpointChange): void {
    assert(key.length > 0, 'a key is not empty');
    // Within a transaction both act at once; the promise carries nothing.
    if (value === null) void this.#state.remove(key);
    else void this.#state.put(key, sealRecord(key, value));
  }

  #renew(): void {
    this.#pinned.done();
    this.#root.resetReadTxn();
    this.#pinned = this.#root.useReadTransaction() as SharedTransaction;
    this.#pairCount = entryCount(this.#state);
  }
}

/** What lmdb-js does but its types do not say. */
interface TransactionalReads {
  getBinary(key: string, options: { readonly transaction: Transaction }): Buffer | undefined;
  getBinaryFast(key: string, options: { readonly transaction: Transaction }): Buffer | undefined;
}

/** LMDB's own count, as of the last commit: only right while nothing is being written. */
function entryCount(store: Store): number {
  const { entryCount: count } = store.getStats() as { entryCount: number };
  return count;
}

function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
