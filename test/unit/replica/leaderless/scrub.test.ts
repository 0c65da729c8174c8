import { Buffer } from 'node:buffer';
import t from 'tap';
import { originId, replicaId, type ReplicaId } from '../../../../src/base/brand.js';
import { silentLogger } from '../../../../src/base/logger.js';
import type { LeaderlessMessage } from '../../../../src/engines/leaderless/messages.js';
import { DottedKv } from '../../../../src/kv/dotted/index.js';
import { BatchBuilder } from '../../../../src/kv/index.js';
import { Scrub } from '../../../../src/replica/leaderless/scrub.js';
import { createLeaderlessStats } from '../../../../src/replica/leaderless/stats.js';
import { MemoryCheckpoint } from '../../../../src/storage/memory/memory-checkpoint.js';
import { LeaderlessCluster } from '../../../fixtures/replica/leaderless-cluster.js';
import { put } from '../../../fixtures/replica/leaderless-caller.js';
import { valueOf } from '../../../fixtures/replica/caller.js';

const A = originId('n1~0123456789abcdef');

function kvWith(values: Readonly<Record<string, string>>, counter = 1): DottedKv {
  const kv = DottedKv.open(new MemoryCheckpoint(), null, { conflicts: 'lww', conflictLog: 10 });
  const builder = new BatchBuilder();
  const entries = Object.entries(values);
  for (const [key, value] of entries) {
    builder.addCommand({ operations: [{ op: 'put', key, value: Buffer.from(value) }] });
  }
  const payload = builder.take();
  kv.apply(
    { origin: A, seq: 1, boot: 1, counter, commands: entries.length, wallMs: 0, dependencies: [], payload },
    null,
  );
  return kv;
}

/** Two members that hear each other at once. */
function pair(first: DottedKv, second: DottedKv) {
  const clock = { now: 0, monotonicMs: () => clock.now, wallMs: () => 0 };
  const [n1, n2] = ['n1', 'n2'].map(replicaId) as [ReplicaId, ReplicaId];
  const scrubs = new Map<ReplicaId, Scrub>();
  const send = (message: LeaderlessMessage): void => {
    const to = scrubs.get(message.to);
    if (message.type === 'scrubLeaves') to?.onLeaves(message);
    else if (message.type === 'scrubItems') to?.onItems(message);
  };
  const create = (self: ReplicaId, kv: DottedKv) => {
    const stats = createLeaderlessStats();
    const scrub = new Scrub({ self, clock, logger: silentLogger, stats, timeoutMs: 1000, kv: () => kv, send });
    scrubs.set(self, scrub);
    return { scrub, stats };
  };
  return { clock, n1: create(n1, first), n2: create(n2, second), ids: [n1, n2] as const };
}

const SAME = { a: '1', b: '2', c: '3' };

t.test('members that hold the same do not differ', async (t) => {
  const { n1, ids } = pair(kvWith(SAME), kvWith(SAME));
  t.same(await n1.scrub.run([ids[1]]), []);
  t.equal(n1.stats.integrityMismatches, 0);
});

t.test(
  'an item that differs at the same vector is found, and only the side that is behind is repaired (§1.0.7)',
  async (t) => {
    const good = kvWith({ ...SAME, b: 'newer' }, 100);
    const rotten = kvWith({ ...SAME, b: 'older' });
    const { n1, n2, ids } = pair(rotten, good);
    t.same(await n1.scrub.run([ids[1]]), [ids[1]]);
    t.equal(n2.stats.integrityMismatches, 1, 'counted, so that somebody is told');
    t.ok(n1.stats.itemsRepaired >= 1);
    t.equal(n2.stats.itemsRepaired, 0);
    for (const kv of [good, rotten]) t.equal(valueOf(kv.reader, 'b'), 'newer');
  },
);

t.test('members at other vectors are not compared: that is lag, not damage', async (t) => {
  const behind = DottedKv.open(new MemoryCheckpoint(), null, { conflicts: 'lww', conflictLog: 10 });
  const { clock, n1, n2, ids } = pair(kvWith(SAME), behind);
  const result = n1.scrub.run([ids[1]]);
  clock.now = 500;
  n1.scrub.check(clock.now);
  clock.now = 1000;
  n1.scrub.check(clock.now);
  t.same(await result, [], 'and the round ends');
  t.equal(n2.stats.integrityMismatches, 0);
});

t.test('a round on demand in a running group', async (t) => {
  const cluster = await LeaderlessCluster.start();
  t.teardown(() => cluster.close());
  for (const { keyspace, id } of cluster.running) await put(keyspace, id, 'v');
  await cluster.converged();
  t.same(await cluster.node('n1').keyspace.leaderless.scrub(), []);
});
