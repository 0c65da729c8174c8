import * as fc from 'fast-check';
import t from 'tap';
import type { OriginId } from '../../../../src/base/brand.js';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import { ToyMachine } from './machine.js';
import { copyDisk, Network, type Disk } from './network.js';

/** Everything goes wrong, in proportions that are drawn per seed (reliability.md §3.8). */
interface Swarm {
  readonly size: number;
  readonly lossPercent: number;
  readonly duplicatePercent: number;
  readonly reorder: boolean;
  readonly weights: Readonly<Record<Action, number>>;
}

type Action =
  | 'deliver'
  | 'tick'
  | 'persist'
  | 'put'
  | 'delete'
  | 'sync'
  | 'failSync'
  | 'checkpoint'
  | 'crash'
  | 'restart'
  | 'wipe'
  | 'rollback'
  | 'partition'
  | 'heal'
  | 'ensure'
  | 'drop';

function drawSwarm(prng: Prng): Swarm {
  const pick = <T>(...from: readonly T[]): T => from[prng.between(0, from.length - 1)] as T;
  return {
    size: pick(2, 3, 3, 3, 4, 5),
    lossPercent: pick(0, 0, 2, 20),
    duplicatePercent: pick(0, 5, 30),
    reorder: pick(true, false),
    weights: {
      deliver: 300,
      tick: pick(30, 60, 120),
      persist: pick(30, 60, 200),
      put: pick(10, 20, 60),
      delete: pick(5, 20, 40),
      sync: 20,
      failSync: pick(0, 1, 5),
      checkpoint: pick(0, 1, 10),
      crash: pick(0, 1, 4),
      restart: pick(5, 40),
      wipe: pick(0, 0, 1, 2),
      rollback: pick(0, 0, 1, 2),
      partition: pick(0, 1, 4),
      heal: pick(1, 4),
      ensure: pick(0, 5),
      drop: pick(0, 1),
    },
  };
}

const KEYS = ['k', 'l', 'm', 'n'];
const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** What happened in all runs together: a test that exercises nothing proves nothing. */
const stats: Record<string, number> = {};

function seqOnDisk({ logs, checkpoint }: Disk, origin: OriginId): number {
  const log = logs.get(origin);
  return Math.max(checkpoint.vector.get(origin) ?? 0, log === undefined ? 0 : log.baseSeq + log.batches.length);
}

class Run {
  readonly prng: Prng;
  readonly swarm: Swarm;
  readonly net: Network;
  readonly #actions: readonly Action[];
  /** Copies of folders, as a snapshot of a virtual machine keeps them. */
  readonly #old = new Map<string, Disk>();

  constructor(seed: number, engine: 'lww' | 'causal', naive = false) {
    this.prng = createPrng(seed);
    this.swarm = drawSwarm(this.prng);
    this.net = new Network(NAMES.slice(0, this.swarm.size), seed, { engine, startGraceTicks: 1000, naive });
    const { weights } = this.swarm;
    this.#actions = (Object.keys(weights) as Action[]).flatMap((action) =>
      Array.from({ length: weights[action] }, () => action),
    );
  }

  pick<T>(from: readonly T[]): T {
    return from[this.prng.between(0, from.length - 1)] as T;
  }

  step(): void {
    const { net, prng } = this;
    const id = this.pick(net.ids);
    const member = net.member(id);
    switch (this.pick(this.#actions)) {
      case 'deliver':
        return this.#deliver();
      case 'tick':
        return net.tick(id);
      case 'persist':
        return void net.persist(id, prng.between(1, 3));
      case 'put':
        return void net.write(id, ...this.#puts());
      case 'delete':
        return void net.write(id, this.pick(KEYS));
      case 'sync':
        return void net.finishSync(id);
      case 'failSync':
        return void net.finishSync(id, false);
      case 'checkpoint':
        if (member.alive) net.checkpoint(id, prng.between(0, 5));
        return;
      case 'crash':
        if (member.alive) net.crash(id);
        if (prng.between(0, 2) === 0) this.#old.set(id, copyDisk(member.disk));
        return;
      case 'restart':
        if (!member.alive) net.restart(id);
        return;
      case 'wipe':
        if (!member.alive && this.#mayBeLost(id)) net.wipe(id);
        return;
      case 'rollback': {
        const old = this.#old.get(id);
        if (!member.alive && old !== undefined && this.#mayBeLost(id)) this.#rollBack(id, copyDisk(old));
        return;
      }
      case 'partition':
        return net.isolate(id, this.pick(net.ids));
      case 'heal':
        return net.heal();
      case 'ensure': {
        const seen = [...this.net.member(this.pick(net.ids)).machine.vector];
        if (seen.length === 0) return;
        const [origin, seq] = this.pick(seen);
        return void net.ensure(id, [{ origin, seq }]);
      }
      case 'drop': {
        const peer = this.pick(net.ids);
        return peer === id ? undefined : net.step(id, { type: 'dropped', peer });
      }
    }
  }

  /** Of what a lost folder held, others have all but its own last writes: those are lost, and nobody knows of them. */
  #mayBeLost(id: string): boolean {
    const { net } = this;
    const others = [...net.members.values()].filter((other) => other.id !== id);
    const own = net.engine(id).origin;
    if (others.some(({ alive, engine }) => !alive || !engine.ready)) return false;
    return [...net.engine(id).vector].every(
      ([origin, seq]) => origin === own || others.some(({ engine }) => (engine.vector.get(origin) ?? 0) >= seq),
    );
  }

  /**
   * What others have of it is durable there: positions that are still on their way to a disk cannot be told, and a folder
   * that goes back in time within that time is beyond help.
   */
  #rollBack(id: string, old: Disk): void {
    const { net } = this;
    const origin = net.engine(id).origin;
    const others = [...net.members.values()].filter((other) => other.id !== id);
    if (others.some(({ engine }) => engine.status().buffered.some((each) => each.origin === origin))) return;
    for (const other of others) net.persist(other.id);
    const known = Math.max(...others.map(({ disk }) => seqOnDisk(disk, origin)), seqOnDisk(old, origin));
    net.checker.onCrash(origin, known);
    net.restart(id, old);
  }

  #puts(): string[] {
    return Array.from({ length: this.prng.between(1, 3) }, () => `${this.pick(KEYS)}=${this.prng.between(0, 999)}`);
  }

  #deliver(): void {
    const { net, prng, swarm } = this;
    if (net.wire.length === 0) return;
    const at = swarm.reorder ? prng.between(0, Math.min(8, net.wire.length - 1)) : 0;
    const message = net.wire[at];
    if (message === undefined) return;
    if (prng.between(1, 100) > swarm.duplicatePercent) net.wire.splice(at, 1);
    if (prng.between(1, 100) > swarm.lossPercent) net.deliver(message);
  }

  /** Everything is repaired: all members come to the same state, which is what all writes together amount to. */
  finish(): void {
    const { net } = this;
    net.heal();
    for (const { id, alive } of net.members.values()) if (!alive) net.restart(id);
    const ticks = net.converge(2000);
    const truth = new ToyMachine();
    const batches = [...(net.member('a').machine.vector ?? [])].flatMap(([origin, seq]) =>
      (net.checker.issued.get(origin) ?? []).slice(0, seq),
    );
    for (const { batch } of batches) truth.apply(batch);
    for (const { id, machine } of net.members.values()) {
      if (JSON.stringify([...machine.live]) !== JSON.stringify([...truth.live])) {
        throw new Error(`${id} has ${JSON.stringify([...machine.live])}, not ${JSON.stringify([...truth.live])}`);
      }
    }
    const untidy = (): boolean => [...net.members.values()].some(({ machine }) => machine.tombstones > 0);
    for (let at = 0; at === 0 || (at < 20 && untidy()); at++) net.run(50);
    for (const { id, machine, engine, mismatches } of net.members.values()) {
      const { rejectedBatches, rejectedCounters } = engine.status().counters;
      if (mismatches + rejectedBatches + rejectedCounters > 0) throw new Error(`${id} refused something`);
      if (machine.tombstones > 0) throw new Error(`${id} keeps tombstones: ${JSON.stringify(engine.status())}`);
      if (!engine.ready) throw new Error(`${id} is ${engine.state}`);
    }
    for (const { engine, collects, renewals } of net.members.values()) {
      const { counters } = engine.status();
      for (const [name, value] of Object.entries(counters)) stats[name] = (stats[name] ?? 0) + value;
      stats['collects'] = (stats['collects'] ?? 0) + collects.length;
      stats['renewals'] = (stats['renewals'] ?? 0) + renewals.length;
      stats['retired'] = (stats['retired'] ?? 0) + engine.retired.length;
    }
    stats['batches'] = (stats['batches'] ?? 0) + net.checker.batches;
    stats['ticks'] = (stats['ticks'] ?? 0) + ticks;
    if (ticks > 1000) throw new Error(`took ${ticks} ticks`);
  }
}

const runs = Number(process.env['LEADERLESS_SEEDS'] ?? 60);
const seed = Number(process.env['LEADERLESS_FIRST_SEED'] ?? 1);
const only = process.env['LEADERLESS_SEED'];
const steps = Number(process.env['LEADERLESS_STEPS'] ?? 600);

for (const engine of ['lww', 'causal'] as const) {
  t.test(`${engine}: whatever happens, order is kept, all converge, nothing comes back`, (t) => {
    fc.assert(
      fc.property(only === undefined ? fc.integer({ min: 0, max: 2 ** 31 - 1 }) : fc.constant(Number(only)), (each) => {
        const run = new Run(each, engine);
        for (let at = 0; at < steps; at++) run.step();
        run.finish();
      }),
      { seed, numRuns: runs, endOnFailure: true },
    );
    t.comment(JSON.stringify(stats));
    for (const each of ['collects', 'fullSyncsDone', 'duplicates', 'gaps', 'retired']) t.ok(only ?? stats[each], each);
    t.end();
  });
}

t.test('ap.md §1.0.6: dropping tombstones once all members have them brings keys back', (t) => {
  let resurrections = 0;
  for (let each = 1; each <= 100; each++) {
    const run = new Run(each, 'lww', true);
    try {
      for (let at = 0; at < 600; at++) run.step();
      run.finish();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (/not converged| has .*, not /.test(error.message)) resurrections++;
      else if (!/refused something/.test(error.message)) throw error; // Hashes, too, tell of what is missing.
    }
  }
  t.comment(`${resurrections} of 100`);
  t.ok(resurrections > 0, 'else the runs above would prove nothing');
  t.end();
});
