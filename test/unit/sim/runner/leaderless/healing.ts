import type { ReplicaId } from '../../../../../src/base/brand.js';
import { createPrng } from '../../../../../src/base/prng.js';
import type { LeaderlessAnswer } from '../../../../../src/sim/clients/leaderless/answer.js';
import type { LeaderlessRequest } from '../../../../../src/sim/clients/leaderless/wire.js';
import {
  LeaderlessLiveness,
  type LeaderlessLivenessOptions,
} from '../../../../../src/sim/runner/leaderless/liveness.js';
import { createStatistics } from '../../../../../src/sim/runner/statistics.js';
import { Excused, Violation, type SimProcess } from '../../../../../src/sim/world/types.js';
import { FakeTime } from '../../clients/fake.js';
import { A, dot, GROUP, Stage, type FakeMember, type FakeProcess } from '../../checks/leaderless/stage.js';

export const GOSSIP_MS = 10;
export const LIVENESS_MS = 1000;

export interface HealingOptions {
  /** Who is healed; the others stay dead. All, unless said otherwise. */
  readonly core?: readonly string[];
  readonly hostile?: boolean;
  /** Among the clients is one that waits for ever. */
  readonly stuck?: boolean;
  /** What a replica answers; null: nothing. */
  readonly answer?: (id: ReplicaId, request: LeaderlessRequest) => LeaderlessAnswer | null;
  /** Of the dice that choose the core. */
  readonly seed?: number;
}

const nothing = (): void => undefined;

class FakeDisk {
  faults = null;
  busySinceMs: number | null = null;
}

/** The second phase of a run, with everything around it made up: three processes that agree and serve, unless told otherwise. */
export class Healing {
  readonly time = new FakeTime();
  readonly stage = new Stage();
  readonly liveness: LeaderlessLiveness;
  readonly #written = new Map<string, string>();

  constructor(options: HealingOptions = {}) {
    const { core = ['n1', 'n2', 'n3'], hostile = false, seed = 1, stuck = false } = options;
    const processes = new Map(['n1', 'n2', 'n3'].map((id) => [id, this.#process(id)]));
    const network = { faults: null, healAll: nothing, reset: nothing };
    const stage = {
      end: nothing,
      supervisor: { hold: nothing },
      crash: nothing,
      cut: nothing,
      replaceDisk: nothing,
      isWhole: ({ id }: SimProcess) => core.includes(id),
    };
    const plan = {
      replicas: 3,
      healAll: core.length === 3,
      faults: hostile ? ['hostile'] : [],
      livenessMs: LIVENESS_MS,
      leaderless: { gossipMs: GOSSIP_MS },
      knobs: { requestTimeoutMs: 100 },
      clients: [],
    };
    const wire = {
      links: null,
      send: (process: SimProcess, request: LeaderlessRequest, onAnswer: (answer: LeaderlessAnswer) => void) => {
        const answer = (options.answer ?? ((_id, asked) => this.serves(asked)))(process.id, request);
        return answer === null ? nothing : this.time.after(1, () => onAnswer(answer));
      },
    };
    this.liveness = new LeaderlessLiveness({
      plan,
      world: { time: this.time, processes, network },
      stage,
      wire,
      workload: { ended: !stuck, drain: nothing },
      checks: this.stage.checks,
      statistics: createStatistics(),
      prng: createPrng(seed),
      run: (untilMs: number, stop: () => boolean) => this.time.run(untilMs, stop),
    } as unknown as LeaderlessLivenessOptions);
  }

  /** With just these in the core: who else is whole comes in by chance. */
  static async of(core: readonly string[], prepare: (healing: Healing) => unknown = nothing): Promise<Healing> {
    for (let seed = 1; ; seed++) {
      const healing = new Healing({ core, seed });
      for (const id of core) healing.stage.checkpoint(id, [dot(healing.member(id).origin, 1)]);
      prepare(healing);
      await healing.liveness.run();
      if (healing.liveness.core.length === core.length) return healing;
    }
  }

  #process(id: string): FakeProcess {
    const machine = { resume: nothing, slow: nothing, setClock: nothing, start: nothing, disk: new FakeDisk() };
    this.stage.member(id).origin = `${id}~x` as typeof A;
    return Object.assign(this.stage.process(id), machine);
  }

  disk(id: string): FakeDisk {
    return (this.stage.process(id) as FakeProcess & { readonly disk: FakeDisk }).disk;
  }

  member(id: string): FakeMember {
    return this.stage.member(id);
  }

  /** What a replica that is well answers. */
  serves(request: LeaderlessRequest): LeaderlessAnswer {
    const vector = new Map();
    if (request.type === 'write') {
      this.#written.set(request.key, request.value ?? '');
      return { type: 'written', dot: dot(A, 1), counter: 1, vector };
    }
    const value = this.#written.get(request.key);
    const values = value === undefined ? [] : [{ value, dot: dot(A, 1) }];
    return { type: 'read', shown: { values, dots: null, counter: 1 }, vector };
  }

  /** So many bytes of batches leave a replica. */
  sends(bytes: number): void {
    const batches = [{ encoded: new Uint8Array(bytes) }];
    const process = this.stage.process('n1') as unknown as SimProcess;
    this.liveness.observer.onMessage?.(process, GROUP, { type: 'gossipDelta', batches } as never);
  }

  /** Every millisecond something happens; at `atMs` from now that, too. */
  at(atMs: number, task: () => void): void {
    for (let ms = 1; ms <= 2 * LIVENESS_MS; ms++) this.time.after(ms, ms === atMs ? task : nothing);
  }

  static async broken(act: () => Promise<unknown>): Promise<string | null> {
    try {
      await act();
      return null;
    } catch (error) {
      if (error instanceof Violation) return error.invariant;
      if (error instanceof Excused) return 'excused';
      throw error;
    }
  }
}
