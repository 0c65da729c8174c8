import t from 'tap';
import { createPrng } from '../../../../src/base/prng.js';
import type { Observer, SimProcess } from '../../../../src/sim/world/types.js';
import { get, leader, processOf, put, started, until } from './fixture.js';

t.test('a failing disk stops the replica, and loses nothing (reliability.md §0.5, §2.3)', async (t) => {
  for (const fault of ['EIO', 'ENOSPC', 'short write'] as const) {
    const world = started(11);
    const first = await leader(world);
    t.equal(await put(world, first, 'a', '1'), null);
    first.disk.failNext(1, fault);
    t.equal(await put(world, first, 'a', '2'), 'storage_failed', fault);
    t.equal(first.state, 'down');
    t.equal(first.failure?.code, 'storage_failed');
    const next = await leader(world);
    t.not(next, first);
    first.start();
    await until(world, () => first.member?.appliedIndex === next.member?.appliedIndex || null);
    t.equal(await put(world, next, 'b', '3'), null);
    t.match(await get(world, first, 'a'), /^[12]$/);
  }
});

t.test('what is told to be durable is what a power loss leaves (reliability.md §3.3 DurableBeforeAck)', async (t) => {
  const durable = new Map<SimProcess, number>();
  const recovered = new Map<SimProcess, number>();
  const observer: Observer = {
    onDurable: (process, records) => {
      for (const record of records) if (record.kind === 'entry') durable.set(process, record.entry.index);
    },
    onStarted: (process, groups) => {
      for (const { baseIndex, entries } of groups.values()) recovered.set(process, baseIndex + entries.length);
    },
  };
  const world = started(12, { observers: [observer] });
  const first = await leader(world);
  for (let count = 0; count < 20; count++) t.equal(await put(world, first, 'a', `${count}`), null);
  for (const process of world.processes.values()) process.crash('unsynced');
  const before = new Map(durable);
  for (const process of world.processes.values()) process.start();
  await leader(world);
  for (const [process, index] of before) t.equal(recovered.get(process), index, process.id);
});

t.test('a lying drive costs a replica its vote, never an acknowledged write (raft.md C4)', async (t) => {
  const world = started(13);
  const first = await leader(world);
  const follower = [...world.processes.values()].find((process) => process !== first) ?? first;
  follower.disk.loseNextSync(() => undefined);
  t.equal(await put(world, first, 'a', '1'), null);
  follower.crash('unsynced');
  follower.start();
  t.equal(await put(world, await leader(world), 'a', '2'), null);
  t.equal(await get(world, await leader(world), 'a'), '2');
});

t.test('a disk that lied holds what it vouched for until the power goes (reliability.md §2.3)', async (t) => {
  const world = started(16);
  const first = await leader(world);
  const follower = [...world.processes.values()].find((process) => process !== first) ?? first;
  const { disk } = follower;
  let told = 0;
  disk.loseNextSync(() => told++);
  t.ok(disk.lies, 'it will');
  t.equal(await put(world, first, 'a', '1'), null);
  await until(world, () => told > 0 || null);
  follower.crash('nothing');
  t.notOk(disk.broken, 'after kill -9 the machine still has it');
  follower.start();
  await until(world, () => follower.member?.appliedIndex === first.member?.appliedIndex || null);
  t.notOk(disk.lies, 'recovery has made it durable');
  disk.loseNextSync(() => world.time.after(1, () => follower.crash('unsynced')));
  t.equal(await put(world, await leader(world), 'a', '2'), null);
  await until(world, () => follower.state === 'down' || null);
  t.ok(disk.broken);
  const examined: string[] = [];
  follower.examine((refusal) => examined.push(refusal?.code ?? 'in order'));
  t.equal(follower.state, 'examined');
  await until(world, () => examined[0]);
  t.equal(follower.state, 'down', 'nothing of it has started');
  follower.wipe();
  t.notOk(disk.broken, 'a new disk');
});

t.test('a flipped bit at rest is refused or was never relied on (reliability.md §2.3)', async (t) => {
  let refused = 0;
  for (let seed = 0; seed < 12; seed++) {
    const world = started(20 + seed);
    const first = await leader(world);
    for (let count = 0; count < 20; count++) await put(world, first, 'a', `${count}`);
    const victim = processOf(world, 'n2');
    victim.crash('nothing');
    t.ok(victim.disk.rot(createPrng(seed)));
    victim.start();
    await world.time.run(world.time.nowMs + 300);
    if (victim.state === 'refused') {
      refused++;
      t.match(victim.failure?.code, /log_corrupt|data_dir/);
    }
    t.equal(await get(world, await leader(world), 'a'), '19');
  }
  t.ok(refused >= 6, `${refused} refused`);
});

t.test('a replica whose disk was wiped is not let in again (raft.md M4)', async (t) => {
  const wiped: SimProcess[] = [];
  const world = started(14, { observers: [{ onWiped: (process) => wiped.push(process) }] });
  const first = await leader(world);
  t.equal(await put(world, first, 'a', '1'), null);
  const victim = [...world.processes.values()].find((process) => process !== first) ?? first;
  victim.crash('unsynced');
  victim.wipe();
  t.same(wiped, [victim]);
  victim.start();
  await world.time.run(world.time.nowMs + 2000);
  t.not(victim.member?.standing, 'voter');
  t.equal(victim.member?.appliedIndex, 0);
  t.equal(await put(world, await leader(world), 'a', '2'), null);
});

t.test('a replica that lags behind the log gets a snapshot in many pieces (raft.md S3)', async (t) => {
  const installed: SimProcess[] = [];
  const written = new Map<number, number>();
  const world = started(15, {
    observers: [
      {
        onCheckpoint: (process, _group, mark, byStream, digest = 0) => {
          if (byStream) installed.push(process);
          t.equal(written.get(mark.index) ?? digest, digest, 'checkpoints of one index are equal');
          written.set(mark.index, digest);
        },
      },
    ],
  });
  const first = await leader(world);
  const victim = [...world.processes.values()].find((process) => process !== first) ?? first;
  victim.crash('nothing');
  for (let count = 0; count < 120; count++) await put(world, first, `k${count % 40}`, 'v'.repeat(100 + count));
  victim.start();
  await until(world, () => victim.member?.appliedIndex === first.member?.appliedIndex || null);
  t.same(new Set(installed), new Set([victim]));
  t.equal(await get(world, victim, 'k39'), 'v'.repeat(219));
});

t.test(
  'an operation under way is known by when it began, to the process that waits for it (reliability.md §3.3)',
  async (t) => {
    const world = started(17);
    const first = await leader(world);
    const { disk } = first;
    t.equal(await put(world, first, 'a', '1'), null);
    const idle = (): Promise<boolean> => until(world, () => disk.busySinceMs === null || null);
    const busy = (): Promise<number> => until(world, () => disk.busySinceMs);
    await idle();
    const beganMs = world.time.nowMs;
    first.checkpoint();
    const sinceMs = await busy();
    t.ok(sinceMs >= beganMs);
    await idle();
    t.ok(world.time.nowMs > sinceMs);
    t.equal(await put(world, first, 'a', '2'), null);
    first.checkpoint();
    await busy();
    first.crash('nothing');
    t.equal(disk.busySinceMs, null, 'nobody waits any more');
  },
);
