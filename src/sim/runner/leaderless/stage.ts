import { originOf, type ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import { encodeBatch } from '../../../engines/leaderless/batch-codec.js';
import type { LeaderlessMessage } from '../../../engines/leaderless/messages.js';
import { BatchBuilder } from '../../../kv/index.js';
import { isLeaderless } from '../../../replica/group-member.js';
import { pick } from '../../plan/dice.js';
import { REPLACE_AFTER_MS } from '../../plan/nemesis/machine.js';
import type { Forgery, Operator, Stage, Target } from '../../plan/nemesis/stage.js';
import type { CrashLoss, Observer, SimProcess } from '../../world/types.js';
import { DiskAtlas } from '../atlas.js';
import { FaultStage, type FaultStageOptions } from '../fault-stage.js';
import { IDLE_OPERATOR } from '../idle-operator.js';
import { Supervisor } from '../supervisor.js';
import { pickTarget } from '../targets.js';

/**
 * The stage of one run of a group without a leader: its members never change, any of them stands for "the leader", and
 * somebody whose disk is destroyed comes back under its own id, as a new incarnation.
 */
export class LeaderlessStage extends FaultStage implements Stage {
  /** Disks in it are not to be trusted until somebody replaces them. */
  readonly atlas: DiskAtlas;
  readonly operator: Operator = { ...IDLE_OPERATOR, replace: (process) => this.replaceDisk(process) };
  readonly supervisor: Supervisor;
  /** Had their disks replaced, or set back, and have not caught up with the others since. */
  readonly #behind = new Set<ReplicaId>();

  constructor(options: FaultStageOptions) {
    super(options);
    this.atlas = new DiskAtlas(options.statistics, (process) => this.#mayDamage(process));
    this.supervisor = new Supervisor(this.world, options.statistics, this.atlas.isDamaged);
  }

  get observer(): Observer {
    const replaced = ({ id }: SimProcess): void => {
      this.atlas.forget(id);
      this.#behind.add(id);
    };
    return {
      onWiped: replaced,
      onRolledBack: replaced,
      onTurn: ({ id, leaderless }) => {
        if (this.#behind.size > 0 && leaderless?.core.ready === true) this.#behind.delete(id);
      },
    };
  }

  leader(): SimProcess | null {
    return null;
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

  /** An empty disk under the same id. */
  replaceDisk(process: SimProcess): void {
    if (process.state === 'examined' || !this.atlas.has(process.id)) return;
    this.supervisor.crash(process, 'nothing', REPLACE_AFTER_MS);
    process.wipe();
    if (process.state === 'refused') process.start();
  }

  forge(process: SimProcess, what: Forgery, counter: number, prng: Prng): void {
    const others = this.members().filter((other) => other !== process && other.leaderless !== null);
    if (others.length === 0) return;
    const message = forgeryOf(process, pick(prng, others), what, counter);
    process.request((_keyspace, member) => {
      if (isLeaderless(member) && message !== null) member.onMessage(message);
    });
  }

  /** Half of the members stay whole: a majority of new ones is taken for a new group (engines/leaderless/start.ts). */
  #mayDamage(process: SimProcess): boolean {
    if (!this.atlas.isSound(process)) return false;
    const others = this.members().filter((other) => other !== process);
    const whole = others.filter((other) => this.isWhole(other)).length;
    return others.length === 0 || 2 * whole >= others.length + 1;
  }

  /** Its disk is what it was, or it has caught up since. */
  isWhole(process: SimProcess): boolean {
    return this.atlas.isSound(process) && !this.#behind.has(process.id);
  }
}

/** As if `from` had sent it, which goes on as it was: only the counter cannot be. */
function forgeryOf(to: SimProcess, from: SimProcess, what: Forgery, counter: number): LeaderlessMessage | null {
  const { leaderless } = from;
  if (leaderless === null) return null;
  const names = { from: from.id, to: to.id };
  if (what === 'digest') {
    const { boot, origin } = leaderless.core;
    const vector = [{ origin, seq: 0, boot: 0, first: 1 }];
    const claims = { vector, counter, clock: counter, heard: [{ origin, counter }], pull: [], pending: [] };
    const rounds = { round: 0, answers: 0, respond: false };
    return {
      type: 'gossipDigest',
      ...names,
      origin,
      boot,
      ...claims,
      ...rounds,
      creditBytes: 0,
      syncing: false,
      root: null,
    };
  }
  const origin = originOf(from.id, '0000000000000001');
  const builder = new BatchBuilder();
  builder.addCommand({ operations: [{ op: 'put', key: 'k0', value: Buffer.from('forged') }] });
  const header = { origin, seq: 1, boot: 1, counter, commands: 1, dependencies: [], wallMs: 0 };
  const { encoded } = encodeBatch(header, builder.take());
  return { type: 'gossipDelta', ...names, batches: [{ origin, seq: 1, boot: 1, encoded }], more: false };
}
