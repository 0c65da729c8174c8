import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { replicaOf, type ReplicaId } from '../../../../src/base/brand.js';
import { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';
import { LeaderlessCluster } from '../../../fixtures/replica/leaderless-cluster.js';
import { del, put, read } from '../../../fixtures/replica/leaderless-caller.js';
import { until } from '../../../fixtures/replica/local-cluster.js';

t.setTimeout(360_000);

for (const engine of ['lww', 'causal'] as const) {
  t.test(`${engine}: all replicas lose their power at once, and have what was acknowledged`, async (t) => {
    const disks = new Map<ReplicaId, SimulatedFileSystem>();
    const cluster = await LeaderlessCluster.start({
      engine,
      dir: t.testdir({}),
      fsync: true,
      fs: (id) => {
        const disk = disks.get(id) ?? new SimulatedFileSystem();
        disks.set(id, disk);
        return disk;
      },
    });
    t.teardown(() => cluster.close());
    const acknowledged: string[] = [];
    const writing = { stopped: false };
    const writers = cluster.running.map(async ({ id, keyspace }) => {
      for (let at = 0; !writing.stopped; at++) {
        const key = `${id}-${at}`;
        if ((await put(keyspace, key, key)).ok && !writing.stopped) acknowledged.push(key);
      }
    });
    await until('writes', () => (acknowledged.length > 300 ? true : undefined));
    writing.stopped = true;
    const ids = [...cluster.nodes.keys()];
    for (const id of ids) disks.set(id, (disks.get(id) as SimulatedFileSystem).crash({ survives: () => false }));
    await Promise.all(ids.map((id) => cluster.stopReplica(id).catch(() => undefined)));
    await Promise.all(writers);
    for (const id of ids) await cluster.startReplica(id);
    await cluster.met();
    for (const key of acknowledged) {
      const [owner = ''] = key.split('-');
      t.equal((await read(cluster.node(owner).keyspace, key)).value, key, 'at the one that said so');
    }
    await cluster.converged();
    for (const { keyspace } of cluster.running) {
      for (const key of acknowledged) t.equal((await read(keyspace, key)).value, key);
    }
    t.match(await put(cluster.node('n1').keyspace, 'after', '1'), { ok: true });
  });
}

t.test('a killed replica goes on as the same origin, and takes no position twice (ap.md §1.0.1)', async (t) => {
  const disks = new Map<ReplicaId, SimulatedFileSystem>();
  const cluster = await LeaderlessCluster.start({
    dir: t.testdir({}),
    fsync: true,
    fs: (id) => {
      const disk = disks.get(id) ?? new SimulatedFileSystem();
      disks.set(id, disk);
      return disk;
    },
  });
  t.teardown(() => cluster.close());
  for (let round = 0; round < 4; round++) {
    const n1 = cluster.node('n1');
    const { dot } = await put(n1.keyspace, `k${round}`, `${round}`);
    t.equal(dot?.seq, round + 1);
    t.equal(n1.member.core.boot, round + 1);
    void put(n1.keyspace, 'in flight', 'x'); // Never acknowledged: it may be there afterwards, or not.
    disks.set(n1.id, (disks.get(n1.id) as SimulatedFileSystem).crash({ survives: () => false }));
    await cluster.stopReplica('n1').catch(() => undefined);
    await cluster.startReplica('n1');
    await cluster.met();
  }
  await cluster.converged();
  t.equal(cluster.node('n2').member.kv.vector.size, 1, 'one origin');
});

t.test('a replica that was away for longer than logs reach gets a full sync (ap.md §1.0.5)', async (t) => {
  const dir = t.testdir({});
  const storage = { checkpointBytes: 256 * 1024, retainBytes: 0 };
  const cluster = await LeaderlessCluster.start({ dir, storage });
  t.teardown(() => cluster.close());
  const [n1, n2] = ['n1', 'n2'].map((id) => cluster.node(id));
  const value = 'v'.repeat(1000);
  await put(cluster.node('n3').keyspace, 'mine', '3');
  await put(n1?.keyspace as never, 'gone', value);
  await cluster.converged();
  await cluster.stopReplica('n3');
  for (let at = 0; at < 2000; at += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, more) => put((more % 2 ? n1 : n2)?.keyspace as never, `k${at + more}`, value)),
    );
  }
  await del(n1?.keyspace as never, 'gone');
  await cluster.converged();
  await Promise.all([n1?.member.checkpointNow(), n2?.member.checkpointNow()]);
  const n3 = await cluster.startReplica('n3');
  await cluster.converged(20_000);
  await until('that it is durable there', () => (n3.member.stats.fullSyncsReceived >= 1 ? true : undefined));
  const sent = (): number => (n1?.member.stats.fullSyncsSent ?? 0) + (n2?.member.stats.fullSyncsSent ?? 0);
  await until('that the sender knows', () => (sent() >= 1 ? true : undefined));
  t.match(await read(n3.keyspace, 'gone'), { value: null });
  t.match(await read(n3.keyspace, 'mine'), { value: '3' });
  t.match(await put(n3.keyspace, 'next', 'w', { level: 'all' }), { ok: true });
  await until('it is ready', () => (n3.member.caughtUp ? true : undefined));
  await put(n1?.keyspace as never, 'later', 'x', { level: 'all' });
  await cluster.stopReplica('n3');
  const again = await cluster.startReplica('n3');
  t.equal(again.member.reader.size, 2000 + 3, 'and finds all of it on its own disk');
  await cluster.converged();
});

t.test('a wiped replica comes back as another origin, and fetches its own writes (ap.md §1.0.1)', async (t) => {
  const dir = t.testdir({});
  const cluster = await LeaderlessCluster.start({ dir });
  t.teardown(() => cluster.close());
  const before = cluster.node('n3').member.core.origin;
  await put(cluster.node('n3').keyspace, 'mine', '3');
  await put(cluster.node('n1').keyspace, 'other', '1');
  await cluster.converged();
  await cluster.stopReplica('n3');
  rmSync(join(dir, 'n3'), { recursive: true });
  const n3 = await cluster.startReplica('n3');
  await cluster.met();
  t.equal(replicaOf(n3.member.core.origin), 'n3');
  t.not(n3.member.core.origin, before);
  await cluster.converged();
  t.match(await read(n3.keyspace, 'mine'), { value: '3' });
  t.match(await put(n3.keyspace, 'mine', '4'), { ok: true });
  await cluster.converged();
  for (const { keyspace } of cluster.running) t.equal((await read(keyspace, 'mine')).value, '4', 'the later one wins');
});

t.test(
  'a folder that went back in time begins another origin, and loses nothing that others have (§1.0.1 rule 2)',
  async (t) => {
    const dir = t.testdir({});
    const cluster = await LeaderlessCluster.start({ dir });
    t.teardown(() => cluster.close());
    await put(cluster.node('n3').keyspace, 'old', '1');
    await cluster.converged();
    await cluster.stopReplica('n3');
    cpSync(join(dir, 'n3'), join(dir, 'copy'), { recursive: true });
    const later = await cluster.startReplica('n3');
    const before = later.member.core.origin;
    await cluster.met();
    for (let at = 0; at < 20; at++) await put(later.keyspace, `new${at}`, `${at}`);
    await cluster.converged();
    await cluster.stopReplica('n3');
    rmSync(join(dir, 'n3'), { recursive: true });
    cpSync(join(dir, 'copy'), join(dir, 'n3'), { recursive: true });
    const n3 = await cluster.startReplica('n3');
    await cluster.met();
    t.not(n3.member.core.origin, before, 'positions that others have are not used again');
    t.match(await put(n3.keyspace, 'after', '2'), { ok: true });
    await cluster.converged();
    for (const { keyspace } of cluster.running) {
      t.equal((await read(keyspace, 'old')).value, '1');
      t.equal((await read(keyspace, 'new19')).value, '19');
      t.equal((await read(keyspace, 'after')).value, '2');
    }
    await cluster.stopReplica('n3');
    const again = await cluster.startReplica('n3');
    t.equal(again.member.core.origin, n3.member.core.origin, 'and stays that one');
  },
);

t.test('one replica alone starts and serves without the others', async (t) => {
  const cluster = LeaderlessCluster.prepare({ dir: t.testdir({}) });
  t.teardown(() => cluster.close());
  for (const id of cluster.ids) await cluster.startReplica(id);
  await cluster.met();
  await put(cluster.node('n1').keyspace, 'k', 'v');
  for (const id of cluster.ids) await cluster.stopReplica(id);
  const n1 = await cluster.startReplica('n1');
  t.match(await read(n1.keyspace, 'k'), { value: 'v' });
  t.match(await put(n1.keyspace, 'k', 'w'), { ok: true }, 'after the grace of a start');
});

t.test('a replica that keeps nothing is filled again by the others, and brings nothing deleted back', async (t) => {
  const cluster = await LeaderlessCluster.start();
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  await put(cluster.node('n3').keyspace, 'mine', '3', { level: 'all' });
  await put(n1.keyspace, 'gone', '1', { level: 'all' });
  for (let round = 0; round < 3; round++) {
    await cluster.stopReplica('n3');
    await del(n1.keyspace, 'gone');
    await put(n1.keyspace, 'round', `${round}`);
    const n3 = await cluster.startReplica('n3');
    await cluster.met();
    t.match(await put(n3.keyspace, `from n3 ${round}`, 'x', { level: 'all' }), { ok: true });
    await cluster.converged();
    t.match(await read(n3.keyspace, 'mine'), { value: '3' });
    t.match(await read(n3.keyspace, 'gone'), { value: null });
    t.match(await read(n3.keyspace, 'round'), { value: `${round}` });
    await put(n1.keyspace, 'gone', `${round}`, { level: 'all' });
  }
  await until('origins of former lives are folded', () => {
    const { retired } = n1.member.core;
    return retired.length >= 3 ? true : undefined;
  });
});
