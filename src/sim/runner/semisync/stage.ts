import type { ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import type { Promotion } from '../../../replica/router.js';
import { newestLeader } from '../../checks/semisync/convergence.js';
import { guarded } from '../../clients/courier.js';
import { pick } from '../../plan/dice.js';
import type { QuorumOperator, Stage, Target } from '../../plan/nemesis/stage.js';
import type { CrashLoss, SimProcess } from '../../world/types.js';
import { DiskAtlas } from '../atlas.js';
import { FaultStage, type FaultStageOptions } from '../fault-stage.js';
import { IDLE_OPERATOR } from '../idle-operator.js';
import { Supervisor } from '../supervisor.js';
import { pickTarget } from '../targets.js';

export interface SemisyncStageOptions extends FaultStageOptions {
  readonly prng: Prng;
  readonly onPromoted: (process: SimProcess, promotion: Promotion) => void;
}

/** How often an operator looks whether somebody leads. */
const WATCH_MS = 100;
/** Attempts at a promotion that loses nothing, before it is forced: only where force has been used before. */
const GENTLE_MAX = 4;

/**
 * The stage of one run of a leader-follower group. Its members never change: whoever loses its disk is gone for good. An
 * operator promotes somebody when nobody leads, where only he may, or where force has left members that do not count.
 */
export class SemisyncStage extends FaultStage implements Stage {
  readonly atlas: DiskAtlas;
  readonly operator = IDLE_OPERATOR;
  readonly quorums: QuorumOperator;
  readonly supervisor: Supervisor;
  readonly #options: SemisyncStageOptions;
  /** Seen to have committed something. */
  readonly #formed = new Set<ReplicaId>();
  readonly #smallestQuorum: number;
  #largestQuorum: number;
  #forced = false;
  #reach: readonly SimProcess[] | null = null;
  #leaderless = 0;
  #attempts = 0;
  /** Who has been asked to lead and has not answered, in which of its lives. */
  readonly #asked = new Map<ReplicaId, object>();

  constructor(options: SemisyncStageOptions) {
    super(options);
    this.#options = options;
    const { semisync } = options.plan;
    this.#smallestQuorum = semisync?.allowAsync === true ? 0 : 1;
    this.#largestQuorum = Math.max(1, semisync?.writeQuorum ?? 1);
    this.atlas = new DiskAtlas(options.statistics, () => this.#mayDamage());
    this.supervisor = new Supervisor(this.world, options.statistics, this.atlas.isDamaged);
    this.quorums = {
      setQuorum: (share) => this.#setQuorum(share),
      promote: (process, force) => this.#promote(process, force),
    };
  }

  /** Somebody has been promoted by force: some members may not count. */
  get forced(): boolean {
    return this.#forced;
  }

  /** A promotion is under way that was asked for before. */
  get promoting(): boolean {
    return this.members().some(({ id, keyspace }) => keyspace !== null && this.#asked.get(id) === keyspace);
  }

  /** Everybody was seen to be part of the group, which takes all of them to be formed (raft.md M5). */
  get formed(): boolean {
    return this.members().every(({ id }) => this.#formed.has(id));
  }

  /** Members that must run for promotions, and for the largest write quorum that may be in force. */
  get needed(): number {
    const size = this.members().length;
    return Math.max(Math.floor(size / 2) + 1, size - this.#smallestQuorum, this.#largestQuorum + 1);
  }

  /** Goes on until the world ends: patience is what faults try, and what healing needs. */
  watch(): void {
    const { plan, prng } = this.#options;
    const [, electionMs] = plan.knobs.electionTimeoutMs;
    for (const process of this.members()) if (isFormed(process)) this.#formed.add(process.id);
    this.#leaderless = this.#leads() === null ? this.#leaderless + 1 : 0;
    if (this.#leaderless === 0) this.#attempts = 0;
    const patience = Math.ceil((4 * electionMs) / WATCH_MS) + 2;
    const mayAct = plan.semisync?.promotion === 'manual' || this.#forced;
    if (mayAct && this.#leaderless >= patience) {
      this.#leaderless = 1;
      this.#attempts++;
      const running = this.#reached().filter(({ state }) => state === 'running');
      if (running.length > 0) {
        const force = this.#forced && this.#attempts > GENTLE_MAX;
        this.#promote(force ? mostAdvanced(running) : pick(prng, running), force);
      }
    }
    this.world.time.after(WATCH_MS, () => this.watch());
  }

  /** An operator who can reach these only: the others may go on as they like. */
  reach(processes: readonly SimProcess[]): void {
    this.#reach = processes;
  }

  #reached(): readonly SimProcess[] {
    return this.#reach ?? this.members();
  }

  #leads(): SimProcess | null {
    const running = this.#reached().filter(({ state }) => state === 'running');
    return newestLeader(running) ?? null;
  }

  leader(): SimProcess | null {
    const running = this.members().filter(({ state }) => state === 'running');
    return newestLeader(running) ?? null;
  }

  members(): readonly SimProcess[] {
    return [...this.world.processes.values()];
  }

  pick(prng: Prng, target: Target): readonly SimProcess[] {
    return pickTarget(prng, target, this.members(), this.leader());
  }

  crash(process: SimProcess, loss: CrashLoss, restartMs: number): void {
    this.supervisor.crash(process, loss, restartMs);
    this.atlas.takeAwayBroken(process);
  }

  /** There are no clocks to be told, and a ballot names its owner. */
  forge(): void {}

  /**
   * One disk in a run, and only where the others suffice without it for ever: for promotions with the smallest write quorum
   * that may be in force, and for writes with the largest. Not before the group is formed: that takes all of them.
   */
  #mayDamage(): boolean {
    const members = this.members();
    if (this.atlas.count > 0 || members.some(({ disk }) => disk.lies)) return false;
    return members.every((each) => isFormed(each)) && members.length - 1 >= this.needed;
  }

  #setQuorum(share: number): void {
    const { statistics } = this.#options;
    const gone = this.atlas.count + this.members().filter(({ disk }) => disk.lies).length;
    const largest = Math.max(1, this.members().length - 1 - gone);
    const writeQuorum = Math.round(this.#smallestQuorum + share * (largest - this.#smallestQuorum));
    this.#largestQuorum = Math.max(this.#largestQuorum, writeQuorum);
    this.leader()?.request((keyspace) => {
      keyspace.semisync?.setWriteQuorum(writeQuorum).then(
        () => statistics.semisync.quorumChanges++,
        () => statistics.semisync.quorumRefusals++,
      );
    });
  }

  #promote(process: SimProcess, force: boolean): void {
    const { onPromoted, statistics } = this.#options;
    const asked = process.request((keyspace) => {
      const { semisync } = keyspace;
      if (semisync === null) return;
      this.#asked.set(process.id, keyspace);
      semisync.promote(force).then(
        (promotion) => {
          this.#asked.delete(process.id);
          statistics.semisync.promotions++;
          if (promotion.lossPossible) statistics.semisync.forced++;
          guarded(this.world, () => onPromoted(process, promotion));
          return null;
        },
        () => {
          this.#asked.delete(process.id);
          statistics.semisync.promotionsRefused++;
        },
      );
    });
    if (asked && force) this.#forced = true;
  }
}

/** It has something of the group's log. */
function isFormed({ semisync }: SimProcess): boolean {
  return (semisync?.core?.commitIndex ?? 0) > 0;
}

/** Whom an operator would choose where only force is left: of those that can stand, the one with the greatest log. */
function mostAdvanced(running: readonly SimProcess[]): SimProcess {
  const greatness = ({ semisync }: SimProcess): readonly [number, number, number] => {
    const core = semisync?.core ?? null;
    if (core === null) return [-1, 0, 0];
    return [core.status().diverged ? 0 : 1, core.termOf(core.lastIndex) ?? 0, core.lastIndex];
  };
  return running.reduce((best, process) => {
    const [a, b] = [greatness(best), greatness(process)];
    const at = a.findIndex((value, index) => value !== b[index]);
    return at >= 0 && (b[at] ?? 0) > (a[at] ?? 0) ? process : best;
  });
}
