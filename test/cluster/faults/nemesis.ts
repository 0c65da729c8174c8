import { assertDefined } from '../../../src/base/assert.js';
import type { Prng } from '../../../src/base/prng.js';
import type { FaultCluster, FaultReplica } from './fault-cluster.js';
import type { PipeFaults } from './fault-pipe.js';
import type { ProxyNetwork } from './network.js';
import { isolate, majoritiesRing, partPair, split } from './partitions.js';

/** What a fault works on. Replicas are picked by the plan; who leads is found out when the fault begins. */
interface Scene {
  readonly cluster: FaultCluster;
  readonly network: ProxyNetwork;
  /** The replicas in an order that the plan has drawn. */
  readonly order: readonly string[];
  /** The leader, or the first of the order while there is none. */
  readonly leader: FaultReplica;
}

type Act = (scene: Scene) => void | Promise<void>;

function shape(faults: Partial<PipeFaults>): Act {
  return ({ network }) => {
    for (const link of network.links) link.setBoth(faults);
  };
}

function someLinks({ network, order }: Scene, faults: Partial<PipeFaults>): void {
  const [from = '', to = ''] = order;
  network.affect(from, to, faults);
}

/** Which replicas make up a majority: the first ones of the order. */
function majority({ cluster, order }: Scene): FaultReplica[] {
  return order.slice(0, Math.floor(order.length / 2) + 1).map((id) => cluster.replica(id));
}

/** Faults of the network (reliability.md §2.1). */
const NETWORK_FAULTS = {
  isolateLeader: ({ leader, network }) => isolate(network, leader.id, 'both'),
  deafenLeader: ({ leader, network }) => isolate(network, leader.id, 'in'),
  muteLeader: ({ leader, network }) => isolate(network, leader.id, 'out'),
  isolateOne: ({ network, order }) => isolate(network, order[0] ?? '', 'both'),
  split: (scene) => split(scene.network, new Set(majority(scene).map(({ id }) => id))),
  majoritiesRing: ({ network, order }) => majoritiesRing(network, order),
  partPair: ({ network, order: [a = '', b = ''] }) => partPair(network, a, b),
  cutOneWay: (scene) => someLinks(scene, { cut: true }),
  everybodyAlone: ({ network, order }) => {
    for (const id of order) isolate(network, id, 'both');
  },
  delay: shape({ delayMs: 10, jitterMs: 60 }),
  delayLeader: ({ leader, network, order }) => {
    for (const id of order) if (id !== leader.id) network.affect(leader.id, id, { delayMs: 100, jitterMs: 200 });
  },
  throttle: shape({ bytesPerSecond: 50_000 }),
  segments: shape({ segmentBytes: 1 }),
  coalesce: shape({ coalesceMs: 40 }),
  corrupt: shape({ corruptEveryBytes: 5000 }),
  halfOpen: async ({ leader, network, order }) => {
    for (const id of order) if (id !== leader.id) network.affect(leader.id, id, { swallow: true });
    await network.heal();
  },
  reset: ({ network }) => {
    for (const link of network.links) link.reset();
  },
  refuse: async ({ network, order: [one = '', ...others] }) => {
    await Promise.all(others.map((other) => network.link(other, one).refuse()));
  },
} as const satisfies Record<string, Act>;

/** Faults of processes (reliability.md §2.2). */
const PROCESS_FAULTS = {
  killLeader: ({ leader }) => leader.process.kill(),
  killOne: ({ cluster, order }) => cluster.replica(order[0] ?? '').process.kill(),
  killMajority: async (scene) => {
    await Promise.all(majority(scene).map(({ process }) => process.kill()));
  },
  killAll: async ({ cluster }) => {
    await Promise.all(cluster.replicas.map(({ process }) => process.kill()));
  },
  killAndRestartLeader: async ({ leader }) => {
    await leader.process.kill();
    await leader.process.start();
  },
  drainLeader: async ({ leader }) => {
    await leader.process.drain();
  },
  pauseLeader: ({ leader }) => leader.process.pause(),
  pauseOne: ({ cluster, order }) => cluster.replica(order[0] ?? '').process.pause(),
  pauseMajority: (scene) => {
    for (const { process } of majority(scene)) process.pause();
  },
  transferLeader: async ({ leader, order }) => {
    const target = order.find((id) => id !== leader.id);
    const body = JSON.stringify({ target });
    const headers = { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(3000);
    const sent = fetch(`${leader.http}/admin/transfer-leader`, { method: 'POST', headers, body, signal });
    // It may be refused, or fail half-way: that is part of it.
    await sent.then((answer) => answer.arrayBuffer()).catch(() => undefined);
  },
} as const satisfies Record<string, Act>;

const ACTS = { ...NETWORK_FAULTS, ...PROCESS_FAULTS };
export type FaultKind = keyof typeof ACTS;

const NETWORK_KINDS = Object.keys(NETWORK_FAULTS) as FaultKind[];
const PROCESS_KINDS = Object.keys(PROCESS_FAULTS) as FaultKind[];
export const FAULT_KINDS: readonly FaultKind[] = [...NETWORK_KINDS, ...PROCESS_KINDS];

/** One step of a plan: what is done, to whom, for how long, and how long nothing is done afterwards. */
export interface PlannedFault {
  readonly kinds: readonly FaultKind[];
  readonly order: readonly string[];
  readonly lastsMs: number;
  readonly restMs: number;
}

export interface PlanOptions {
  readonly lastsMs: readonly [min: number, max: number];
  readonly restMs: readonly [min: number, max: number];
}

/** The same seed gives the same plan. Every third fault is one of the network together with one of a process. */
export function* faultPlan(prng: Prng, ids: readonly string[], options: PlanOptions): Generator<PlannedFault, never> {
  const pick = (kinds: readonly FaultKind[]): FaultKind =>
    assertDefined(kinds[prng.between(0, kinds.length - 1)], 'there are kinds');
  for (;;) {
    const kinds = prng.between(0, 2) === 0 ? [pick(NETWORK_KINDS), pick(PROCESS_KINDS)] : [pick(FAULT_KINDS)];
    const order = shuffled(prng, ids);
    yield { kinds, order, lastsMs: prng.between(...options.lastsMs), restMs: prng.between(...options.restMs) };
  }
}

function shuffled(prng: Prng, ids: readonly string[]): string[] {
  const order = [...ids];
  for (let at = order.length - 1; at > 0; at--) {
    const other = prng.between(0, at);
    [order[at], order[other]] = [order[other] ?? '', order[at] ?? ''];
  }
  return order;
}

/** Carries a plan out, and counts. */
export class Nemesis {
  readonly injected: Record<string, number> = {};
  readonly #cluster: FaultCluster;
  readonly #network: ProxyNetwork;

  constructor(cluster: FaultCluster, network: ProxyNetwork) {
    this.#cluster = cluster;
    this.#network = network;
  }

  /** Rejects when the cluster does not recover after the fault: that is a failure of the cluster. */
  async carryOut(fault: PlannedFault): Promise<void> {
    const [cluster, network] = [this.#cluster, this.#network];
    for (const kind of fault.kinds) {
      const leader = (await cluster.findLeader()) ?? cluster.replica(fault.order[0] ?? '');
      await ACTS[kind]({ cluster, network, order: fault.order, leader });
      this.injected[kind] = (this.injected[kind] ?? 0) + 1;
    }
    await lasting(fault.lastsMs);
    await cluster.heal();
    await lasting(fault.restMs);
  }
}

function lasting(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
