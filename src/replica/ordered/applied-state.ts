import type { LogIndex, Revision, Term } from '../../base/brand.js';
import type { Entry } from '../../engines/entry.js';
import { KvStateMachine } from '../../kv/index.js';
import type { KvReader } from '../../kv/types.js';
import type { CheckpointMark, CheckpointStore } from '../../storage/storage.js';
import type { MemberStats } from '../stats.js';
import { ApplyQueue } from './apply-queue.js';

/** The state machine of one member, how far in the log it has come, and what is to be applied next. */
export class AppliedState {
  readonly #store: CheckpointStore;
  readonly #queue = new ApplyQueue();
  kv: KvStateMachine;
  index: LogIndex;
  term: Term;

  /** Begins with the last checkpoint. `baseTerm`: where there is none. */
  constructor(store: CheckpointStore, baseTerm: Term) {
    this.#store = store;
    this.kv = KvStateMachine.open(store, store.mark?.meta ?? null);
    this.index = store.mark?.index ?? (0 as LogIndex);
    this.term = store.mark?.term ?? baseTerm;
  }

  get reader(): KvReader {
    return this.kv.reader;
  }

  get revision(): Revision {
    return this.kv.reader.revision;
  }

  get checkpointIndex(): LogIndex {
    return this.#store.mark?.index ?? (0 as LogIndex);
  }

  /** Nothing is left to be applied. */
  get isIdle(): boolean {
    return this.#queue.isEmpty;
  }

  /** Committed entries, in order. */
  add(entries: readonly Entry[]): void {
    this.#queue.add(entries);
  }

  /** `entry` is applied. */
  reached({ index, term }: Entry): void {
    this.index = index;
    this.term = term;
  }

  /** Applies as much as one turn should, by `apply`, which ends with `reached`. */
  run(stats: MemberStats, apply: (entry: Entry) => void): void {
    const revisionBefore = this.revision;
    stats.entriesApplied += this.#queue.run(this.index, apply);
    stats.commandsApplied += this.revision - revisionBefore;
  }

  /** A snapshot is the checkpoint now. `replaces`: it is of another history, of which nothing waits. */
  install(mark: CheckpointMark, replaces: boolean): void {
    this.kv = KvStateMachine.open(this.#store, mark.meta);
    this.index = mark.index;
    this.term = mark.term;
    if (replaces) this.#queue.clear();
    else this.#queue.dropUpTo(mark.index);
  }
}
