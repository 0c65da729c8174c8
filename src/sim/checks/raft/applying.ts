import { crc32c } from '../../../../native-like/crc32c/index.js';
import type { GroupId, LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { Entry } from '../../../engines/raft/messages.js';
import { decodeBatch } from '../../../kv/index.js';
import type { RaftMember } from '../../../replica/raft/member.js';
import type { CheckpointMark } from '../../../storage/storage.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';

/** Entries between two comparisons of whole states: a digest reads everything. */
const DIGEST_STRIDE = 8;

/** What the first replica that applied an index found there. */
interface Applied {
  readonly term: Term;
  readonly payloadCrc: number;
  readonly by: ReplicaId;
  /** The revision after it. */
  readonly revision: number;
  /** Commands of it that may change the state: others are second deliveries. */
  readonly fresh: number;
  digest: string | null;
}

/**
 * State machine safety: everybody applies the same entries in the same order and comes to the same state, whatever
 * checkpoints and snapshots it went through (reliability.md §3.3), and no command takes effect twice (raft.md X1).
 */
export class ApplyChecks implements Observer {
  readonly #facts: Facts;
  readonly #applied: (Applied | undefined)[] = [];
  /** Every `client/seq` that was applied, and where first. */
  readonly #commands = new Map<string, LogIndex>();
  /** The index that a process applied last, since it started. */
  readonly #last = new Map<ReplicaId, { readonly member: RaftMember; index: LogIndex }>();
  readonly #checkpoints = new Map<LogIndex, { readonly digest: number; readonly by: ReplicaId }>();
  readonly #digestDue = new Set<ReplicaId>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onApplied(process: SimProcess, _group: GroupId, entry: Entry): void {
    const { member, id } = process;
    if (member === null) throw new Violation('apply-order', `${id} applies entry ${entry.index} while it does not run`);
    this.#facts.stats.applied++;
    this.#checkOrder(id, member, entry);
    const { revision } = member;
    const known = this.#applied[entry.index];
    if (known === undefined) this.#first(id, entry, revision);
    else this.#again(id, entry, known, revision);
    if (entry.index % DIGEST_STRIDE === 0) this.#checkDigest(id, member, entry.index);
  }

  onCheckpoint(
    process: SimProcess,
    _group: GroupId,
    { index, membership }: CheckpointMark,
    installed: boolean,
    digest?: number,
  ): void {
    // Who joined does not know what the group was formed with, until it has the entry that added it.
    const isComparable = membership.membership.voters.length > 0;
    if (digest !== undefined && isComparable) this.#checkCheckpoint(process.id, index, digest);
    if (!installed) return;
    this.#last.delete(process.id);
    this.#digestDue.add(process.id);
  }

  #checkCheckpoint(id: ReplicaId, index: LogIndex, digest: number): void {
    this.#facts.stats.digests++;
    const known = this.#checkpoints.get(index);
    if (known === undefined) this.#checkpoints.set(index, { digest, by: id });
    else if (known.digest !== digest) {
      throw new Violation(
        'checkpoint-equivalence',
        `the checkpoint of ${id} at entry ${index} has digest ${digest}; that of ${known.by} has ${known.digest}`,
      );
    }
  }

  /** A state that came as a whole is compared as a whole, where somebody else stood at the same index. */
  onTurn(process: SimProcess): void {
    if (this.#digestDue.size === 0 || process.member === null || !this.#digestDue.delete(process.id)) return;
    const { appliedIndex, revision } = process.member;
    const known = this.#applied[appliedIndex];
    if (known === undefined) return;
    if (known.revision !== revision) throw this.#differs(process.id, appliedIndex, known, revision);
    if (known.digest !== null) this.#checkDigest(process.id, process.member, appliedIndex);
  }

  #checkOrder(id: ReplicaId, member: RaftMember, { index }: Entry): void {
    const last = this.#last.get(id);
    if (last?.member !== member) {
      this.#last.set(id, { member, index });
      return;
    }
    if (index !== last.index + 1) {
      throw new Violation('apply-order', `${id} applies entry ${index} after ${last.index}`);
    }
    last.index = index;
  }

  #first(id: ReplicaId, entry: Entry, revision: number): void {
    const fresh = entry.kind === 'commands' ? this.#freshCommands(id, entry) : 0;
    const payloadCrc = crc32c(entry.payload, 0, entry.payload.length);
    const committed = this.#facts.committed[entry.index];
    if (committed !== undefined && committed.term !== entry.term) {
      throw new Violation(
        'state-machine-safety',
        `${id} applies entry ${entry.index} of term ${entry.term}; the one committed there has term ${committed.term}`,
      );
    }
    const applied: Applied = { term: entry.term, payloadCrc, by: id, revision, fresh, digest: null };
    this.#applied[entry.index] = applied;
    this.#checkEffect(id, entry.index, applied);
  }

  #again(id: ReplicaId, entry: Entry, known: Applied, revision: number): void {
    const payloadCrc = crc32c(entry.payload, 0, entry.payload.length);
    if (known.term !== entry.term || known.payloadCrc !== payloadCrc) {
      throw new Violation(
        'state-machine-safety',
        `${id} applies entry ${entry.index} of term ${entry.term}; ${known.by} applied ` +
          (known.term === entry.term ? 'another one of this term' : `one of term ${known.term}`),
      );
    }
    if (known.revision !== revision) throw this.#differs(id, entry.index, known, revision);
  }

  #differs(id: ReplicaId, index: LogIndex, known: Applied, revision: number): Violation {
    return new Violation(
      'state-equivalence',
      `${id} stands at revision ${revision} after entry ${index}; ${known.by} stood at ${known.revision}`,
    );
  }

  #freshCommands(id: ReplicaId, entry: Entry): number {
    const batch = decodeBatch(entry.payload);
    if (!batch.ok) throw new Violation('entries-decode', `${id} applies entry ${entry.index}: ${batch.reason}`);
    let fresh = 0;
    for (const { session } of batch.commands) {
      if (session === undefined) {
        fresh++;
        continue;
      }
      const key = `${session.seq}/${session.clientId}`;
      if (this.#commands.has(key)) continue;
      this.#commands.set(key, entry.index);
      fresh++;
    }
    return fresh;
  }

  /** Each command that changes something takes one revision: more revisions than fresh commands are second effects. */
  #checkEffect(id: ReplicaId, index: LogIndex, { revision, fresh }: Applied): void {
    const before = index === 1 ? 0 : this.#applied[index - 1]?.revision;
    if (before === undefined || revision - before <= fresh) return;
    throw new Violation(
      'exactly-once',
      `entry ${index} holds ${fresh} commands that were not applied before; ${id} went from revision ${before} to ` +
        `${revision} with it`,
    );
  }

  #checkDigest(id: ReplicaId, member: RaftMember, index: LogIndex): void {
    const known = this.#applied[index];
    if (known === undefined) return;
    const digest = member.digest();
    this.#facts.stats.digests++;
    if (known.digest === null) known.digest = digest;
    else if (known.digest !== digest) {
      throw new Violation(
        'state-equivalence',
        `the state of ${id} after entry ${index} has digest ${digest}; others had ${known.digest}`,
      );
    }
  }
}
