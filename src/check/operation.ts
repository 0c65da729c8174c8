/** What a client may ask of one key. */
export type OperationKind = 'put' | 'get' | 'append' | 'delete' | 'cas';

/**
 * How an operation ended, as its client knows it (reliability.md §4.2):
 *
 * - `ok`: it took effect. A cas compared equal and wrote.
 * - `mismatch`: a cas that compared unequal. It wrote nothing, and it saw that the value was another one.
 * - `failed`: it certainly did not happen, and says nothing about the value (refused before it was proposed).
 * - `unknown`: it took effect at some time after its call, or never will.
 */
export type Outcome = 'ok' | 'mismatch' | 'failed' | 'unknown';

export type Value = string | null;

/** A Lamport timestamp: a counter, and the replica that breaks ties. The same one is never given to two writes of a key. */
export type Version = readonly [counter: number, id: string | number];

/**
 * One operation of a history. Times come from any counter that never goes back, the same one for all clients: an event
 * counter within one process, nanoseconds otherwise.
 */
export interface Operation {
  readonly client: string | number;
  /** Which of the client's sessions it belongs to; a client that forgets what it has seen begins another one. */
  readonly session?: string | number;
  readonly kind: OperationKind;
  readonly key: string;
  /** What was written; for a get, what was read. null: the key is absent. */
  readonly value: Value;
  /** What a cas compares with; null: the key must be absent. */
  readonly expected?: Value;
  /** What a delete reported, when it reports anything: whether there was a key. */
  readonly existed?: boolean;
  /** What was written, or read, as the store names it; of a deleted key that of the delete. */
  readonly version?: Version;
  readonly call: number;
  /** null: it never returned, which makes its outcome unknown. */
  readonly return: number | null;
  readonly outcome: Outcome;
  /** Where it was read from. */
  readonly line?: number;
}

/**
 * `settled`: it returned, and takes its place between call and return. `open`: a write that may take effect at any time
 * after its call, or never. `silent`: says nothing about the value (failed, or a read without an answer).
 */
export type Standing = 'settled' | 'open' | 'silent';

export function standingOf({ kind, outcome, return: end }: Operation): Standing {
  if (outcome === 'failed') return 'silent';
  if (outcome !== 'unknown' && end !== null) return 'settled';
  return kind === 'get' || outcome === 'mismatch' ? 'silent' : 'open';
}

/** True for what never changes the value, whatever the value is. */
export function isReadOnly({ existed, expected, kind, outcome, value }: Operation): boolean {
  return (
    kind === 'get' ||
    outcome === 'mismatch' ||
    (kind === 'delete' && existed === false && outcome === 'ok') ||
    (kind === 'cas' && expected === value)
  );
}

/** The same operation as if its client had never heard of it again. */
export function opened(operation: Operation): Operation {
  return { ...operation, return: null, outcome: 'unknown' };
}
