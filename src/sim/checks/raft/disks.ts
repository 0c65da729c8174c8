import type { GroupId, ReplicaId } from '../../../base/brand.js';
import type { HardState } from '../../../engines/raft/events.js';
import type { AppendResponse, RaftMessage, VoteRequest, VoteResponse } from '../../../engines/raft/messages.js';
import type { CheckpointMark, RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { DurableImage } from './durable-image.js';
import type { Facts } from './facts.js';

/**
 * What disks promise: one vote per term and replica for ever, terms that never go back, nothing said before it is
 * durable (raft.md R1, R3). Comes before `Facts`, which moves the
 * images forward.
 */
export class DiskChecks implements Observer {
  readonly #facts: Facts;
  /** Votes on disk, or told, for the whole life of a replica id: also beyond the folder that they were written to. */
  readonly #votes = new Map<string, ReplicaId>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onDurable(process: SimProcess, records: readonly StoredRecord[]): void {
    let { term } = this.#facts.of(process.id).image;
    for (const record of records) {
      if (record.kind !== 'hardState') continue;
      const { hardState } = record;
      if (hardState.term < term) {
        throw new Violation(
          'durable-term',
          `the disk of ${process.id} goes back from term ${term} to ${hardState.term}`,
        );
      }
      term = hardState.term;
      this.#checkVote(process.id, hardState);
    }
  }

  #checkVote(id: ReplicaId, { term, vote }: HardState): void {
    if (vote === null) return;
    const key = `${term}/${id}`;
    const before = this.#votes.get(key);
    if (before === undefined) this.#votes.set(key, vote);
    else if (before !== vote) {
      throw new Violation('vote-once', `${id} voted for ${before} in term ${term}, and now for ${vote}`);
    }
  }

  /** That nothing durable is lost here is checked by the world, which knows what was done to the disk. */
  onStarted(process: SimProcess, recovered: ReadonlyMap<GroupId, RecoveredGroup>): void {
    const { image } = this.#facts.of(process.id);
    const [group] = recovered.values();
    if (group === undefined) return;
    const { hardState } = group;
    if (hardState !== null) this.#checkVote(process.id, hardState);
    image.recover(group);
  }

  /** A checkpoint waits until the log holds on disk what it holds; only a snapshot of another replica may be ahead (S3). */
  onCheckpoint(process: SimProcess, _group: GroupId, mark: CheckpointMark, installed: boolean): void {
    const { image } = this.#facts.of(process.id);
    if (installed || mark.index <= Math.max(image.lastIndex, image.checkpoint)) return;
    throw new Violation(
      'checkpoint-within-log',
      `${process.id} writes a checkpoint of entry ${mark.index}; its disk has ${describe(image)}`,
    );
  }

  onMessage(process: SimProcess, _group: GroupId, message: RaftMessage): void {
    const { image } = this.#facts.of(process.id);
    switch (message.type) {
      case 'appendResponse':
        this.#checkTerm(process.id, image, message);
        if (!message.rejected) this.#checkAcknowledged(process.id, image, message);
        return;
      case 'voteResponse':
        if (message.preVote) return;
        this.#checkTerm(process.id, image, message);
        if (message.granted) this.#checkTold(process.id, image, message, message.to);
        return;
      case 'voteRequest':
        if (message.preVote) return;
        this.#checkTold(process.id, image, message, process.id);
        if (image.everHeld(message.lastIndex, message.lastTerm) || message.lastIndex <= image.baseIndex) return;
        throw new Violation(
          'durable-before-vote-request',
          `${process.id} stands in term ${message.term} with entry ${message.lastIndex} of term ${message.lastTerm}; ` +
            `its disk has ${describe(image)}`,
        );
      case 'appendRequest':
      case 'heartbeat':
      case 'heartbeatResponse':
      case 'readIndexRequest':
      case 'readIndexResponse':
        return this.#checkTerm(process.id, image, message);
      // They say nothing of their sender's term: proposals, pieces of snapshots, and the order to campaign.
      case 'timeoutNow':
      case 'forwardProposal':
      case 'forwardProposalResponse':
      case 'snapshotChunk':
      case 'snapshotChunkResponse':
        return;
    }
  }

  #checkTerm(id: ReplicaId, image: DurableImage, message: RaftMessage): void {
    if (message.term <= image.term) return;
    throw new Violation(
      'durable-before-ack',
      `${message.type} of ${id} shows term ${message.term}; its disk is in term ${image.term}`,
    );
  }

  /**
   * raft.md R1: a vote is on disk before it is told, also one's own. A disk that has gone on to a later term need not hold
   * it: nobody can vote in a term that is over. But then it must not have told another one either.
   */
  #checkTold(id: ReplicaId, image: DurableImage, message: VoteRequest | VoteResponse, candidate: ReplicaId): void {
    const key = `${message.term}/${id}`;
    const known = this.#votes.get(key);
    if (known === undefined && message.term < image.term) this.#votes.set(key, candidate);
    else if (known !== candidate || message.term > image.term) {
      throw new Violation(
        'durable-vote',
        `${id} tells ${message.to} its vote for ${candidate} in term ${message.term}; its disk is in term ${image.term}, ` +
          `and its vote of that term is for ${known ?? 'nobody'}`,
      );
    }
  }

  /** In a later term the entry may have been overwritten by now: it was durable when its term was the disk's. */
  #checkAcknowledged(id: ReplicaId, image: DurableImage, message: AppendResponse): void {
    const { index, hintTerm, term, to } = message;
    if (index === 0) return;
    const holds = term < image.term ? image.everHeld(index, hintTerm) : image.holds(index, hintTerm);
    if (!holds && index > image.baseIndex) {
      throw new Violation(
        'durable-before-ack',
        `${id} acknowledges entry ${index} of term ${hintTerm} to ${to}, leader of term ${term}; its disk has ${describe(image)}`,
      );
    }
    const leader = this.#facts.of(to).now;
    if (leader === null || leader.role !== 'leader' || leader.term !== term || index > leader.last) return;
    const theirs = leader.member.raft.termOf(index);
    if (theirs === null || theirs === hintTerm || index <= image.checkpoint || index <= image.baseIndex) return;
    throw new Violation(
      'acknowledged-matches',
      `${id} acknowledges entry ${index} of term ${hintTerm} to ${to}, which leads term ${term} and has one of term ${theirs}`,
    );
  }
}

function describe(image: DurableImage): string {
  return `term ${image.term}, entries ${image.baseIndex + 1} to ${image.lastIndex}, a checkpoint of ${image.checkpoint}`;
}
