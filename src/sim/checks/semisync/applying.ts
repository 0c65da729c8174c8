import type { GroupId, LogIndex, ReplicaId } from '../../../base/brand.js';
import type { Entry } from '../../../engines/entry.js';
import { decodeBatch } from '../../../kv/index.js';
import type { SemisyncMember } from '../../../replica/semisync/member.js';
import type { CheckpointMark } from '../../../storage/storage.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { Facts } from './facts.js';
import { keyOf, type Node } from './histories.js';

/** Entries between two comparisons of whole states: a digest reads everything. */
const DIGEST_STRIDE = 8;

/**
 * Every member applies the one history that its log names, entry by entry, and comes to the state of everybody who has
 * applied the same (reliability.md §3.3); no command takes effect twice (raft.md X1).
 */
export class ApplyChecks implements Observer {
  readonly #facts: Facts;
  /** Where each command was applied: more than once only in histories that force has parted. */
  readonly #commands = new Map<string, Node[]>();
  /** What a process applied last, since it started or its state was replaced. */
  readonly #last = new Map<ReplicaId, { readonly member: SemisyncMember; index: LogIndex }>();
  readonly #checkpoints = new Map<number, { readonly digest: number; readonly by: ReplicaId }>();
  readonly #digestDue = new Set<ReplicaId>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onApplied(process: SimProcess, _group: GroupId, entry: Entry): void {
    const { id, semisync: member } = process;
    if (member === null) throw new Violation('apply-order', `${id} applies entry ${entry.index} while it does not run`);
    this.#facts.stats.applied++;
    this.#checkOrder(id, member, entry);
    const node = this.#facts.histories.of(entry.index, entry.term);
    if (node === null) {
      throw new Violation(
        'applied-written',
        `${id} applies entry ${entry.index} of epoch ${entry.term}, which nobody has sent`,
      );
    }
    if (Buffer.compare(node.payload, entry.payload) !== 0) {
      throw new Violation('state-machine-safety', `${id} applies another entry ${entry.index} than was written`);
    }
    const { revision } = member;
    if (node.revision === null) {
      node.revision = revision;
      if (entry.kind === 'commands') this.#checkEffect(id, node, entry);
    } else if (node.revision !== revision) throw differs(id, node, revision);
    if (entry.index % DIGEST_STRIDE === 0) this.#checkDigest(id, member, node);
  }

  onCheckpoint(process: SimProcess, _group: GroupId, mark: CheckpointMark, installed: boolean, digest?: number): void {
    if (digest !== undefined) this.#checkCheckpoint(process.id, mark, digest);
    if (!installed) return;
    this.#last.delete(process.id);
    this.#digestDue.add(process.id);
  }

  onCrashed({ id }: SimProcess): void {
    this.#last.delete(id);
    this.#digestDue.delete(id);
  }

  /** A state that came as a whole is compared as a whole, where somebody else stood at the same place. */
  onTurn({ id, semisync: member }: SimProcess): void {
    if (this.#digestDue.size === 0 || member === null || !this.#digestDue.delete(id)) return;
    const node = this.#facts.histories.of(member.appliedIndex, member.appliedTerm);
    if (node === null || node.revision === null) return;
    if (node.revision !== member.revision) throw differs(id, node, member.revision);
    this.#checkDigest(id, member, node);
  }

  #checkCheckpoint(id: ReplicaId, mark: CheckpointMark, digest: number): void {
    this.#facts.stats.digests++;
    const known = this.#checkpoints.get(keyOf(mark));
    if (known === undefined) this.#checkpoints.set(keyOf(mark), { digest, by: id });
    else if (known.digest !== digest) {
      throw new Violation(
        'checkpoint-equivalence',
        `the checkpoint of ${id} at entry ${mark.index} has digest ${digest}; that of ${known.by} has ${known.digest}`,
      );
    }
  }

  #checkOrder(id: ReplicaId, member: SemisyncMember, { index }: Entry): void {
    const commit = member.core?.commitIndex ?? 0;
    if (index > commit) {
      throw new Violation('applied-committed', `${id} applies entry ${index}; it knows ${commit} to be committed`);
    }
    const last = this.#last.get(id);
    if (last?.member !== member) {
      this.#last.set(id, { member, index });
      return;
    }
    if (index !== last.index + 1)
      throw new Violation('apply-order', `${id} applies entry ${index} after ${last.index}`);
    last.index = index;
  }

  /** Each command that changes something takes one revision: more revisions than fresh commands are second effects. */
  #checkEffect(id: ReplicaId, node: Node, entry: Entry): void {
    const batch = decodeBatch(entry.payload);
    if (!batch.ok) throw new Violation('entries-decode', `${id} applies entry ${entry.index}: ${batch.reason}`);
    let fresh = 0;
    for (const { session } of batch.commands) {
      const key = session === undefined ? null : `${session.seq}/${session.clientId}`;
      if (key !== null && this.#wasApplied(key, node)) continue;
      fresh++;
    }
    const before = node.prev === null ? 0 : node.prev.revision;
    if (before === null || node.revision === null || node.revision - before <= fresh) return;
    throw new Violation(
      'exactly-once',
      `entry ${entry.index} holds ${fresh} commands that were not applied before; ${id} went from revision ${before} to ` +
        `${node.revision} with it`,
    );
  }

  /** In this history; notes that it is now. */
  #wasApplied(key: string, node: Node): boolean {
    const places = this.#commands.get(key) ?? [];
    if (places.some((place) => this.#facts.histories.includes(node, place))) return true;
    this.#commands.set(key, [...places, node]);
    return false;
  }

  #checkDigest(id: ReplicaId, member: SemisyncMember, node: Node): void {
    const digest = member.digest();
    this.#facts.stats.digests++;
    if (node.digest === null) node.digest = digest;
    else if (node.digest !== digest) {
      throw new Violation(
        'state-equivalence',
        `the state of ${id} after entry ${node.index} of epoch ${node.term} has digest ${digest}; others had ${node.digest}`,
      );
    }
  }
}

function differs(id: ReplicaId, node: Node, revision: number): Violation {
  return new Violation(
    'state-equivalence',
    `${id} stands at revision ${revision} after entry ${node.index} of epoch ${node.term}; others stood at ${node.revision}`,
  );
}
