import type { FaultCluster, FaultReplica } from './fault-cluster.js';
import type { PipeFaults } from './fault-pipe.js';
import type { ProxyNetwork } from './network.js';
import { isolate, majoritiesRing, partPair, split } from './partitions.js';

/** What a fault works on. Replicas are picked by the plan; who leads is found out when the fault begins. */
export interface Scene {
  readonly cluster: FaultCluster;
  readonly network: ProxyNetwork;
  /** The replicas in an order that the plan has drawn. */
  readonly order: readonly string[];
  /** The leader, or the first of the order while there is none. */
  readonly leader: FaultReplica;
}

export type Act = (scene: Scene) => void | Promise<void>;

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
export const NETWORK_FAULTS = {
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
export const PROCESS_FAULTS = {
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
