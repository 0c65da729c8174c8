import type { LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { RaftStatus } from '../../../engines/engine.js';
import type { PlacedMembership } from '../../../engines/raft/membership.js';
import type { RaftMember } from '../../../replica/raft/member.js';
import type { CheckpointMark } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import type { Observer, SimProcess } from '../../world/types.js';
import { DurableImage } from './durable-image.js';

/** What the engine of one process showed after a turn. */
export interface Sight {
  readonly member: RaftMember;
  readonly role: RaftStatus['role'];
  readonly term: Term;
  readonly commit: LogIndex;
  readonly last: LogIndex;
  readonly lastTerm: Term | null;
  readonly membership: PlacedMembership;
}

/** What is known to be committed at one index, and the lowest term of a replica that said so. */
export interface Committed {
  readonly term: Term;
  readonly committedIn: Term;
}

/** One process as the checkers know it. */
export interface Known {
  image: DurableImage;
  /** Images of folders that were wiped since: what was durable once counts for what was promised then. */
  readonly lost: DurableImage[];
  /** The turn before the last one, of the same start of the process; null at the first. */
  before: Sight | null;
  now: Sight | null;
}

/** Counted, so that a run can show that its checkers had something to look at. */
export interface CheckStats {
  turns: number;
  messages: number;
  durableRecords: number;
  applied: number;
  elections: number;
  commits: number;
  acknowledged: number;
  reads: number;
  digests: number;
  memberships: number;
}

/**
 * What all checkers share, and the first of the observers: the disks' images, what each engine shows, and what is
 * committed. A world has one group; reliability.md §3.3 names the invariants.
 */
export class Facts implements Observer {
  readonly stats: CheckStats = {
    turns: 0,
    messages: 0,
    durableRecords: 0,
    applied: 0,
    elections: 0,
    commits: 0,
    acknowledged: 0,
    reads: 0,
    digests: 0,
    memberships: 0,
  };
  /** By index. */
  readonly committed: (Committed | undefined)[] = [];
  readonly #processes = new Map<ReplicaId, Known>();

  of(id: ReplicaId): Known {
    let known = this.#processes.get(id);
    if (known === undefined) {
      known = { image: new DurableImage(), lost: [], before: null, now: null };
      this.#processes.set(id, known);
    }
    return known;
  }

  get processes(): ReadonlyMap<ReplicaId, Known> {
    return this.#processes;
  }

  /** True when the entry is on this replica's disk, or was on the one that was taken away from it. */
  isDurable(id: ReplicaId, index: LogIndex, term: Term): boolean {
    const { image, lost } = this.of(id);
    return image.holds(index, term) || lost.some((folder) => folder.everHeld(index, term));
  }

  onWiped(process: SimProcess): void {
    const known = this.of(process.id);
    known.lost.push(known.image);
    known.image = new DurableImage();
    known.before = null;
    known.now = null;
  }

  onDurable(process: SimProcess, records: readonly StoredRecord[]): void {
    const { image } = this.of(process.id);
    for (const record of records) image.apply(record);
    this.stats.durableRecords += records.length;
  }

  onCheckpoint(process: SimProcess, _group: string, mark: CheckpointMark): void {
    this.of(process.id).image.onCheckpoint(mark);
  }

  onCheckpointFound(process: SimProcess, _group: string, mark: CheckpointMark): void {
    this.of(process.id).image.onCheckpoint(mark);
  }

  onCrashed(process: SimProcess): void {
    const known = this.of(process.id);
    known.before = null;
    known.now = null;
  }

  onMessage(): void {
    this.stats.messages++;
  }

  onTurn(process: SimProcess): void {
    const { member } = process;
    const known = this.of(process.id);
    this.stats.turns++;
    if (member === null) {
      known.before = null;
      known.now = null;
      return;
    }
    known.before = known.now?.member === member ? known.now : null;
    known.now = sightOf(member, known.before);
  }
}

/** Most turns change nothing here: the sight of before is then used again. */
function sightOf(member: RaftMember, before: Sight | null): Sight {
  const { raft } = member;
  const { role, term, commitIndex: commit, lastIndex: last, membership } = raft;
  const lastTerm = raft.termOf(last);
  if (
    before !== null &&
    before.role === role &&
    before.term === term &&
    before.commit === commit &&
    before.last === last &&
    before.lastTerm === lastTerm &&
    before.membership.index === membership.index
  ) {
    return before;
  }
  return { member, role, term, commit, last, lastTerm, membership };
}
