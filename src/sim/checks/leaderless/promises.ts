import type { OriginId, ReplicaId } from '../../../base/brand.js';
import { compareTimestamps, covers, type Dot, type Timestamp, type Vector } from '../../../base/dot.js';
import type { KvorumError } from '../../../base/errors/error.js';
import type { Seen } from '../../../replica/router.js';
import type { Shown } from '../../clients/leaderless/answer.js';
import { Violation, type SimProcess } from '../../world/types.js';
import { appliedBy, type LeaderlessFacts } from './facts.js';
import { nameOf, type KnownBatch, type KnownWrite } from './truth.js';

/** What a client asked for, as far as it matters to what it may be told. */
export interface Asked {
  readonly key: string;
  readonly level: 'one' | 'quorum' | 'all';
  readonly seen: Seen | null;
  /** What a write replaces: it must be there, too. */
  readonly context?: readonly Dot[] | null;
}

/** What a read at more than one member must show at least, and of which state of the disks that was said. */
export interface Floor {
  readonly write: (Timestamp & { readonly dot: Dot }) | null;
  readonly damages: number;
}

export interface PromiseOptions {
  readonly engine: 'lww' | 'causal';
  readonly conflicts: 'lww' | 'siblings';
  readonly members: () => readonly ReplicaId[];
}

/** What clients are told, checked when it is said, by everything that is known of disks and writes. */
export class PromiseChecks {
  readonly #facts: LeaderlessFacts;
  readonly #options: PromiseOptions;
  /** By value, which is unique: what its writer had seen. */
  readonly #expected = new Map<string, Seen>();
  /** By key: the newest write that a majority is known to hold because a client was told so. */
  readonly #floors = new Map<string, Timestamp & { readonly dot: Dot }>();
  #floorDamages = 0;
  readonly #acknowledged = new Map<OriginId, Set<number>>();

  constructor(facts: LeaderlessFacts, options: PromiseOptions) {
    this.#facts = facts;
    this.#options = options;
    facts.onNew((batch) => this.#onNew(batch));
    facts.whenLost(({ origin, seq }) => {
      this.#acknowledged.get(origin)?.delete(seq);
      this.#floors.clear();
    });
  }

  /** Positions that clients were told, and that are not lost with the disks of all who had them. */
  *acknowledged(): Generator<Dot, void> {
    for (const [origin, seqs] of this.#acknowledged) for (const seq of seqs) yield { origin, seq };
  }

  onSubmitted({ seen, value }: Asked & { readonly value: string | null }): void {
    if (seen !== null && value !== null) this.#expected.set(value, seen);
  }

  /** A write stands after what its client had seen: in the clock, and (causal) in what it depends on. */
  #onNew(batch: KnownBatch): void {
    for (const write of batch.writes) {
      const seen = write.value === null ? undefined : this.#expected.get(write.value);
      if (seen !== undefined) this.#checkAfter(batch, write, seen);
    }
  }

  #checkAfter(batch: KnownBatch, write: KnownWrite, { counter, dots = [] }: Seen): void {
    if (counter !== undefined && write.counter <= counter) {
      throw new Violation(
        'above-what-was-seen',
        `${nameOf(batch.dot)} has counter ${write.counter}; its client had seen ${counter}`,
      );
    }
    if (this.#options.engine !== 'causal') return;
    const missing = dots.find((dot) => !covers(batch.dependencies, dot) && !this.#facts.truth.isLost(dot));
    if (missing === undefined) return;
    throw new Violation(
      'dependencies-complete',
      `${nameOf(batch.dot)} does not depend on ${nameOf(missing)}, which its client had seen`,
    );
  }

  onWritten(process: SimProcess, asked: Asked & { readonly value: string | null }, dot: Dot | null): void {
    this.#checkSession(process, asked);
    if (dot === null) return this.#checkAbsent(process, asked);
    const { id } = process;
    this.#facts.stats.acknowledged++;
    const name = nameOf(dot);
    if (!covers(appliedBy(process), dot))
      throw new Violation('acknowledged-applied', `${id} tells ${name}, which it has not applied`);
    if (!this.#facts.everHeld(id, dot))
      throw new Violation('acknowledged-durable', `${id} tells ${name}, which is not on its disk`);
    this.#checkLevel(id, asked, dot);
    const told = this.#acknowledged.get(dot.origin) ?? new Set<number>();
    this.#acknowledged.set(dot.origin, told.add(dot.seq));
    const batch = this.#facts.truth.batch(dot);
    const write = batch?.writes.findLast(({ key, value }) => key === asked.key && value === asked.value);
    if (batch === undefined || write === undefined) {
      if (this.#facts.truth.isLost(dot)) return;
      throw new Violation('acknowledged-durable', `${id} tells ${name} of ${asked.key}, where another write stands`);
    }
    if (write.kind === 'delete' && asked.seen !== null) this.#checkAfter(batch, write, asked.seen);
    if (asked.level !== 'one') this.#raise(asked.key, write);
  }

  /** Nothing was written: it was a delete, and there was nothing to be deleted. */
  #checkAbsent(process: SimProcess, { key, value }: Asked & { readonly value: string | null }): void {
    if (value !== null) throw new Violation('acknowledged-durable', `${process.id} does not tell where ${key} stands`);
    this.#checkShown(process, key, { values: [] }, appliedBy(process));
  }

  #needed(level: Asked['level']): number {
    const members = this.#options.members().length;
    return level === 'all' ? members : level === 'quorum' ? Math.floor(members / 2) + 1 : 1;
  }

  /** On as many disks as the level says, each member once. */
  #checkLevel(id: ReplicaId, { level }: Asked, dot: Dot): void {
    const holding = this.#options.members().filter((member) => this.#facts.everHeld(member, dot));
    if (holding.length >= this.#needed(level)) return;
    throw new Violation(
      'level-before-reply',
      `${id} tells ${nameOf(dot)} at level ${level}; it is on the disks of ${holding.join(', ')}`,
    );
  }

  #raise(key: string, write: Timestamp & { readonly dot: Dot }): void {
    const before = this.#floors.get(key);
    if (before === undefined || compareTimestamps(before, write) < 0) this.#floors.set(key, write);
  }

  /** Taken as a read enters its replica: whoever was told something before that must be seen (R + W > N). */
  floorOf(key: string, level: Asked['level']): Floor {
    const { damages } = this.#facts;
    // A disk that is gone may be what two majorities had in common.
    if (damages !== this.#floorDamages) this.#floors.clear();
    this.#floorDamages = damages;
    const write = level === 'one' ? null : (this.#floors.get(key) ?? null);
    return { write, damages };
  }

  onRead(process: SimProcess, asked: Asked, shown: Shown, floor: Floor): void {
    this.#facts.stats.reads++;
    this.#checkSession(process, asked);
    const vector = appliedBy(process);
    this.#checkShown(process, asked.key, shown, vector);
    const newest = this.#facts.truth.winner(asked.key, vector);
    if (floor.write === null || floor.damages !== this.#facts.damages) {
      if (asked.level !== 'one' && newest !== null && floor.damages === this.#facts.damages)
        this.#raise(asked.key, newest);
      return;
    }
    // Of siblings a newer one does not make up for it: what replaces it depends on it.
    const isMissing = this.#options.conflicts === 'siblings' && !covers(vector, floor.write.dot);
    if (newest === null || compareTimestamps(newest, floor.write) < 0 || isMissing) {
      throw new Violation(
        'quorum-read-freshness',
        `${process.id} reads ${asked.key} at level ${asked.level} and shows ${newest === null ? 'nothing' : nameOf(newest.dot)}; ` +
          `${nameOf(floor.write.dot)} was told before`,
      );
    }
    this.#raise(asked.key, newest);
  }

  /** A session is served only where everything in it has been applied (ap.md §1.2.5). */
  #checkSession(process: SimProcess, { key, seen }: Asked): void {
    const vector = appliedBy(process);
    const missing = seen?.dots?.find((dot) => !covers(vector, dot) && !this.#facts.truth.isLost(dot));
    if (missing === undefined) return;
    throw new Violation(
      'session-honoured',
      `${process.id} serves ${key} to a client that has seen ${nameOf(missing)}; it has ${vector.get(missing.origin) ?? 0} of that origin`,
    );
  }

  /** What a state shows follows from what was applied, and from nothing else: no lost update, no resurrection. */
  #checkShown(process: SimProcess, key: string, shown: Pick<Shown, 'values'>, vector: Vector): void {
    const nowMs = process.leaderless?.reader.nowMs ?? 0;
    const { truth, wallMaxMs } = this.#facts;
    const siblings = this.#options.conflicts === 'siblings';
    const winner = truth.winner(key, vector);
    const kept = siblings ? truth.siblings(key, vector) : winner === null ? [] : [winner];
    const may = kept.filter((write) => lives(write, nowMs)).map(named);
    // Once any clock was past its time it may be gone, whatever clocks say later; and batches keep a few siblings only.
    const must = kept
      .filter((write) => lives(write, Math.max(nowMs, wallMaxMs)) && !truth.isCrowdedOut(write))
      .map(named);
    const is = shown.values.map(({ dot, value }) => `${nameOf(dot)} ${value}`);
    const isInOrder = is.every((text, at) => may.indexOf(text) > (at === 0 ? -1 : may.indexOf(is[at - 1] ?? '')));
    if (isInOrder && must.every((text) => is.includes(text))) return;
    throw new Violation(
      siblings ? 'siblings-kept' : 'read-shows-winner',
      `${process.id} shows ${is.map(short).join(', ') || 'nothing'} as ${key}; of what it has applied ` +
        `${must.map(short).join(', ') || 'nothing'} is to be seen${winner === null ? '' : ` (newest: ${winner.kind} ${nameOf(winner.dot)})`}`,
    );
  }

  /** Nobody has it. */
  #isGone(dot: Dot): boolean {
    const { truth } = this.#facts;
    return truth.isLost(dot) || this.#facts.holders(dot).length === 0;
  }

  /** Refusals must have a reason: something is missing here, or is nowhere (ap.md §1.2.5). */
  onRefused(process: SimProcess, { context, seen }: Asked, { code }: KvorumError): void {
    if (code !== 'dependencies_not_satisfied' && code !== 'causal_history_lost') return;
    this.#facts.stats.refusals++;
    const vector = appliedBy(process);
    const missing = [...(seen?.dots ?? []), ...(context ?? [])].filter((dot) => !covers(vector, dot));
    if (missing.length === 0) {
      throw new Violation(
        'refused-with-reason',
        `${process.id} says ${code} and has everything that the client has seen`,
      );
    }
    if (code === 'dependencies_not_satisfied') return;
    if (missing.some((dot) => this.#isGone(dot))) return;
    throw new Violation(
      'refused-with-reason',
      `${process.id} says that ${missing.map(nameOf).join(', ')} is lost; it is on the disks of ` +
        missing.map((dot) => this.#facts.holders(dot).join(' and ')).join('; '),
    );
  }
}

const SHOWN = 40;

function short(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function lives({ expiresAtMs, kind }: KnownWrite, nowMs: number): boolean {
  return kind === 'put' && (expiresAtMs === null || expiresAtMs > nowMs);
}

function named({ dot, value }: KnownWrite): string {
  return `${nameOf(dot)} ${value ?? ''}`;
}
