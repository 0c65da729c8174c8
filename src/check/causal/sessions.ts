import type { Verdict } from '../check.js';

/** The guarantees of Terry et al. 1994 (ap.md §1.2.6); a causal session has all four. */
export type Guarantee = 'read-your-writes' | 'monotonic-reads' | 'writes-follow-reads' | 'monotonic-writes';

export const GUARANTEES: readonly Guarantee[] = [
  'read-your-writes',
  'monotonic-reads',
  'writes-follow-reads',
  'monotonic-writes',
];

/** Names a write: the one with this number of those that the replica accepted. */
export interface Dot {
  readonly replica: string;
  readonly seq: number;
}

/** How many writes of each replica, from its first one on; a Map is one. */
export interface VersionVector {
  get(replica: string): number | undefined;
}

/** What a client did and heard of, with what a simulator knows of it. */
export interface SessionOperation {
  readonly session: string | number;
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  /** What was written or read; null: there was nothing, not even a tombstone. */
  readonly dot: Dot | null;
  /**
   * What the replica had applied: that accepted the write, which are its dependencies, or that answered the read. That of
   * a write is kept, and must not change.
   */
  readonly vector: VersionVector;
}

export interface SessionViolation {
  readonly guarantee: Guarantee;
  readonly operation: SessionOperation;
  /** The write that it should have come after. */
  readonly missing: Dot;
  readonly message: string;
}

export interface SessionResult {
  readonly verdict: Verdict;
  readonly operations: number;
  readonly sessions: number;
  readonly counts: Readonly<Record<Guarantee, number>>;
  /** The first ones. */
  readonly violations: readonly SessionViolation[];
}

const VIOLATIONS_MAX = 100;

interface Session {
  /** The latest write of each replica that the session made, or has seen. */
  readonly written: Map<string, number>;
  readonly read: Map<string, number>;
  /** By key: the last version that the session wrote or read. */
  readonly known: Map<string, { readonly dot: Dot; readonly isOwn: boolean }>;
}

type Write = Pick<SessionOperation, 'kind' | 'key' | 'vector'> & { readonly dot: Dot };

/**
 * Checks the session guarantees as operations come in, against what really happened: a few comparisons for each. A
 * guarantee is broken when the replica had not applied what the session had written or seen, and also when it had, but
 * answered with a version that another one known to the session had overwritten.
 */
export class SessionChecker {
  readonly #wanted: ReadonlySet<Guarantee>;
  readonly #sessions = new Map<string | number, Session>();
  readonly #writes = new Map<string, Write>();
  readonly #deletes = new Map<string, Dot[]>();
  readonly #counts: Record<Guarantee, number> = {
    'read-your-writes': 0,
    'monotonic-reads': 0,
    'writes-follow-reads': 0,
    'monotonic-writes': 0,
  };
  readonly #violations: SessionViolation[] = [];
  #operations = 0;
  #begun = 0;

  constructor(guarantees: readonly Guarantee[] = GUARANTEES) {
    this.#wanted = new Set(guarantees);
  }

  /**
   * A write that a replica accepted, whether or not its client hears of it. Needed for deletes with an unknown outcome:
   * who finds a key absent has seen one of them. Writes that are added are known without this.
   */
  accept(write: Write): void {
    const { dot, key, kind } = write;
    const name = nameOf(dot);
    if (this.#writes.has(name)) return;
    this.#writes.set(name, write);
    if (kind !== 'delete') return;
    const deletes = this.#deletes.get(key);
    if (deletes === undefined) this.#deletes.set(key, [dot]);
    else deletes.push(dot);
  }

  /**
   * A write that went with the only disks that had it, and its clients were told: its number may name another one from
   * now on, accepted in its turn. Sessions that know of it are ended by whoever says this.
   */
  forget({ dot, key }: Pick<Write, 'dot' | 'key'>): void {
    const name = nameOf(dot);
    this.#writes.delete(name);
    const deletes = this.#deletes.get(key);
    if (deletes === undefined) return;
    this.#deletes.set(
      key,
      deletes.filter((each) => nameOf(each) !== name),
    );
  }

  /** What a client was told, in the order in which its session did it. Returns what it breaks. */
  add(operation: SessionOperation): SessionViolation[] {
    const { dot, key, kind, session, vector } = operation;
    const own = this.#session(session);
    this.#operations++;
    const found: SessionViolation[] = [];
    if (kind === 'get') {
      this.#compare(found, 'read-your-writes', operation, own.written);
      this.#compare(found, 'monotonic-reads', operation, own.read);
      if (found.length === 0) this.#judgeVersion(found, operation, own);
    } else {
      this.#compare(found, 'writes-follow-reads', operation, own.read);
      this.#compare(found, 'monotonic-writes', operation, own.written);
    }
    if (dot !== null) {
      if (kind !== 'get') this.accept({ kind, key, dot, vector });
      raise(kind === 'get' ? own.read : own.written, dot);
      own.known.set(key, { dot, isOwn: kind !== 'get' });
    }
    return found;
  }

  /** Forgets a session that does nothing more. */
  end(session: string | number): void {
    this.#sessions.delete(session);
  }

  result(): SessionResult {
    return {
      verdict: this.#violations.length > 0 ? 'violation' : 'ok',
      operations: this.#operations,
      sessions: this.#begun,
      counts: { ...this.#counts },
      violations: [...this.#violations],
    };
  }

  #session(name: string | number): Session {
    const known = this.#sessions.get(name);
    if (known !== undefined) return known;
    const session: Session = { written: new Map(), read: new Map(), known: new Map() };
    this.#sessions.set(name, session);
    this.#begun++;
    return session;
  }

  #compare(
    found: SessionViolation[],
    guarantee: Guarantee,
    operation: SessionOperation,
    needed: ReadonlyMap<string, number>,
  ): void {
    for (const [replica, seq] of needed) {
      const have = operation.vector.get(replica) ?? 0;
      if (have >= seq) continue;
      this.#note(found, guarantee, operation, { replica, seq }, `the replica had applied ${have} of ${replica}`);
      return;
    }
  }

  /** The replica had all that is needed: did it also answer with it? */
  #judgeVersion(found: SessionViolation[], operation: SessionOperation, { known }: Session): void {
    const { dot, key, vector } = operation;
    const last = known.get(key);
    if (last === undefined) return;
    const guarantee = last.isOwn ? 'read-your-writes' : 'monotonic-reads';
    const write = this.#writes.get(nameOf(last.dot));
    if (dot === null) {
      const isDeleted = write === undefined || (this.#deletes.get(key) ?? []).some((each) => covers(vector, each));
      if (!isDeleted)
        this.#note(found, guarantee, operation, last.dot, 'it found nothing, and no delete had been applied');
    } else if (write !== undefined && nameOf(dot) !== nameOf(last.dot) && covers(write.vector, dot)) {
      this.#note(found, guarantee, operation, last.dot, `it read ${nameOf(dot)}, which that had overwritten`);
    }
  }

  // oxlint-disable-next-line max-params -- everything that is to be said
  #note(
    found: SessionViolation[],
    guarantee: Guarantee,
    operation: SessionOperation,
    missing: Dot,
    reason: string,
  ): void {
    if (!this.#wanted.has(guarantee)) return;
    const { key, kind, session } = operation;
    const message = `${guarantee}: session ${session}, ${kind} of ${JSON.stringify(key)}, needs ${nameOf(missing)}; ${reason}`;
    const violation: SessionViolation = { guarantee, operation, missing, message };
    this.#counts[guarantee]++;
    found.push(violation);
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(violation);
  }
}

/** Checks operations that are all there. They are in the order in which each session did them. */
export function checkSessions(
  operations: readonly SessionOperation[],
  guarantees: readonly Guarantee[] = GUARANTEES,
): SessionResult {
  const checker = new SessionChecker(guarantees);
  for (const { dot, key, kind, vector } of operations) {
    if (kind !== 'get' && dot !== null) checker.accept({ kind, key, dot, vector });
  }
  for (const operation of operations) checker.add(operation);
  return checker.result();
}

function covers(vector: VersionVector, { replica, seq }: Dot): boolean {
  return (vector.get(replica) ?? 0) >= seq;
}

function raise(vector: Map<string, number>, { replica, seq }: Dot): void {
  if ((vector.get(replica) ?? 0) < seq) vector.set(replica, seq);
}

function nameOf({ replica, seq }: Dot): string {
  return `${replica}:${seq}`;
}
