import { statSync } from 'node:fs';
import { open, type Database, type RootDatabase, type Transaction } from 'lmdb';
import { assert, assertDefined } from '../../base/assert.js';
import type { CheckpointChange, CheckpointMark } from '../storage.js';
import { decodeMark, encodeMark } from './mark.js';
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
 * One checkpoint file: an LMDB environment with the databases `state` (the pairs) and `mark`. All reads go through one
 * pinned read transaction, which is renewed when a write has resolved: until then readers see the old state.
 */
export class Generation {
  readonly path: string;
  readonly #root: RootDatabase;
  readonly #state: Store;
  readonly #marks: Store;
  #pinned: SharedTransaction;
  #mark: CheckpointMark | null;
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
    this.#state = this.#root.openDB<Buffer, string>('state', options);
    this.#marks = this.#root.openDB<Buffer, string>('mark', options);
    this.#pinned = this.#root.useReadTransaction() as SharedTransaction;
    const bytes = this.#marks.getBinary(MARK_KEY);
    this.#mark = bytes === undefined ? null : decodeMark(bytes);
  }

  get mark(): CheckpointMark | null {
    return this.#mark;
  }

  get bytes(): number {
    return fileBytes(this.path);
  }

  get(key: string): Buffer | undefined {
    // A copy: LMDB's own memory is only good until the next read. The types of getBinary lack the transaction.
    return (this.#state as unknown as TransactionalReads).getBinary(key, { transaction: this.#pinned });
  }

  has(key: string): boolean {
    const state = this.#state as unknown as TransactionalReads;
    return state.getBinaryFast(key, { transaction: this.#pinned }) !== undefined;
  }

  *range(start: string, end: string | null): Generator<readonly [key: string, value: Uint8Array], void> {
    const options = { start: start === '' ? FIRST_KEY : start, transaction: this.#pinned };
    const entries = this.#state.getRange(end === null ? options : { ...options, end });
    for (const { key, value } of entries) yield [key, value];
  }

  /** A consistent reading of everything, unmoved by later writes. `close` must be called. */
  snapshot(): { readonly mark: CheckpointMark; readonly pairs: Pairs; readonly close: () => void } {
    const transaction = this.#pinned;
    transaction.use();
    const entries = this.#state.getRange({ start: FIRST_KEY, transaction })[Symbol.iterator]();
    const pairs: Pairs = {
      next: () => {
        const entry = entries.next();
        if (entry.done === true) return { done: true, value: undefined };
        return { done: false, value: [entry.value.key, entry.value.value] };
      },
    };
    const close = (): void => {
      entries.return?.();
      transaction.done();
    };
    return { mark: assertDefined(this.#mark, 'there is a checkpoint to stream'), pairs, close };
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
        void this.#marks.put(MARK_KEY, Buffer.from(encodeMark(mark)));
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
    this.#marks.transactionSync(() => void this.#marks.put(MARK_KEY, Buffer.from(encodeMark(mark))));
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
    else void this.#state.put(key, asBuffer(value));
  }

  #renew(): void {
    this.#pinned.done();
    this.#root.resetReadTxn();
    this.#pinned = this.#root.useReadTransaction() as SharedTransaction;
  }
}

/** What lmdb-js does but its types do not say. */
interface TransactionalReads {
  getBinary(key: string, options: { readonly transaction: Transaction }): Buffer | undefined;
  getBinaryFast(key: string, options: { readonly transaction: Transaction }): Buffer | undefined;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
