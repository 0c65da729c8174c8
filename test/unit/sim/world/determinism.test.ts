import t from 'tap';
import { createPrng } from '../../../../src/base/prng.js';
import type { CrashLoss, SimProcess, World } from '../../../../src/sim/world/types.js';
import { CALM, KNOBS, worldOf } from './fixture.js';

const LOSSES: readonly CrashLoss[] = ['nothing', 'unsynced', 'sectors', 'bytes'];

/** A world in which everything goes wrong now and then, and clients that write to anybody. */
function stormyWorld(seed: number): World {
  const prng = createPrng(seed).fork('storm');
  const world = worldOf(seed, {
    replicas: prng.between(1, 5),
    frozen: false,
    network: {
      ...CALM,
      loss: prng.float() / 10,
      duplicate: prng.float() / 5,
      reorder: prng.float() / 5,
      corrupt: prng.between(0, 1) * 0.01,
      slowTail: 0.01,
    },
    disk: { syncMeanMs: prng.between(1, 10), slowTail: 0.02 },
    knobs: { ...KNOBS, leaseReads: prng.between(0, 1) === 1 },
  });
  const processes = [...world.processes.values()];
  const any = (): SimProcess => processes[prng.between(0, processes.length - 1)] as SimProcess;
  for (const process of processes) process.start();
  for (let count = 0; count < 30; count++) world.time.after(prng.between(0, 2000), () => disturb(world, any(), prng));
  for (let count = 0; count < 200; count++) {
    world.time.after(prng.between(100, 2000), () => {
      const source = Buffer.from(`key-${count % 7}`);
      const key = { source, start: 0, end: source.length };
      const told = (): void => world.time.fold(count);
      any().request((keyspace) => keyspace.put(key, key, { onPut: told, onResult: told, onError: told }, 0));
    });
  }
  return world;
}

function disturb(world: World, process: SimProcess, prng: ReturnType<typeof createPrng>): void {
  const other = [...world.processes.keys()][prng.between(0, world.processes.size - 1)] ?? process.id;
  switch (prng.between(0, 9)) {
    case 0:
    case 1:
      if (process.state === 'running' || process.state === 'paused') {
        process.crash(LOSSES[prng.between(0, 3)] ?? 'nothing');
      } else if (process.state === 'down') process.start();
      return;
    case 2:
      process.pause();
      world.time.after(prng.between(1, 300), () => process.resume());
      return;
    case 3:
      if (other !== process.id) world.network.cut(process.id, other, prng.between(0, 1) === 0);
      return;
    case 4:
      world.network.healAll();
      return;
    case 5:
      world.network.clog(process.id, other, world.time.nowMs + prng.between(1, 200));
      return;
    case 6:
      process.setClock(0.9 + prng.float() / 5, prng.between(-1000, 1000));
      return;
    case 7:
      process.slow(prng.between(0, 3));
      return;
    case 8:
      process.checkpoint();
      return;
    default:
      process.disk.failNext(prng.between(1, 20), prng.between(0, 1) === 0 ? 'EIO' : 'ENOSPC');
  }
}

async function outcomeOf(seed: number): Promise<readonly number[]> {
  const world = stormyWorld(seed);
  await world.time.run(3000);
  const { events, hash } = world.time;
  world.close();
  return [events, hash];
}

t.test('two runs of a seed agree in every event (reliability.md §3.1)', async (t) => {
  const hashes = new Set<number | undefined>();
  for (let seed = 1; seed <= 20; seed++) {
    const outcome = await outcomeOf(seed);
    t.same(await outcomeOf(seed), outcome, `seed ${seed}`);
    hashes.add(outcome[1]);
  }
  t.equal(hashes.size, 20, 'and two seeds do not');
});

t.test('nothing in a world asks the machine that it runs on (reliability.md §3.1)', async (t) => {
  const refuse = (name: string) => (): never => {
    throw new Error(`${name} was called in a simulated world`);
  };
  const expected = await outcomeOf(7);
  t.intercept(Math, 'random', { value: refuse('Math.random') });
  t.intercept(Date, 'now', { value: refuse('Date.now') });
  t.intercept(performance, 'now', { value: refuse('performance.now') });
  for (const name of ['setTimeout', 'setImmediate', 'setInterval'] as const) {
    t.intercept(globalThis, name, { value: refuse(name) });
  }
  const outcome = await outcomeOf(7);
  t.same(outcome, expected);
});
