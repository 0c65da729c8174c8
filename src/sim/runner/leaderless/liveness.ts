import type { ReplicaId } from '../../../base/brand.js';
import { assertDefined } from '../../../base/assert.js';
import type { Prng } from '../../../base/prng.js';
import { stateOf } from '../../checks/leaderless/convergence.js';
import type { LeaderlessChecks } from '../../checks/leaderless/index.js';
import { nameOf } from '../../checks/leaderless/truth.js';
import type { LeaderlessAnswer } from '../../clients/leaderless/answer.js';
import { leaderlessKeysOf } from '../../clients/leaderless/intent.js';
import type { LeaderlessRequest, LeaderlessWire, SimLevel } from '../../clients/leaderless/wire.js';
import type { Workload } from '../../clients/workload.js';
import { chance, pick } from '../../plan/dice.js';
import { HEALED_CLIENT_LINKS } from '../../plan/healed.js';
import { shuffled } from '../../plan/nemesis/stage.js';
import type { Plan } from '../../plan/plan.js';
import { Violation, type Observer, type SimProcess, type World } from '../../world/types.js';
import { abandon, healWorld, mend, resetLinks, startSoon, type Healing } from '../healing.js';
import { mustAnswer, mustServe, type RunUntil } from '../phases.js';
import { Probe, Service, type Asking, type Dialect } from '../probe.js';
import type { Statistics } from '../statistics.js';
import type { LeaderlessStage } from './stage.js';

export interface LeaderlessLivenessOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly stage: LeaderlessStage;
  readonly wire: LeaderlessWire;
  readonly workload: Pick<Workload, 'drain' | 'ended'>;
  readonly checks: LeaderlessChecks;
  readonly statistics: Statistics;
  readonly prng: Prng;
  readonly run: RunUntil;
}

/**
 * The second phase: any of the replicas, one alone too, are healed and serve again, whatever the others do; those that are
 * up come to the same state within so many rounds of gossip; with everybody up no tombstone is left.
 */
export class LeaderlessLiveness {
  readonly #options: LeaderlessLivenessOptions;
  #core: readonly SimProcess[] = [];
  #healing = false;
  #healedMs = 0;

  constructor(options: LeaderlessLivenessOptions) {
    this.#options = options;
  }

  /** Where clients may go now. */
  get core(): readonly SimProcess[] {
    return this.#core;
  }

  /** Counts what is sent once faults have ended. */
  get observer(): Observer {
    return {
      onMessage: (_process, _group, message) => {
        if (!this.#healing || message.type !== 'gossipDelta') return;
        for (const { encoded } of message.batches) {
          this.#options.statistics.leaderless.healedBytes += encoded.length;
        }
      },
    };
  }

  /** Ends with replicas that serve. Throws Violation. */
  async run(): Promise<void> {
    const { stage, wire, workload } = this.#options;
    this.#core = this.#chooseCore();
    stage.end();
    this.#heal();
    wire.links = HEALED_CLIENT_LINKS;
    workload.drain();
    const services = this.#core.map((process) => this.#serve(process));
    await mustServe(this.#options, 'healed replicas do', services);
  }

  /** One at least that has not begun anew: whoever has must meet one that has not, before it writes (ap.md §1.0.6). */
  #chooseCore(): SimProcess[] {
    const { plan, prng, stage, world } = this.#options;
    const all = shuffled(prng, [...world.processes.values()]);
    if (plan.healAll) return all;
    const { facts } = this.#options.checks;
    const hasWritten = ({ id, leaderless }: SimProcess): boolean =>
      leaderless !== null && facts.of(id).image.seqOf(leaderless.core.origin) > 0;
    const whole = all.filter((process) => stage.isWhole(process));
    const first = whole.find(hasWritten);
    if (first === undefined) return all;
    const others = whole.filter((process) => process !== first);
    const share = pick(prng, [0, 0.3, 0.7]);
    return [first, ...others.filter(() => chance(prng, share))];
  }

  #heal(): void {
    const healing: Healing = { ...this.#options, core: this.#core };
    const { stage, world } = this.#options;
    healWorld(healing, {
      allLinks: true,
      isHealed: (process) => this.#core.includes(process),
      revive: (process) => {
        stage.replaceDisk(process);
        mend(process);
        startSoon(world, process);
      },
      abandon: (process) => abandon(healing, process, 'dead'),
    });
    resetLinks(healing);
    this.#healing = true;
    this.#healedMs = world.time.nowMs;
    this.#countMissing();
  }

  /** What the members of the core lack of each other: what has to be sent, at least. */
  #countMissing(): void {
    const { facts } = this.#options.checks;
    const images = this.#core.map(({ id }) => facts.of(id).image);
    for (const origin of facts.truth.origins) {
      const newest = Math.max(0, ...images.map((image) => image.seqOf(origin)));
      for (const image of images) {
        for (let seq = image.seqOf(origin) + 1; seq <= newest; seq++) {
          this.#options.statistics.leaderless.missingBytes += facts.truth.batch({ origin, seq })?.bytes ?? 0;
        }
      }
    }
  }

  /** A write to one replica at the highest level that the core can meet, and then a read there that must show it. */
  #serve(process: SimProcess): Service<LeaderlessRequest, LeaderlessAnswer> {
    const { plan, prng } = this.#options;
    const members = plan.replicas;
    const levels: SimLevel[] = ['one'];
    if (2 * this.#core.length > members) levels.push('quorum');
    if (this.#core.length === members) levels.push('all');
    return new Service(askingOf(this.#options), process, dialectOf(pick(prng, levels)));
  }

  /** Everybody who is up has everything, and the same of it. Throws Violation. */
  async converge(): Promise<void> {
    const { plan, statistics, world } = this.#options;
    const { gossipMs } = assertDefined(plan.leaderless, 'a plan without a leader');
    const beganMs = world.time.nowMs;
    // Who lacks what only the dead have stays behind it for ever.
    const isReady = (member: SimProcess['leaderless']): boolean =>
      this.#core.length < plan.replicas || member?.core.ready === true;
    const members = (): (string | null)[] =>
      this.#core.map(({ leaderless }) =>
        isReady(leaderless) && leaderless !== null ? vectorOf(stateOf(leaderless)) : null,
      );
    let countFromMs = beganMs;
    const isOne = (): boolean => {
      if (!this.#core.every((process) => this.#exchanges(process))) countFromMs = world.time.nowMs;
      const [first = null, ...others] = members();
      return first !== null && others.every((state) => state === first);
    };
    await this.#options.run(beganMs + plan.livenessMs, isOne);
    if (!isOne()) {
      const said = members().map((state, at) => `${this.#core[at]?.id ?? ''} ${state ?? 'is not ready'}`);
      throw new Violation('convergence', `no agreement within ${plan.livenessMs} ms: ${said.join('; ')}`);
    }
    const rounds = (world.time.nowMs - countFromMs) / gossipMs;
    statistics.leaderless.convergedRounds += rounds;
    const noticed = this.#core.length < plan.replicas ? ROUNDS_TO_NOTICE : 0;
    if (rounds > roundsMax(this.#core.length) + noticed) {
      throw new Violation(
        'convergence-rounds',
        `agreement after ${rounds.toFixed(1)} gossip intervals among ${this.#core.length}`,
      );
    }
    this.#checkBytes();
    this.#checkPresent();
    if (this.#core.length === plan.replicas) await this.#collect(beganMs);
  }

  /**
   * Who stopped once more, and waits to be started, exchanges nothing; and who waits for its disk tells nobody of what is
   * not durable. How long an operation takes is drawn when it begins: what began before the healing is as slow as ever.
   */
  #exchanges({ disk, leaderless }: SimProcess): boolean {
    return leaderless !== null && (disk.busySinceMs ?? this.#healedMs) >= this.#healedMs;
  }

  #checkBytes(): void {
    const { plan, statistics } = this.#options;
    const { healedBytes, missingBytes } = statistics.leaderless;
    if (plan.faults.includes('hostile')) return; // Who believes a lie asks for what does not exist.
    if (healedBytes <= BYTES_FACTOR * missingBytes + BYTES_SLACK) return;
    throw new Violation(
      'bytes-by-difference',
      `${healedBytes} bytes of batches were sent; ${missingBytes} were missing`,
    );
  }

  /** Everything that a client was told is there, but for what went with its disks (and what only the dead have). */
  #checkPresent(): void {
    const { checks } = this.#options;
    const vector = this.#core[0]?.leaderless?.kv.vector;
    const holders = new Set<ReplicaId>(this.#core.map(({ id }) => id));
    for (const dot of checks.promises.acknowledged()) {
      if ((vector?.get(dot.origin) ?? 0) >= dot.seq) continue;
      const held = checks.facts.holders(dot);
      if (this.#core.length < this.#options.plan.replicas && !held.some((id) => holders.has(id))) continue;
      throw new Violation(
        'acknowledged-present',
        `${nameOf(dot)} was told to a client, is on the disks of ${held.join(', ') || 'nobody'}, and is not in the end`,
      );
    }
  }

  /** With everybody up all that was deleted becomes stable, and is forgotten (ap.md §1.0.6). */
  async #collect(beganMs: number): Promise<void> {
    const { plan, world } = this.#options;
    const left = (): number[] => this.#core.map(({ leaderless }) => leaderless?.kv.tombstones.count ?? -1);
    const isClean = (): boolean => left().every((count) => count === 0);
    await this.#options.run(Math.max(world.time.nowMs, beganMs) + 2 * plan.livenessMs, isClean);
    if (isClean()) return;
    const blocked = this.#core.map(({ id, leaderless }, at) => {
      const status = leaderless?.status();
      return `${id} has ${left()[at]}, stable to ${status?.stable}, blocked by ${status?.stableBlockedBy.join(' ')}`;
    });
    throw new Violation('tombstones-collected', `tombstones are left: ${blocked.join('; ')}`);
  }

  /** Every key is read at every replica of the core: what it must show is checked as it is read. */
  async readBack(): Promise<void> {
    const asking = askingOf(this.#options);
    const probes = this.#core.flatMap((process) =>
      leaderlessKeysOf(this.#options.plan.clients).map((key) => {
        return new Probe(
          asking,
          () => process,
          { type: 'read', key, level: 'one', seen: null },
          () => undefined,
        );
      }),
    );
    await mustAnswer(this.#options, 'replicas that served do', probes);
    const roots = new Set(this.#core.map(({ leaderless }) => leaderless?.kv.root().hash));
    if (roots.size > 1 && new Set(this.#core.map(({ leaderless }) => leaderless && stateOf(leaderless))).size === 1) {
      throw new Violation('convergence', 'equal vectors, and states that differ');
    }
  }
}

/** Rounds of gossip within which those who are up agree, from when they serve (ap.md §1.0.4: logarithmic, and a tail). */
function roundsMax(members: number): number {
  return ROUNDS_BASE + ROUNDS_PER_DOUBLING * Math.ceil(Math.log2(Math.max(1, members)));
}
const ROUNDS_BASE = 8;
const ROUNDS_PER_DOUBLING = 4;
/** Where somebody is dead behind a link that stands: until its silence tells (phi 8 of an exponential distribution). */
const ROUNDS_TO_NOTICE = 19;
/** Each batch may come from several members at once, and what clients still write is sent as well. */
const BYTES_FACTOR = 8;
const BYTES_SLACK = 32_768;

function vectorOf(state: string): string {
  return state.split(' collected ')[0] ?? '';
}

type Asked = Pick<LeaderlessLivenessOptions, 'world' | 'wire' | 'plan'>;

/** A replica tells by itself that its time is up; the rest is for the way. */
const ON_THE_WAY_MS = 200;

function askingOf({ plan, wire, world }: Asked): Asking<LeaderlessRequest, LeaderlessAnswer> {
  return {
    time: world.time,
    wire,
    timeoutMs: plan.knobs.requestTimeoutMs + ON_THE_WAY_MS,
    timedOut: { type: 'timeout' },
    isFinal: ({ type }) => type === 'written' || type === 'read',
  };
}

function dialectOf(level: SimLevel): Dialect<LeaderlessRequest, LeaderlessAnswer> {
  return {
    write: (key, value) => ({ type: 'write', key, level, seen: null, value, ttlMs: null, context: [] }),
    read: (key) => ({ type: 'read', key, level: 'one', seen: null }),
    shows: (answer, value) => answer.type === 'read' && answer.shown.values.some((shown) => shown.value === value),
    tell: (answer) => ({ ...answer, vector: undefined }),
    standing: ({ leaderless, state }) => (leaderless === null ? state : leaderless.status().state),
  };
}
