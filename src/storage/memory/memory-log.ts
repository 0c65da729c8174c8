import { assert } from '../../base/assert.js';
import type { GroupId, LogIndex, Term } from '../../base/brand.js';
import type { Log, LogRecord, RecoveredGroup, RecoveryReport } from '../storage.js';
import { LiveGroups } from '../wal/live-groups.js';

/** A log that keeps nothing: what is appended is "durable" at once, and gone with the process. */
export class MemoryLog implements Log {
  readonly recovered: ReadonlyMap<GroupId, RecoveredGroup> = new Map();
  readonly report: RecoveryReport = { segments: 0, records: 0, bytes: 0, tornTail: null };
  readonly failed = null;
  readonly bytes = 0;
  readonly #groups = new LiveGroups(this.recovered);
  #pending: (() => void)[] = [];
  #closed = false;

  append(records: readonly LogRecord[], _sync: boolean, done: () => void): void {
    assert(!this.#closed, 'a closed log takes nothing');
    for (const record of records) this.#groups.apply(record);
    if (this.#pending.length === 0) setImmediate(() => this.#run());
    this.#pending.push(done);
  }

  cut(group: GroupId, index: LogIndex, term: Term): void {
    this.#groups.apply({ kind: 'cut', group, index, term });
  }

  heldBytes(): number {
    return 0;
  }

  stalledMs(): number {
    return 0;
  }

  async close(): Promise<void> {
    assert(!this.#closed, 'a log is closed once');
    while (this.#pending.length > 0) await new Promise((resolve) => setImmediate(resolve));
    this.#closed = true;
  }

  #run(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const done of pending) done();
  }
}
