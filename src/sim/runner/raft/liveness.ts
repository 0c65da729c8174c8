import type { Prng } from '../../../base/prng.js';
import type { Answer } from '../../clients/answer.js';
import type { History } from '../../clients/history.js';
import { commandOf, keysOf } from '../../clients/intent.js';
import type { ClientWire, Request } from '../../clients/wire.js';
import type { Workload } from '../../clients/workload.js';
import { chance, pick } from '../../plan/dice.js';
import { HEALED_CLIENT_LINKS } from '../../plan/healed.js';
import { shuffled } from '../../plan/nemesis/stage.js';
import type { Plan } from '../../plan/plan.js';
import type { SimProcess, World } from '../../world/types.js';
import type { Healing } from '../healing.js';
import { askingOf, healOrdered, readLast, stopOthers } from '../ordered.js';
import { mustServe, type RunUntil } from '../phases.js';
import { Service, type Dialect } from '../probe.js';
import type { RaftStage } from './stage.js';
import { decides, lists, withPending, type View } from './view.js';

export interface RaftLivenessOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly view: View;
  readonly stage: RaftStage;
  readonly wire: ClientWire;
  readonly workload: Workload;
  readonly history: History;
  readonly prng: Prng;
  readonly run: RunUntil;
}

const DIALECT: Dialect<Request, Answer> = {
  write: (key, value) => ({
    type: 'write',
    command: commandOf({ kind: 'put', key, value }, { clientId: key, seq: 1 }),
  }),
  read: (key) => ({ type: 'read', key, consistency: 'linearizable' }),
  shows: (answer, value) => answer.type === 'read' && answer.value === value,
  tell: (answer) => answer,
  standing: ({ member, state }) => (member === null ? state : `${member.raft.role} of term ${member.raft.term}`),
};

/**
 * The second phase (TigerBeetle's): a random core that can decide is healed, and must serve again within some election
 * timeouts, whatever the others do. Safety checks never notice a group that stands still.
 */
export class RaftLiveness {
  readonly #options: RaftLivenessOptions;
  #core: readonly SimProcess[] = [];

  constructor(options: RaftLivenessOptions) {
    this.#options = options;
  }

  /** Where clients may go now. */
  get core(): readonly SimProcess[] {
    return this.#core;
  }

  /** Ends with a group that serves. Throws Violation. */
  async run(): Promise<void> {
    const { prng, stage, wire, workload } = this.#options;
    this.#core = this.#chooseCore();
    stage.end();
    for (const process of this.#core) if (this.#isStranded(process)) this.#inform(process);
    healOrdered(this.#healing, () => pick(prng, ['dead', 'dead', 'cut off', 'deaf', 'mute'] as const));
    wire.links = HEALED_CLIENT_LINKS;
    workload.drain();
    const asking = askingOf(this.#options);
    const services = this.#core.map((process) => new Service(asking, process, DIALECT));
    const isServed = ({ process, served }: Service<Request, Answer>): boolean => served || !this.#isMember(process);
    await mustServe(this.#options, 'a healed quorum does', services, isServed);
  }

  /** Intact replicas in random order, until they decide in every membership that may be in force. */
  #chooseCore(): SimProcess[] {
    const { prng, stage, view } = this.#options;
    const live = view.live().map(({ membership }) => membership);
    // A cluster is formed by all of its first replicas (raft.md M5): before that, all of them are needed.
    if (live.length === 0) return view.members();
    const core: SimProcess[] = [];
    const possible = withPending(live, stage.operator.pending);
    const isEnough = (): boolean =>
      possible.every((membership) => decides(membership, (id) => core.some((each) => each.id === id)));
    for (const process of shuffled(prng, view.members())) {
      if (stage.atlas.isDamaged(process)) continue;
      if (isEnough() && !chance(prng, 0.3)) continue;
      core.push(process);
    }
    return core;
  }

  get #healing(): Healing {
    return { ...this.#options, core: this.#core };
  }

  /** A removal that was under way may still take somebody out of the core. */
  #isMember({ id }: SimProcess): boolean {
    const committed = this.#options.view.committed();
    return committed === null || lists(committed.membership, id);
  }

  /** Whom it knew of has left while it was away: nobody is left to vouch for the others (docs/protocol.md, Vouching). */
  #isStranded({ id, listed, member }: SimProcess): boolean {
    const known = [...listed, ...(member?.raft.membership.membership.members ?? []).map((info) => info.id)];
    return this.#core.length > 1 && !this.#core.some((other) => other.id !== id && known.includes(other.id));
  }

  /** What operators then do (docs/operations.md): a newer topology file, and a restart. */
  #inform(process: SimProcess): void {
    process.inform(this.#core.map(({ id }) => id));
    if (process.state === 'running' || process.state === 'paused') this.#options.stage.crash(process, 'nothing', 0);
  }

  /** Every running member has what the leader has; otherwise whoever checks next says what differs. */
  async converge(): Promise<void> {
    const { plan, view, world } = this.#options;
    stopOthers(this.#healing);
    await this.#options.run(world.time.nowMs + plan.livenessMs, () => {
      const led = view.leader()?.member ?? null;
      if (led === null || led.raft.commitIndex < led.raft.lastIndex) return false;
      const { membership } = led.raft.committedMembership;
      return [...world.processes.values()]
        .filter(({ id, state }) => lists(membership, id) && state !== 'down' && state !== 'refused')
        .every(({ member }) => member?.appliedIndex === led.appliedIndex && led.appliedIndex === led.raft.commitIndex);
    });
  }

  /** Reads every key once more: what was acknowledged must be there, and what the history says. */
  async readBack(): Promise<ReadonlyMap<string, number>> {
    const { history, plan, prng } = this.#options;
    const { counters, registers } = keysOf(plan.clients);
    const finals = new Map<string, number>();
    const choose = (): SimProcess => {
      const members = this.#core.filter((process) => this.#isMember(process));
      return pick(prng, members.length > 0 ? members : this.#core);
    };
    await readLast({
      ...this.#options,
      asking: askingOf(this.#options),
      keys: [...registers, ...counters],
      consistency: 'linearizable',
      choose,
      onRead: (key, { value }, call) => {
        if (counters.includes(key)) finals.set(key, Number(value ?? '0'));
        else {
          const end = history.tick();
          history.operations.push({ client: 'last', kind: 'get', key, value, call, return: end, outcome: 'ok' });
        }
      },
    });
    return finals;
  }
}
