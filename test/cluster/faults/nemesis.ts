import { NETWORK_FAULTS, PROCESS_FAULTS } from './acts.js';
import { Changes, type Sizes } from './changes.js';
import type { FaultCluster } from './fault-cluster.js';
import type { ProxyNetwork } from './network.js';
import { Operator } from './operator.js';
import { isMemberKind, type PlannedFault } from './plan.js';

const ACTS = { ...NETWORK_FAULTS, ...PROCESS_FAULTS };
/** A change takes at most so many spare replicas: one that it adds, and one instead of another one. */
const SPARE_PER_CHANGE = 2;
const RESTOCK = 6;

/** Carries a plan out, and counts. */
export class Nemesis {
  readonly injected: Record<string, number> = {};
  readonly operator: Operator;
  readonly #cluster: FaultCluster;
  readonly #network: ProxyNetwork;
  readonly #changes: Changes;

  /** With changes of members only where there are spare replicas to begin with. */
  constructor(cluster: FaultCluster, network: ProxyNetwork, sizes: Sizes = [3, 5]) {
    this.#cluster = cluster;
    this.#network = network;
    this.operator = new Operator(cluster);
    this.#changes = new Changes(cluster, this.operator, sizes);
  }

  /** Rejects when the cluster does not recover after the fault: that is a failure of the cluster. */
  async carryOut(fault: PlannedFault): Promise<void> {
    const [cluster, network] = [this.#cluster, this.#network];
    if (fault.kinds.some(isMemberKind)) await this.#restock();
    const rests: (() => Promise<void>)[] = [];
    for (const kind of fault.kinds) {
      const leader = (await cluster.findLeader()) ?? cluster.replica(fault.order[0] ?? '');
      if (isMemberKind(kind)) rests.push(await this.#changes.begin(kind, fault.order, leader));
      else await ACTS[kind]({ cluster, network, order: fault.order, leader });
      this.count(kind);
    }
    await lasting(fault.lastsMs);
    await cluster.heal();
    for (const rest of rests) await rest();
    if (rests.length > 0) {
      await cluster.settled();
      await cluster.agreed();
      await cluster.checkLinks();
    }
    await lasting(fault.restMs);
  }

  async #restock(): Promise<void> {
    if (this.#cluster.standing('spare').length >= SPARE_PER_CHANGE) return;
    await this.#cluster.restock(this.#network, RESTOCK);
    this.count('rollingRestart');
  }

  count(kind: string): void {
    this.injected[kind] = (this.injected[kind] ?? 0) + 1;
  }
}

function lasting(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
