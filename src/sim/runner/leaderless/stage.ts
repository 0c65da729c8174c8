import { unreachable } from '../../../base/assert.js';
import { originOf, type ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import { encodeBatch } from '../../../engines/leaderless/batch-codec.js';
import type { LeaderlessMessage } from '../../../engines/leaderless/messages.js';
import { BatchBuilder } from '../../../kv/index.js';
import { isLeaderless } from '../../../replica/group-member.js';
import { pick } from '../../plan/dice.js';
import { REPLACE_AFTER_MS } from '../../plan/nemesis/machine.js';
import {
  shuffled,
  type Atlas,
  type Forgery,
  type Operator,
  type Stage,
  type Target,
  type Trigger,
} from '../../plan/nemesis/stage.js';
import type { CrashLoss, Observer, SimProcess } from '../../world/types.js';
import { FaultStage, type FaultStageOptions } from '../fault-stage.js';
import { Supervisor } from '../supervisor.js';
import type { Triggers } from '../triggers.js';

export interface LeaderlessStageOptions extends FaultStageOptions {
  readonly triggers: Triggers;
}

/**
 * The stage of one run of a group without a leader: its members never change, any of them stands for "the leader", and
 * somebody whose disk is destroyed comes back under its own id, as a new incarnation.
 */
export class LeaderlessStage extends FaultStage implements Stage {
  readonly atlas: Atlas;
  readonly operator: Operator;
  readonly supervisor: Supervisor;
  readonly #options: LeaderlessStageOptions;
  /** Their disks are not to be trusted until somebody replaces them. */
  readonly #damaged = new Set<ReplicaId>();
  /** Had their disks replaced, or set back, and have not caught up with the others since. */
  readonly #behind = new Set<ReplicaId>();

  constructor(options: LeaderlessStageOptions) {
    super(options);
    this.#options = options;
    const isDamaged = ({ id }: SimProcess): boolean => this.#damaged.has(id);
    this.atlas = { claim: (process) => this.#claim(process), isDamaged };
    this.supervisor = new Supervisor(this.world, options.statistics, isDamaged);
    const nothing = (): void => undefined;
    this.operator = {
      grow: nothing,
      remove: nothing,
      addAgain: nothing,
      transfer: nothing,
      replace: (process) => this.replaceDisk(process),
      changing: false,
    };
  }

  get observer(): Observer {
    const replaced = ({ id }: SimProcess): void => {
      this.#damaged.delete(id);
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

  override end(): void {
    super.end();
    this.#options.triggers.stop();
  }

  leader(): SimProcess | null {
    return null;
  }

  members(): readonly SimProcess[] {
    return [...this.world.processes.values()];
  }

  pick(prng: Prng, target: Target): readonly SimProcess[] {
    const mixed = shuffled(prng, this.members());
    switch (target) {
      case 'leader':
      case 'any':
        return mixed.slice(0, 1);
      case 'follower':
        return mixed.filter(({ state }) => state === 'running').slice(0, 1);
      case 'minority':
        return mixed.slice(0, prng.between(1, Math.max(1, Math.floor((mixed.length - 1) / 2))));
      case 'majority':
        return mixed.slice(0, Math.floor(mixed.length / 2) + 1);
      case 'all':
        return mixed;
      default:
        return unreachable(target);
    }
  }

  once(trigger: Trigger, withinMs: number, task: (process: SimProcess) => void): void {
    this.#options.triggers.once(trigger, withinMs, task);
  }

  crash(process: SimProcess, loss: CrashLoss, restartMs: number): void {
    this.supervisor.crash(process, loss, restartMs);
    if (!process.disk.broken || this.#damaged.has(process.id)) return;
    // It has vouched for what it lacks now, and cannot know: somebody takes the disk away (plan/draw/lies.ts).
    const { statistics } = this.#options;
    this.#damaged.add(process.id);
    statistics.damagedDisks++;
    statistics.lyingDisks++;
    process.examine((refusal) => {
      if (refusal !== null) statistics.liesNoticed++;
      process.wipe();
    });
  }

  loseSync(process: SimProcess, told: () => void): void {
    if (!this.#mayDamage(process)) return;
    process.disk.loseNextSync(() => {
      this.#options.statistics.lostSyncs++;
      told();
    });
  }

  /** An empty disk under the same id. */
  replaceDisk(process: SimProcess): void {
    if (process.state === 'examined' || !this.#damaged.has(process.id)) return;
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

  #claim(process: SimProcess): boolean {
    if (!this.#mayDamage(process)) return false;
    this.#damaged.add(process.id);
    this.#options.statistics.damagedDisks++;
    return true;
  }

  /** Half of the members stay whole: a majority of new ones is taken for a new group (engines/leaderless/start.ts). */
  #mayDamage({ disk, id }: SimProcess): boolean {
    if (this.#damaged.has(id) || disk.lies) return false;
    const others = this.members().filter((other) => other.id !== id);
    const whole = others.filter((other) => this.isWhole(other)).length;
    return others.length === 0 || 2 * whole >= others.length + 1;
  }

  /** Its disk is what it was, or it has caught up since. */
  isWhole({ disk, id }: SimProcess): boolean {
    return !this.#damaged.has(id) && !this.#behind.has(id) && !disk.lies;
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
