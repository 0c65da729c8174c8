import type { OriginId } from '../../../base/brand.js';
import type { Dot, Vector } from '../../../base/dot.js';
import {
  checkCausal,
  checkVersions,
  SessionChecker,
  type Dot as SessionDot,
  type Operation,
  type Version,
  type VersionVector,
} from '../../../check/index.js';
import type { LeaderlessFacts } from '../../checks/leaderless/facts.js';
import type { KnownBatch, KnownWrite } from '../../checks/leaderless/truth.js';
import { Violation } from '../../world/types.js';
import { EXPIRING } from './intent.js';

/** One operation of a client that has ended, as it goes into the history. */
export interface Ended {
  readonly client: number;
  readonly session: number;
  readonly kind: 'put' | 'get' | 'delete';
  readonly key: string;
  readonly value: string | null;
  readonly call: number;
  readonly outcome: 'ok' | 'failed' | 'unknown';
  /** What was written or read: null where nothing was. */
  readonly dot: Dot | null;
  /** What the replica had applied when it said so. */
  readonly vector: Vector | null;
  /** A delete that found nothing to delete. */
  readonly wasAbsent: boolean;
  /** It carried all that its client had seen. */
  readonly hasSession: boolean;
}

export interface HistoryOptions {
  readonly engine: 'lww' | 'causal';
  readonly siblings: boolean;
}

/**
 * What clients of a leaderless keyspace saw: session guarantees are judged as operations end, with what is known of the
 * writes (ap.md §1.2.6); the history as a whole at the end, with nothing but what clients know (Appendix C).
 */
export class LeaderlessHistory {
  readonly operations: Operation[] = [];
  readonly #facts: LeaderlessFacts;
  readonly #options: HistoryOptions;
  readonly #sessions: SessionChecker;
  #now = 0;
  /** From then on something that was told is gone with its disks: no history after that need make sense. */
  #lostAt = Infinity;
  #unnamed = 0;

  constructor(facts: LeaderlessFacts, options: HistoryOptions) {
    this.#facts = facts;
    this.#options = options;
    // What lww promises and no more (ap.md §1.2.6, caveat).
    this.#sessions = new SessionChecker(options.engine === 'lww' ? ['read-your-writes', 'monotonic-reads'] : undefined);
    facts.onNew((batch) => this.#onNew(batch));
    facts.whenLost((_dot, batch) => {
      this.#lostAt = Math.min(this.#lostAt, this.tick());
      // Its position may be taken again, by writes that have nothing to do with it.
      if (batch === undefined) return;
      for (const write of batch.writes) {
        this.#sessions.forget({ key: write.key, dot: this.#nameOf(write, batch.counter) });
      }
    });
  }

  tick(): number {
    return ++this.#now;
  }

  #onNew(batch: KnownBatch): void {
    for (const write of batch.writes) {
      const { key, kind } = write;
      this.#sessions.accept({ kind, key, dot: this.#nameOf(write), vector: counted(batch.dependencies) });
    }
  }

  /** Throws Violation. */
  add(ended: Ended): void {
    const { call, client, dot, key, kind, outcome, session, value, wasAbsent } = ended;
    if (ended.hasSession && outcome === 'ok') this.#judge(ended);
    if (key.startsWith(EXPIRING)) return;
    const end = outcome === 'unknown' ? null : this.tick();
    const operation: Operation = { client, session, kind, key, value, call, return: end, outcome };
    const version = dot === null || outcome !== 'ok' ? undefined : this.#versionOf(dot, key, value);
    this.operations.push({
      ...operation,
      ...(version === undefined ? {} : { version }),
      ...(wasAbsent ? { existed: false } : {}),
    });
  }

  #judge({ client, dot, key, kind, session, value, vector, wasAbsent }: Ended): void {
    if (vector === null) return;
    const batch = dot === null ? undefined : this.#facts.truth.batch(dot);
    // Of several siblings, and of values that expire by themselves, no single version says what a session has seen.
    const isPlain = !this.#options.siblings && !key.startsWith(EXPIRING);
    const violations = this.#sessions.add({
      session: `${client}/${session}`,
      kind: wasAbsent ? 'get' : kind,
      key: isPlain ? key : `${key}#${++this.#unnamed}`,
      dot:
        dot === null ? null : this.#nameOf(this.#writeOf(dot, key, value) ?? { dot, counter: 0, origin: dot.origin }),
      vector: counted(kind === 'get' || wasAbsent || batch === undefined ? vector : batch.dependencies),
    });
    const [first] = violations;
    if (first !== undefined) throw new Violation('session-guarantees', first.message);
  }

  /** Lamport time, and the origin's name for the ties; commands of one batch on one key count on. */
  #versionOf(dot: Dot, key: string, value: string | null): Version | undefined {
    const write = this.#writeOf(dot, key, value);
    return write === undefined ? undefined : [write.counter, write.origin];
  }

  /** The one that was meant: a batch may write a key more than once. */
  #writeOf(dot: Dot, key: string, value: string | null): KnownWrite | undefined {
    const writes = this.#facts.truth.batch(dot)?.writes.filter((each) => each.key === key) ?? [];
    return writes.findLast((each) => each.value === value) ?? writes.at(-1);
  }

  /** A dot names a batch; the commands in it have to be told apart. */
  #nameOf(
    { counter, dot, origin }: Pick<KnownWrite, 'counter' | 'dot' | 'origin'>,
    first = this.#facts.truth.batch(dot)?.counter ?? counter,
  ): SessionDot {
    return { replica: origin, seq: dot.seq * COMMANDS_MAX + Math.min(Math.max(0, counter - first), COMMANDS_MAX - 1) };
  }

  /** Of the whole run, up to the first loss. */
  check(): { readonly undecided: number } {
    if (this.#options.siblings) return { undecided: 0 };
    const known = this.operations.filter(({ call }) => call < this.#lostAt).map((each) => this.#untilLoss(each));
    const operations = known.filter((each): each is Operation => each !== null);
    if (this.#options.engine === 'lww') {
      const { violation } = checkVersions(operations);
      if (violation !== null)
        throw new Violation('session-versions', `${violation.summary}: ${violation.sentences.join(' ')}`);
      return { undecided: 0 };
    }
    const { verdict, violation } = checkCausal(operations, { level: 'ccv' });
    if (violation !== null) {
      throw new Violation(
        'causal-convergence',
        `${violation.pattern}: ${violation.summary}: ${violation.sentences.join(' ')}`,
      );
    }
    return { undecided: verdict === 'unknown' ? 1 : 0 };
  }

  /** What came back after the loss might as well not have. */
  #untilLoss(operation: Operation): Operation | null {
    if (operation.return === null || operation.return < this.#lostAt) return operation;
    return operation.kind === 'get' ? null : { ...operation, return: null, outcome: 'unknown' };
  }
}

/** More than there are in any batch of the simulator's clients. */
const COMMANDS_MAX = 1024;

/** Whole batches, as positions of their last commands. */
function counted(vector: Vector): VersionVector {
  return {
    get: (replica) => {
      const seq = vector.get(replica as OriginId);
      return seq === undefined ? undefined : seq * COMMANDS_MAX + COMMANDS_MAX - 1;
    },
  };
}
