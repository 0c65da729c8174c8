import type { GroupId, LogIndex, ReplicaId, Term } from '../../../base/brand.js';
import type { Entry } from '../../../engines/entry.js';
import type { EngineMessage } from '../../../engines/messages.js';
import type { SemisyncStatus } from '../../../engines/semisync/semisync.js';
import type { SemisyncCore, SemisyncMember } from '../../../replica/semisync/member.js';
import type { CheckpointMark, RecoveredGroup } from '../../../storage/storage.js';
import type { StoredRecord } from '../../../storage/wal/unit-encoder.js';
import type { Observer, SimProcess } from '../../world/types.js';
import { Histories, keyOf, type Node } from './histories.js';
import { SemisyncImage, type Position } from './image.js';

/** What the engine of one process showed after a turn. */
export interface Sight {
  readonly member: SemisyncMember;
  readonly core: SemisyncCore;
  readonly role: SemisyncStatus['role'];
  readonly term: Term;
  readonly commit: LogIndex;
  readonly applied: LogIndex;
  readonly last: LogIndex;
}

export interface Known {
  image: SemisyncImage;
  /** Images of folders that were wiped since. */
  readonly lost: SemisyncImage[];
  /** The turn before the last one of the same start of the process, unless its state was replaced meanwhile. */
  before: Sight | null;
  now: Sight | null;
}

/** What a leader has committed at one index. */
export interface Committed {
  readonly node: Node;
  /** Epoch of the leader that committed it. */
  readonly epoch: Term;
  readonly atMs: number;
}

export interface CheckStats {
  commits: number;
  acknowledged: number;
  applied: number;
  digests: number;
  epochs: number;
  forcedEpochs: number;
  /** Acknowledged entries that a promotion by force, or a damaged disk, has taken away. */
  lost: number;
  discarded: number;
  left: number;
  reads: number;
  boundedReads: number;
  rebuilds: number;
}

export interface FactsOptions {
  readonly followers: number;
  /** The write quorum that a group begins with, whatever its topology says. */
  readonly formedWith: number;
  nowMs(): number;
  /** Its disk was destroyed, or rots: it may lack what it had. */
  isDamaged(id: ReplicaId): boolean;
}

/** What all checkers of a leader-follower group share: disks, histories, what each engine shows, the one order. */
export class Facts implements Observer {
  readonly histories: Histories;
  readonly stats: CheckStats = {
    commits: 0,
    acknowledged: 0,
    applied: 0,
    digests: 0,
    epochs: 0,
    forcedEpochs: 0,
    lost: 0,
    discarded: 0,
    left: 0,
    reads: 0,
    boundedReads: 0,
    rebuilds: 0,
  };
  /** The one order that all members follow; index i at position i - 1. */
  readonly committed: Committed[] = [];
  /** Of entries that were committed once and are not any more. */
  readonly lost = new Set<number>();
  /** Epoch of the last promotion that may have lost something: nothing older counts any more. 0: there was none. */
  world = 0 as Term;
  /** Called for entries that have left the log of a disk. */
  onLeft: (process: SimProcess, gone: readonly Position[]) => void = () => undefined;
  readonly options: FactsOptions;
  readonly #processes = new Map<ReplicaId, Known>();

  constructor(options: FactsOptions) {
    this.options = options;
    this.histories = new Histories(options.formedWith);
  }

  get lossy(): boolean {
    return this.world > 0;
  }

  get processes(): ReadonlyMap<ReplicaId, Known> {
    return this.#processes;
  }

  of(id: ReplicaId): Known {
    let known = this.#processes.get(id);
    if (known === undefined) {
      known = { image: new SemisyncImage(), lost: [], before: null, now: null };
      this.#processes.set(id, known);
    }
    return known;
  }

  /** By brute force: is the entry on this replica's disk, or was it on the one that was taken away from it? */
  isDurable(id: ReplicaId, { index, term }: Position): boolean {
    const { image, lost } = this.of(id);
    if (image.termOf(index) === term) return true;
    const { checkpoint } = image;
    if (checkpoint.index >= index) {
      const covered = this.histories.of(checkpoint.index, checkpoint.term);
      if (this.histories.includes(covered, { index, term })) return true;
    }
    const wasDamaged = lost.length > 0 || this.options.isDamaged(id);
    return wasDamaged && [image, ...lost].some((folder) => folder.everHeld({ index, term }));
  }

  /** The entry of the history that `id` has applied, at `index`. */
  appliedNode({ applied, core, member }: Sight): Node | null {
    const term = core.termOf(applied) ?? member.appliedTerm;
    return this.histories.of(applied, term);
  }

  isLost(node: Position): boolean {
    return this.lost.has(keyOf(node));
  }

  onWiped(process: SimProcess): void {
    const known = this.of(process.id);
    known.lost.push(known.image);
    known.image = new SemisyncImage();
    known.before = null;
    known.now = null;
  }

  onStarted(process: SimProcess, recovered: ReadonlyMap<GroupId, RecoveredGroup>): void {
    const [group] = recovered.values();
    if (group === undefined) return;
    let prevTerm = group.baseTerm;
    for (const entry of group.entries) {
      this.histories.learn(process.id, prevTerm, entry);
      prevTerm = entry.term;
    }
    const gone = this.of(process.id).image.recover(group);
    if (gone.length > 0) this.onLeft(process, gone);
  }

  onDurable(process: SimProcess, records: readonly StoredRecord[]): void {
    const { image } = this.of(process.id);
    for (const record of records) {
      if (record.kind === 'entry') this.#learn(process.id, image, record.entry);
      const wasRebuilding = image.rebuilding;
      const gone = image.apply(record);
      if (image.rebuilding && !wasRebuilding) this.stats.rebuilds++;
      if (gone.length > 0) this.onLeft(process, gone);
    }
  }

  #learn(id: ReplicaId, image: SemisyncImage, entry: Entry): void {
    this.histories.learn(id, entry.index === 1 ? (0 as Term) : image.termOf((entry.index - 1) as LogIndex), entry);
  }

  onMessage(process: SimProcess, _group: GroupId, message: EngineMessage): void {
    if (message.type !== 'appendRequest' && (message.type !== 'fetchResponse' || message.rejected)) return;
    let { prevTerm } = message;
    for (const entry of message.entries) {
      this.histories.learn(process.id, prevTerm, entry);
      prevTerm = entry.term;
    }
  }

  onCheckpoint(process: SimProcess, _group: GroupId, { index, term }: CheckpointMark, installed: boolean): void {
    const known = this.of(process.id);
    known.image.checkpoint = { index, term };
    if (installed) known.now = null;
  }

  onCheckpointFound(process: SimProcess, _group: GroupId, { index, term }: CheckpointMark): void {
    this.of(process.id).image.checkpoint = { index, term };
  }

  onCrashed(process: SimProcess): void {
    const known = this.of(process.id);
    known.before = null;
    known.now = null;
  }

  onTurn(process: SimProcess): void {
    const known = this.of(process.id);
    const member = process.semisync;
    const core = member?.core ?? null;
    if (member === null || core === null) {
      known.before = null;
      known.now = null;
      return;
    }
    known.before = known.now?.member === member ? known.now : null;
    const { role, term, commitIndex: commit, lastIndex: last } = core;
    const applied = member.appliedIndex;
    const { before } = known;
    const isSame =
      before?.role === role &&
      before.term === term &&
      before.commit === commit &&
      before.applied === applied &&
      before.last === last;
    if (!isSame) known.now = { member, core, role, term, commit, applied, last };
  }
}
