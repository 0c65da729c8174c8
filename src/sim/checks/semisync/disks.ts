import type { GroupId, ReplicaId } from '../../../base/brand.js';
import type { EngineMessage } from '../../../engines/messages.js';
import { Violation, type Observer, type SimProcess } from '../../world/types.js';
import type { CheckpointMark } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import type { Facts } from './facts.js';
import type { SemisyncImage } from './image.js';

/** Messages whose sender vouches for its ballot: it is on its disk. Questions promise nothing. */
const VOUCHING: readonly EngineMessage['type'][] = [
  'appendRequest',
  'appendResponse',
  'epochHeartbeat',
  'epochHeartbeatResponse',
  'promiseRequest',
  'promiseResponse',
  'fetchRequest',
  'fetchResponse',
];

/**
 * What disks promise: ballots that never go back, nothing said before it is durable (raft.md R1, ap.md §1.3.5), nothing
 * promised by a member whose log is being replaced. Comes before `Facts`, which moves the images forward.
 */
export class DiskChecks implements Observer {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  onDurable(process: SimProcess, records: readonly StoredRecord[]): void {
    let { term } = this.#facts.of(process.id).image;
    for (const record of records) {
      if (record.kind !== 'hardState') continue;
      if (record.hardState.term < term) {
        throw new Violation(
          'durable-ballot',
          `the disk of ${process.id} goes back from ballot ${term} to ${record.hardState.term}`,
        );
      }
      term = record.hardState.term;
    }
  }

  /** A checkpoint waits until the log holds what it holds; only a full sync may be ahead (raft.md S3). */
  onCheckpoint(process: SimProcess, _group: GroupId, mark: CheckpointMark, installed: boolean): void {
    const { image } = this.#facts.of(process.id);
    if (!installed && mark.index > Math.max(image.lastIndex, image.checkpoint.index)) {
      throw new Violation(
        'checkpoint-within-log',
        `${process.id} writes a checkpoint of entry ${mark.index}; its disk has ${describe(image)}`,
      );
    }
    this.#checkQuorum(process.id, mark);
  }

  /** The write quorum that a checkpoint carries is the one that its history brought (ap.md §1.3.4). */
  #checkQuorum(id: ReplicaId, { index, quorum, term }: CheckpointMark): void {
    const node = this.#facts.histories.of(index, term);
    if (node === null || quorum?.writeQuorum === node.writeQuorum) return;
    throw new Violation(
      'quorum-in-force',
      `the checkpoint of ${id} at entry ${index} of epoch ${term} says a write quorum of ${quorum?.writeQuorum ?? 'nothing'}; ` +
        `its log says ${node.writeQuorum}`,
    );
  }

  onMessage(process: SimProcess, _group: GroupId, message: EngineMessage): void {
    const { id } = process;
    const { image } = this.#facts.of(id);
    const isQuestion = 'ask' in message && message.ask;
    if (VOUCHING.includes(message.type) && 'term' in message && !isQuestion) {
      this.#checkBallot(id, image, message.type, message.term);
    }
    if (message.type === 'appendResponse') {
      // What was told in a lower epoch may have been overwritten by now. It was durable, and is in the tail that was promised.
      const last = message.term < image.term ? image.everLast : image.lastIndex;
      if (message.rejected || message.index <= Math.max(last, image.checkpoint.index)) return;
      throw new Violation(
        'durable-before-ack',
        `${id} acknowledges entry ${message.index} to ${message.to} in epoch ${message.term}; its disk has ${describe(image)}`,
      );
    }
    if (message.type !== 'promiseResponse' || isQuestion || !message.granted || !image.rebuilding) return;
    throw new Violation(
      'promise-of-rebuilding',
      `${id} promises ballot ${message.term} to ${message.to} while its log is being replaced (ap.md §1.3.6)`,
    );
  }

  #checkBallot(id: ReplicaId, image: SemisyncImage, type: string, term: number): void {
    if (term <= image.term) return;
    throw new Violation(
      'durable-promise',
      `${type} of ${id} vouches for ballot ${term}; its disk has promised ${image.term} (ap.md §1.3.5)`,
    );
  }
}

export function describe(image: SemisyncImage): string {
  return (
    `ballot ${image.term}, entries ${image.baseIndex + 1} to ${image.lastIndex}, a checkpoint of ` +
    `${image.checkpoint.index}`
  );
}
