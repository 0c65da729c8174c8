import t from 'tap';
import { assertDefined } from '../../../../src/base/assert.js';
import type { SimProcess, World } from '../../../../src/sim/world/types.js';
import { SimulatedWorld } from '../../../../src/sim/world/world.js';
import { CALM, get, leader, processOf, put, started, until } from './fixture.js';

function othersOf(world: World, process: SimProcess): SimProcess[] {
  return [...world.processes.values()].filter((other) => other !== process);
}

function isUp(world: World, from: SimProcess, to: SimProcess): boolean {
  assertDefined(world instanceof SimulatedWorld ? world : null, 'a simulated world');
  const process = (world as SimulatedWorld).processes.get(from.id);
  return process?.life?.endpoint.isUp(to.id) ?? false;
}

function statsOf(world: World): SimulatedWorld['network']['stats'] {
  return (world as SimulatedWorld).network.stats;
}

t.test('a leader that is cut off is replaced, and follows when it is back (reliability.md §2.1)', async (t) => {
  for (const silent of [true, false]) {
    const world = started(3);
    const old = await leader(world);
    t.equal(await put(world, old, 'a', '1'), null);
    for (const other of othersOf(world, old)) {
      world.network.cut(old.id, other.id, silent);
      world.network.cut(other.id, old.id, silent);
    }
    const next = await leader(world, othersOf(world, old));
    t.equal(await put(world, next, 'a', '2'), null);
    await until(world, () => old.member?.raft.role !== 'leader' || null);
    world.network.healAll();
    await until(world, () => old.member?.appliedIndex === next.member?.appliedIndex || null);
    t.equal(await get(world, old, 'a'), '2');
  }
});

t.test('a half-open link is noticed by silence, on both sides of the pair (reliability.md §2.1)', async (t) => {
  const world = started(4);
  await leader(world);
  const [one, two] = [processOf(world, 'n1'), processOf(world, 'n2')];
  await until(world, () => (isUp(world, one, two) && isUp(world, two, one)) || null);
  world.network.cut(one.id, two.id, true);
  t.ok(isUp(world, one, two), 'nobody was told');
  t.ok(isUp(world, two, one));
  await until(world, () => (!isUp(world, one, two) && !isUp(world, two, one)) || null);
  t.ok(statsOf(world).connectionsSilent >= 2);
  world.network.heal(one.id, two.id);
  await until(world, () => (isUp(world, one, two) && isUp(world, two, one)) || null);
});

t.test('a paused process is noticed, and its messages wait for it', async (t) => {
  const world = started(5);
  const first = await leader(world);
  const paused = assertDefined(othersOf(world, first)[0], 'a follower');
  paused.pause();
  t.equal(await put(world, first, 'a', '1'), null);
  const applied = paused.member?.appliedIndex;
  await until(world, () => !isUp(world, first, paused) || null);
  t.equal(paused.member?.appliedIndex, applied, 'nothing of it ran');
  paused.resume();
  await until(world, () => isUp(world, first, paused) || null);
  t.equal(await get(world, paused, 'a'), '1');
});

t.test('a flipped byte closes the connection, and no message is changed (reliability.md §2.1)', async (t) => {
  const world = started(6, { network: { ...CALM, corrupt: 0.02 } });
  const first = await leader(world);
  for (let count = 0; count < 100; count++) await put(world, first, 'a', `${count}`);
  const { framesCorrupted, connectionsRefusedBytes } = statsOf(world);
  t.ok(framesCorrupted > 3);
  t.ok(connectionsRefusedBytes > 0 && connectionsRefusedBytes <= framesCorrupted);
});

t.test('frames that wait behind a clog arrive in order', async (t) => {
  const world = started(7);
  const first = await leader(world);
  for (const other of othersOf(world, first)) world.network.clog(first.id, other.id, world.time.nowMs + 60);
  const before = world.time.nowMs;
  t.equal(await put(world, first, 'a', '1'), null);
  t.ok(world.time.nowMs - before >= 60, 'the answer had to wait');
});

t.test('a lossy, copying, reordering network loses no acknowledged write', async (t) => {
  const network = { ...CALM, loss: 0.1, duplicate: 0.2, reorder: 0.2, slowTail: 0.02 };
  const world = started(8, { network });
  const written: string[] = [];
  for (let count = 0; count < 60; count++) {
    const process = await leader(world);
    if ((await put(world, process, `k${count}`, 'x')) === null) written.push(`k${count}`);
  }
  t.ok(written.length > 30);
  world.network.faults = CALM;
  const last = await leader(world);
  for (const key of written) t.equal(await get(world, last, key), 'x', key);
  const { framesLost, framesDuplicated } = statsOf(world);
  t.ok(framesLost > 0 && framesDuplicated > 0);
});

t.test('a reset link comes back by itself', async (t) => {
  const world = started(9);
  await leader(world);
  const [one, two] = [processOf(world, 'n1'), processOf(world, 'n2')];
  world.network.reset(one.id, two.id);
  await until(world, () => !isUp(world, one, two) || null);
  await until(world, () => isUp(world, one, two) || null);
  t.ok(isUp(world, two, one), 'the other direction was left alone');
});

t.test('links come up after Hellos that overtook each other', async (t) => {
  for (let seed = 40; seed < 50; seed++) {
    const world = started(seed, { network: { ...CALM, delayMeanMs: 150, slowTail: 0.2 } });
    await world.time.run(3000);
    world.network.faults = CALM;
    const processes = [...world.processes.values()];
    const missing = (): number =>
      processes.flatMap((from) => processes.filter((to) => from !== to && !isUp(world, from, to))).length;
    await until(world, () => missing() === 0 || null, 20_000);
    t.equal(missing(), 0, `seed ${seed}`);
  }
});
