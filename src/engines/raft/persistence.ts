import { assert } from '../../base/assert.js';
import { indexAfter, type LogIndex, type Term } from '../../base/brand.js';
import type { HardState, Persist } from './events.js';
import type { MembershipPair } from './membership.js';
import type { LogEntry, RaftLog } from './log.js';
import type { Entry } from './messages.js';

/**
 * The commit index rides along with other persists once it has moved this far: it saves a restarted member some waiting
 * and is not needed for safety (raft.md C6, R3), so it never costs a persist of its own.
 */
const COMMIT_STRIDE = 64;

interface Batch {
  readonly batch: number;
  /** Last entry of our log that this batch makes durable; lowered when entries are overwritten meanwhile. */
  lastIndex: LogIndex;
  readonly term: Term;
  /** Set when the batch carries our own vote: the term we campaign in (raft.md R1). */
  readonly selfVote: Term | null;
  readonly sentTick: number;
}

/**
 * Which part of the log is on this member's disk, and which is on its way there.
 *
 * Completions come by batch number, first to last. A batch must not vouch for entries that were overwritten after it was
 * handed out, even where the overwriting entries were overwritten again by equal ones (ABA, raft.md R5): `onTruncated`
 * lowers what every batch in flight may vouch for, so no comparison of terms is needed.
 */
export class Persistence<E extends LogEntry = Entry, M = MembershipPair> {
  /** Everything up to here is durable and equal to the log in memory. */
  persistedIndex: LogIndex;
  /** A term up to this is on disk: a message that carries it may leave at once. */
  durableTerm: Term;
  readonly #inFlight: Batch[] = [];
  #nextBatch = 1;
  /** First entry that no batch carries yet. */
  #unsentFrom: LogIndex;
  #hardStateDirty = false;
  #selfVote: Term | null = null;
  #commitWritten: LogIndex;

  constructor(persistedIndex: LogIndex, durableTerm: Term, commit: LogIndex) {
    this.persistedIndex = persistedIndex;
    this.durableTerm = durableTerm;
    this.#unsentFrom = indexAfter(persistedIndex);
    this.#commitWritten = commit;
  }

  /** Term or vote changed. `selfVote` is set to the term of an own candidacy. */
  markHardState(selfVote: Term | null = null): void {
    this.#hardStateDirty = true;
    this.#selfVote = selfVote;
  }

  /** Another membership is in force or committed: the pair is written with the entries that it comes from (R4). */
  markMemberships(): void {
    this.#hardStateDirty = true;
  }

  /** Entries at and after `index` are gone from the log in memory. */
  onTruncated(index: LogIndex): void {
    const before = indexAfter(index, -1);
    if (this.persistedIndex > before) this.persistedIndex = before;
    if (this.#unsentFrom > index) this.#unsentFrom = index;
    for (const batch of this.#inFlight) if (batch.lastIndex > before) batch.lastIndex = before;
  }

  /** The log was restarted after a durable snapshot at `index` (S5). */
  onReset(index: LogIndex): void {
    for (const batch of this.#inFlight) batch.lastIndex = Math.min(batch.lastIndex, index) as LogIndex;
    this.persistedIndex = index;
    this.#unsentFrom = indexAfter(index);
  }

  /** A snapshot made everything up to `index` durable; the log goes on beyond it. */
  onCovered(index: LogIndex): void {
    if (this.persistedIndex < index) this.persistedIndex = index;
    if (this.#unsentFrom <= index) this.#unsentFrom = indexAfter(index);
  }

  hasWork(log: RaftLog<E>): boolean {
    return this.#hardStateDirty || this.#unsentFrom <= log.lastIndex;
  }

  /** What must be written now, or null. */
  take(log: RaftLog<E>, hardState: HardState, memberships: M, tick: number): Persist<E, M> | null {
    if (!this.hasWork(log)) return null;
    const entries = this.#unsentFrom <= log.lastIndex ? log.range(this.#unsentFrom, log.lastIndex) : [];
    const withHardState = this.#hardStateDirty || hardState.commit >= this.#commitWritten + COMMIT_STRIDE;
    if (withHardState) this.#commitWritten = hardState.commit;
    const batch = this.#nextBatch++;
    this.#inFlight.push({
      batch,
      lastIndex: log.lastIndex,
      term: hardState.term,
      selfVote: this.#selfVote,
      sentTick: tick,
    });
    this.#unsentFrom = indexAfter(log.lastIndex);
    this.#hardStateDirty = false;
    this.#selfVote = null;
    return {
      batch,
      hardState: withHardState ? hardState : null,
      memberships: withHardState ? memberships : null,
      entries,
      mustSync: true,
    };
  }

  /** Everything up to `batch` is durable. Returns the newest term in which our own vote became durable, or null. */
  complete(batch: number): Term | null {
    assert(batch < this.#nextBatch, `batch ${batch} was handed out`);
    let selfVote: Term | null = null;
    for (;;) {
      const oldest = this.#inFlight[0];
      if (oldest === undefined || oldest.batch > batch) return selfVote;
      this.#inFlight.shift();
      if (oldest.lastIndex > this.persistedIndex) this.persistedIndex = oldest.lastIndex;
      if (oldest.term > this.durableTerm) this.durableTerm = oldest.term;
      selfVote = oldest.selfVote ?? selfVote;
    }
  }

  /** Ticks that the oldest batch has been on its way to the disk (raft.md R7). */
  oldestAgeTicks(tick: number): number {
    const oldest = this.#inFlight[0];
    return oldest === undefined ? 0 : tick - oldest.sentTick;
  }
}
