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
import { Orders } from './orders.js';

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
  /** Every checkpoint that its disk ever had. */
  readonly checkpoints: Position[];
  /** Images of folders that were wiped since. */
  readonly lost: SemisyncImage[];
  /** The turn before the last one of the same start of the process, unless its state was replaced meanwhile. */
  before: Sight | null;
  now: Sight | null;
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
  /** The clock of the history that clients write. */
  tick(): number;
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
  /** What leaders have committed: one order, and after promotions by force perhaps several. */
  readonly orders: Orders;
  /** Of entries that were committed, and that a history lacks which goes on without them. */
  readonly lost = new Set<number>();
  /** Called for entries that have left the log of a disk. */
  onLeft: (process: SimProcess, gone: readonly Position[]) => void = () => undefined;
  readonly options: FactsOptions;
  readonly #processes = new Map<ReplicaId, Known>();

  constructor(options: FactsOptions) {
    this.options = options;
    this.histories = new Histories(options.formedWith);
    this.orders = new Orders({
      nowMs: () => options.nowMs(),
      tick: () => options.tick(),
      wasDestroyed: (node) => this.#wasDestroyed(node),
      onLost: (node) => this.#onLost(node),
    });
  }

  /** Something that was acknowledged may be lost, and excused: by force, or because a disk was destroyed. */
  get lossy(): boolean {
    return this.orders.broken;
  }

  #onLost(node: Node): void {
    if (this.lost.has(keyOf(node))) return;
    this.lost.add(keyOf(node));
    if (node.kind === 'commands') this.stats.lost++;
  }

  /** Only what a destroyed disk had held may be missing without force: P counts on what was acknowledged being there. */
  #wasDestroyed(node: Node): boolean {
    for (const [id, { image, lost }] of this.#processes) {
      if (this.options.isDamaged(id) && [image, ...lost].some((folder) => folder.everHeld(node))) return true;
    }
    return false;
  }

  get processes(): ReadonlyMap<ReplicaId, Known> {
    return this.#processes;
  }

  of(id: ReplicaId): Known {
    let known = this.#processes.get(id);
    if (known === undefined) {
      known = { image: new SemisyncImage(), checkpoints: [], lost: [], before: null, now: null };
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

  /** Was it ever on a disk of this replica, whatever has taken its place there since? */
  everHeld(id: ReplicaId, node: Node): boolean {
    const { checkpoints, image, lost } = this.of(id);
    if ([image, ...lost].some((folder) => folder.everHeld(node))) return true;
    return checkpoints.some(({ index, term }) => this.histories.includes(this.histories.of(index, term), node));
  }

  /** The last entry of the history that the member has applied. */
  appliedNode({ appliedIndex, appliedTerm }: SemisyncMember): Node | null {
    return this.histories.of(appliedIndex, appliedTerm);
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
    this.#onCheckpointAt(known, { index, term });
    if (installed) known.now = null;
  }

  onCheckpointFound(process: SimProcess, _group: GroupId, { index, term }: CheckpointMark): void {
    this.#onCheckpointAt(this.of(process.id), { index, term });
  }

  #onCheckpointAt({ checkpoints, image }: Known, at: Position): void {
    image.checkpoint = at;
    if (!checkpoints.some(({ index, term }) => index === at.index && term === at.term)) checkpoints.push(at);
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
