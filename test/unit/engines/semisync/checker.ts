import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import type { Discarded } from '../../../../src/engines/semisync/events.js';
import type { Semisync } from '../../../../src/engines/semisync/index.js';
import type { SemisyncEntry, SemisyncMessage } from '../../../../src/engines/semisync/messages.js';
import { openingOf } from '../../../../src/engines/semisync/opening.js';
import { keyOf, type FakeDisk } from './disk.js';

function expect(condition: boolean, property: string): void {
  if (!condition) throw new Error(`violated: ${property}`);
}

interface Committed {
  readonly key: string;
  /** Epoch of the leader that committed it. */
  readonly epoch: Term;
}

/** Watches a whole group with full knowledge: of all logs, disks and messages. */
export class Checker {
  readonly #disks: ReadonlyMap<ReplicaId, FakeDisk>;
  readonly #formedWith: number;
  readonly #written = new Map<string, { readonly prevTerm: Term | null; readonly payload: Uint8Array }>();
  readonly #entries = new Map<string, SemisyncEntry>();
  readonly #leaders = new Map<Term, ReplicaId>();
  /** The one order that all members must follow; index i at position i - 1. */
  committed: Committed[] = [];
  acknowledged = 0;
  quorumChanges = 0;
  promotions = 0;
  /** First entries of epochs that brought a write quorum, as far as they were committed. */
  chosen = 0;
  /** Epoch of the last promotion that an operator forced with too few promises; nothing older counts any more. */
  world = 0 as Term;
  /** What was committed and is not any more: only by force. */
  readonly lost = new Set<string>();
  discarded = 0;

  constructor(disks: ReadonlyMap<ReplicaId, FakeDisk>, formedWith: number) {
    this.#disks = disks;
    this.#formedWith = formedWith;
  }

  get forced(): boolean {
    return this.world > 0;
  }

  onPersist(engine: Semisync, entries: readonly SemisyncEntry[]): void {
    for (const entry of entries) {
      const key = keyOf(entry);
      const prevTerm = engine.termOf((entry.index - 1) as LogIndex);
      const before = this.#written.get(key);
      if (before === undefined) {
        this.#written.set(key, { prevTerm, payload: entry.payload });
        this.#entries.set(key, entry);
      } else {
        expect(before.payload === entry.payload, `log matching: two entries ${key}`);
        expect(before.prevTerm === prevTerm || prevTerm === null, `log matching: two histories before ${key}`);
      }
    }
  }

  /** A member leads that did not before. Everything that lower epochs have committed must be in its log. */
  onLeader(id: ReplicaId, engine: Semisync, lossPossible: boolean): void {
    const { term } = engine;
    const before = this.#leaders.get(term);
    expect(before === undefined || before === id, `epoch ${term} is led by ${before} and ${id}`);
    if (before === id) return;
    this.#leaders.set(term, id);
    this.promotions++;
    if (term < this.world) return;
    const missing = this.committed.findIndex(
      ({ epoch, key }, at) => epoch < term && !this.#has(id, engine, at + 1, key),
    );
    if (missing < 0) return void (lossPossible ? (this.world = term) : null);
    expect(
      lossPossible,
      `an acknowledged write (${this.committed[missing]?.key}) is missing in the log of ${id}@${term}`,
    );
    this.world = term;
    for (const { key } of this.committed.splice(missing)) this.lost.add(key);
  }

  #has(id: ReplicaId, engine: Semisync, index: number, key: string): boolean {
    const term = engine.termOf(index as LogIndex);
    if (term !== null && index >= engine.firstIndex) return keyOf({ index, term }) === key;
    return this.#disks.get(id)?.checkpoint.state[index - 1] === key;
  }

  /** By brute force over the leader's history: what the entry at `index` must be committed with. */
  writeQuorumAt(state: readonly string[], index: number): number {
    let writeQuorum = this.#formedWith;
    for (const key of state.slice(0, index - 1)) {
      const entry = this.#entries.get(key);
      if (entry?.kind === 'quorum') writeQuorum = entry.payload[0] ?? 0;
      else if (entry?.kind === 'noop') writeQuorum = entry.payload[1] ?? writeQuorum;
    }
    return writeQuorum;
  }

  /** `state`: what the member has applied before. */
  onCommitted(id: ReplicaId, engine: Semisync, state: readonly string[], entries: readonly SemisyncEntry[]): void {
    const { role, term } = engine;
    const history = [...state];
    for (const entry of entries) {
      const key = keyOf(entry);
      expect(entry.index === history.length + 1, `${id} hands out ${entry.index} after ${history.length}`);
      history.push(key);
      if (term < this.world) {
        if (role === 'leader') this.lost.add(key); // It does not know yet that it was replaced by force.
        continue;
      }
      if (role !== 'leader' && this.lost.has(key)) continue; // Not told yet, after a restart.
      const known = this.committed[entry.index - 1];
      if (known !== undefined) {
        expect(known.key === key, `${id} commits ${key} where ${known.key} is committed`);
        continue;
      }
      this.#resurrect(history, entry.index, term);
      expect(role === 'leader', `${id} follows what no leader has committed: ${key}`);
      expect(entry.index === this.committed.length + 1, `commit order: ${key}`);
      this.#checkCopies(id, engine, history, entry);
      this.committed.push({ key, epoch: term });
      if (entry.kind === 'commands') this.acknowledged++;
      if (entry.kind === 'quorum') this.quorumChanges++;
      if (openingOf(entry).writeQuorum !== null) this.chosen++;
    }
  }

  /** What force had given up is committed again, by one who had it and found promises enough. */
  #resurrect(history: readonly string[], before: number, epoch: Term): void {
    for (const key of history.slice(this.committed.length, before - 1)) {
      if (!this.lost.has(key)) return;
      this.committed.push({ key, epoch });
    }
  }

  /**
   * ap.md §1.3.5: an acknowledged write is on the leader's disk and on those of W followers, in the W of its index; or where an
   * operator has begun an epoch with a W of his own at or behind it, that epoch's first entry is on so many.
   */
  #checkCopies(id: ReplicaId, engine: Semisync, history: readonly string[], entry: SemisyncEntry): void {
    const writeQuorum = this.writeQuorumAt(history, entry.index);
    const followers = this.#followersWith(id, entry);
    expect(this.#disks.get(id)?.holds(entry) === true, `${keyOf(entry)} is on the leader's own disk`);
    expect(
      followers >= writeQuorum || this.#isTakenAlong(id, engine, entry.index),
      `${keyOf(entry)} is on ${followers} of ${writeQuorum} followers' disks`,
    );
  }

  #followersWith(id: ReplicaId, entry: SemisyncEntry): number {
    return [...this.#disks].filter(([other, disk]) => other !== id && disk.holds(entry)).length;
  }

  #isTakenAlong(id: ReplicaId, engine: Semisync, index: LogIndex): boolean {
    for (let at = index; at <= engine.lastIndex; at = (at + 1) as LogIndex) {
      const later = this.#entries.get(keyOf({ index: at, term: engine.termOf(at) as Term }));
      const chosen = later === undefined ? null : openingOf(later).writeQuorum;
      if (later !== undefined && chosen !== null && this.#followersWith(id, later) >= chosen) return true;
    }
    return false;
  }

  onSent(message: SemisyncMessage): void {
    const { type, from, term } = message;
    const disk = this.#disks.get(from);
    if (disk === undefined) return;
    if (type === 'appendRequest' || type === 'epochHeartbeat') {
      expect((this.#leaders.get(term) ?? from) === from, `only the leader of epoch ${term} leads`);
    }
    if (type === 'appendResponse' && !message.rejected) {
      expect(disk.lastIndex >= message.index || disk.checkpoint.index >= message.index, 'R1: an ack is durable');
    }
  }

  onReadAnswered(engine: Semisync, index: LogIndex, committedAtCall: number): void {
    if (this.forced) return;
    expect(index >= committedAtCall, `strong read at ${index} of epoch ${engine.term} misses ${committedAtCall}`);
  }

  /** Exactly what left the log was told, in time for the file; `before` is the log as of the last drain. */
  onDiscarded(
    engine: Semisync,
    disk: FakeDisk,
    state: readonly string[],
    before: ReadonlyMap<LogIndex, Term>,
    discarded: readonly Discarded[],
  ): void {
    for (const { beforeLog, certain, entries } of discarded) {
      if (certain && engine.status().diverged) disk.commonBefore = entries[0]?.index ?? 0;
      if (beforeLog) for (const key of state) disk.lostWrites.add(key); // The state itself is kept.
      for (const entry of entries) {
        expect(before.get(entry.index) === entry.term, `what is discarded was in the log: ${keyOf(entry)}`);
        disk.lostWrites.add(keyOf(entry));
        this.discarded++;
        if (certain && !engine.status().diverged) {
          expect(engine.termOf(entry.index) !== entry.term, `what is discarded has left the log: ${keyOf(entry)}`);
        }
      }
    }
    for (const [index, term] of before) {
      if (engine.termOf(index) === term) continue;
      const key = keyOf({ index, term });
      if (engine.status().diverged && index < disk.commonBefore) continue;
      const kept = state[index - 1] === key || disk.checkpoint.state[index - 1] === key;
      expect(kept || disk.lostWrites.has(key), `${key} left the log without a word`);
    }
  }

  /** After everybody has come back: what force has lost is in somebody's files, every entry that reached a disk. */
  checkLost(): void {
    const now = new Set(this.committed.map(({ key }) => key));
    const told = new Set([...this.#disks.values()].flatMap(({ lostWrites }) => [...lostWrites]));
    for (const key of this.lost) expect(now.has(key) || told.has(key), `${key} was lost by force and is in no file`);
  }
}
