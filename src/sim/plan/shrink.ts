import { ddmin } from './ddmin.js';
import { HEALED_CLIENT_LINKS, HEALED_DISK, HEALED_LINKS } from './healed.js';
import { NEMESES } from './nemesis/index.js';
import type { ClientPlan, NemesisAction, OperationMix, Plan } from './plan.js';

export interface ShrinkOptions {
  readonly runsMax: number;
  /** Asked before every run: time is up. */
  isOver(): boolean;
  /** Told after every run. */
  onRun?(runs: number, plan: Plan): void;
}

export interface Shrunk {
  readonly plan: Plan;
  readonly runs: number;
}

/**
 * A smaller plan that fails as well (reliability.md §3.4): fewer classes of faults, fewer actions, fewer clients,
 * operations and replicas, an earlier end, and plainer faults. Every candidate is run; what does not fail is put back.
 */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  options: ShrinkOptions,
): Promise<Shrunk> {
  const shrinker = new Shrinker(plan, fails, options);
  for (let before: Plan | null = null; before !== shrinker.plan;) {
    before = shrinker.plan;
    await shrinker.round();
  }
  return { plan: shrinker.plan, runs: shrinker.runs };
}

class Shrinker {
  plan: Plan;
  runs = 0;
  readonly #fails: (plan: Plan) => Promise<boolean>;
  readonly #options: ShrinkOptions;

  constructor(plan: Plan, fails: (plan: Plan) => Promise<boolean>, options: ShrinkOptions) {
    this.plan = plan;
    this.#fails = fails;
    this.#options = options;
  }

  async round(): Promise<void> {
    await this.#dropClasses();
    await this.#dropActions();
    await this.#dropClients();
    await this.#fewerOperations();
    await this.#fewerReplicas();
    await this.#endEarlier();
    await this.#plainer();
  }

  /** Keeps the candidate when it fails. One that is the same as before is not run. */
  async #try(candidate: Plan): Promise<boolean> {
    if (this.runs >= this.#options.runsMax || this.#options.isOver()) return false;
    if (JSON.stringify(candidate) === JSON.stringify(this.plan)) return false;
    this.runs++;
    const fails = await this.#fails(candidate);
    if (fails) this.plan = candidate;
    this.#options.onRun?.(this.runs, this.plan);
    return fails;
  }

  async #dropClasses(): Promise<void> {
    for (const dropped of this.plan.faults) {
      const faults = this.plan.faults.filter((each) => each !== dropped);
      const nemeses = this.plan.nemeses.filter(
        ({ nemesis }) => NEMESES.get(nemesis)?.faults.includes(dropped) !== true,
      );
      const links = dropped === 'network' ? { network: HEALED_LINKS } : {};
      const disk = dropped === 'disk' ? { disk: HEALED_DISK } : {};
      await this.#try({ ...this.plan, faults, nemeses, ...links, ...disk });
    }
  }

  async #dropActions(): Promise<void> {
    await ddmin<NemesisAction>(this.plan.nemeses, async (nemeses) => {
      if (nemeses.length === this.plan.nemeses.length) return true;
      return this.#try({ ...this.plan, nemeses });
    });
  }

  async #dropClients(): Promise<void> {
    await ddmin<ClientPlan>(this.plan.clients, async (clients) => {
      if (clients.length === this.plan.clients.length) return true;
      return this.#try({ ...this.plan, clients });
    });
  }

  async #eachClient(change: (client: ClientPlan) => ClientPlan): Promise<boolean> {
    return this.#try({ ...this.plan, clients: this.plan.clients.map(change) });
  }

  async #fewerOperations(): Promise<void> {
    while (await this.#eachClient((client) => ({ ...client, operations: Math.floor(client.operations / 2) })));
    while (await this.#eachClient((client) => ({ ...client, keys: Math.max(1, client.keys - 1) })));
    for (const kind of Object.keys(this.plan.clients[0]?.mix ?? {}) as (keyof OperationMix)[]) {
      await this.#eachClient((client) => {
        const mix = { ...client.mix, [kind]: 0 };
        return Object.values(mix).some((weight) => weight > 0) ? { ...client, mix } : client;
      });
    }
    await this.#eachClient((client) => ({ ...client, paddingBytes: 0 }));
    await this.#eachClient((client) => ({ ...client, hedge: 0 }));
    await this.#eachClient((client) => ({ ...client, reads: { linearizable: 1, lease: 0, stale: 0 } }));
  }

  async #fewerReplicas(): Promise<void> {
    for (const replicas of [1, 2, 3]) {
      if (replicas < this.plan.replicas && (await this.#try({ ...this.plan, replicas }))) return;
    }
  }

  /** Halves what comes after the last action, then cuts everything in half. */
  async #endEarlier(): Promise<void> {
    for (;;) {
      const safetyMs = Math.floor(this.plan.safetyMs / 2);
      const nemeses = this.plan.nemeses.filter(({ atMs }) => atMs < safetyMs);
      if (safetyMs < 1 || !(await this.#try({ ...this.plan, safetyMs, nemeses }))) break;
    }
    const lastMs = Math.max(0, ...this.plan.nemeses.map(({ atMs }) => atMs)) + 1;
    for (const afterMs of [100, 1000]) {
      if (lastMs + afterMs < this.plan.safetyMs && (await this.#try({ ...this.plan, safetyMs: lastMs + afterMs })))
        return;
    }
  }

  async #plainer(): Promise<void> {
    await this.#try({ ...this.plan, network: HEALED_LINKS });
    for (const name of ['loss', 'duplicate', 'corrupt', 'reorder', 'slowTail'] as const) {
      await this.#try({ ...this.plan, network: { ...this.plan.network, [name]: 0 } });
    }
    await this.#try({ ...this.plan, disk: HEALED_DISK });
    await this.#try({ ...this.plan, clientLinks: HEALED_CLIENT_LINKS });
    await this.#try({ ...this.plan, knobs: { ...this.plan.knobs, engineLimits: {} } });
    await this.#try({ ...this.plan, healAll: true });
  }
}
