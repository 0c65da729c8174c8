import { checkLinearizable, type Operation, type Value } from '../../check/index.js';
import type { ReplicaId, Term } from '../../base/brand.js';
import { Violation, type Observer, type SimProcess } from '../world/types.js';
import { checkCounter, type Increment } from './counters.js';

/** Where there is a write quorum: what the replica had applied that answered. */
export interface Place {
  readonly epoch: Term;
  readonly revision: number;
}

/** What all clients of a run saw, in the order in which it happened. */
export class History {
  readonly operations: Operation[] = [];
  readonly increments: Increment[] = [];
  #now = 0;
  /** By key and revision of its last change: a revision names one value, whoever is asked. */
  readonly #values = new Map<string, Value>();
  readonly #places = new Map<Operation | Increment, Place>();
  /** The highest revision that a stale read of this life of a replica was served at. */
  readonly #stale = new Map<ReplicaId, number>();

  /** A counter of events is a clock that all clients share. */
  tick(): number {
    return ++this.#now;
  }

  /** What the clock says, without moving it. */
  get now(): number {
    return this.#now;
  }

  /** `place`: where it took effect, where its client was told. */
  push(operation: Operation, place: Place | null): void {
    this.operations.push(operation);
    if (place !== null) this.#places.set(operation, place);
  }

  pushIncrement(increment: Increment, place: Place | null): void {
    this.increments.push(increment);
    if (place !== null) this.#places.set(increment, place);
  }

  placeOf(operation: Operation | Increment): Place | null {
    return this.#places.get(operation) ?? null;
  }

  /** A key at a revision, as somebody has read it. `entry`: what made it, where revisions may be used twice. Throws Violation. */
  sighted(by: ReplicaId, key: string, itemRevision: number, value: Value, entry = ''): void {
    if (value === null) return;
    const name = `${key}@${itemRevision}${entry}`;
    const before = this.#values.get(name);
    if (before === undefined) this.#values.set(name, value);
    else if (before !== value) {
      throw new Violation('revision-names-value', `${by} has ${show(value)} as ${name}; it was ${show(before)}`);
    }
  }

  /** A read that promises nothing but that it never goes back within a life of its replica. Throws Violation. */
  staleRead(by: ReplicaId, revision: number): void {
    const before = this.#stale.get(by) ?? 0;
    if (revision < before) {
      throw new Violation('stale-reads-monotone', `${by} serves revision ${revision}, and served ${before} before`);
    }
    this.#stale.set(by, revision);
  }

  /** To be told when a replica starts again: with what its disk holds, which may be less. */
  get observer(): Observer {
    return {
      onStarted: ({ id }: SimProcess) => this.#stale.delete(id),
      onCrashed: ({ id }: SimProcess) => this.#stale.delete(id),
    };
  }

  /** Of the whole run: every key on its own. `finals` are the counters as they were read at the end. */
  check(finals: ReadonlyMap<string, number>, budgetSteps: number): { readonly undecided: number } {
    const byKey = new Map<string, Increment[]>();
    for (const each of this.increments) byKey.set(each.key, [...(byKey.get(each.key) ?? []), each]);
    for (const [key, increments] of byKey) {
      const problem = checkCounter(increments, finals.get(key) ?? null);
      if (problem !== null) throw new Violation('increments-exactly-once', `${key}: ${problem}`);
    }
    const { undecided, verdict, violation } = checkLinearizable(this.operations, 'kv', { budget: budgetSteps });
    if (verdict === 'violation') {
      const { key = '', operations = [] } = violation ?? {};
      throw new Violation('linearizability', `key ${key}, ${operations.length} operations: ${describe(operations)}`);
    }
    return { undecided: undecided.length };
  }
}

const SHOWN = 12;

function describe(operations: readonly Operation[]): string {
  const lines = operations
    .slice(-SHOWN)
    .map(
      ({ call, client, expected, kind, outcome, return: end, value }) =>
        `${client} ${kind}${expected === undefined ? '' : ` ${show(expected)} ->`} ${show(value)} ${outcome} [${call}, ${end ?? '?'}]`,
    );
  return `${operations.length > SHOWN ? '… ' : ''}${lines.join('; ')}`;
}

const SHOWN_CHARACTERS = 40;

function show(value: Value): string {
  if (value === null) return 'absent';
  return value.length > SHOWN_CHARACTERS ? `"…${value.slice(-SHOWN_CHARACTERS)}"` : `"${value}"`;
}
