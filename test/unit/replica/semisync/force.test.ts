import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { assert } from '../../../../src/base/assert.js';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { FEED, SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

/** n1 acknowledges what only n2 has beside it; then n3 is made the leader by force, with what it has. */
async function forced(dir: string, options: { readonly retainBytes?: number; readonly checkpoints?: boolean } = {}) {
  const cluster = await SemisyncCluster.start({
    dir,
    keyspace: { writeQuorum: 1, promotion: 'manual' },
    ...(options.retainBytes === undefined ? {} : { storage: { retainBytes: options.retainBytes } }),
  });
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'kept', '1');
  await cluster.converged();
  cluster.isolate('n3');
  await until('that n3 is missed', () => (member.core?.status().available === 1 ? true : undefined));
  if (options.checkpoints === true) for (let at = 0; at < 4; at++) await put(keyspace, 'large', 'x'.repeat(300_000));
  const written = await put(keyspace, 'lost', '1');
  await until('that n2 has applied it', () => {
    return cluster.node('n2').member.appliedIndex === member.appliedIndex ? true : undefined;
  });
  if (options.checkpoints === true) {
    await member.checkpointNow();
    await cluster.node('n2').member.checkpointNow();
  }
  cluster.isolate('n1');
  const promotion = await cluster.node('n3').keyspace.semisync.promote(true);
  return { cluster, promotion, written };
}

t.test(
  'force goes on with what answers, says what it may cost, and the others are rebuilt (ap.md §1.3.5)',
  async (t) => {
    const dir = t.testdir();
    const { cluster, promotion } = await forced(dir);
    t.teardown(() => cluster.close());
    t.match(promotion, { leader: 'n3', promised: ['n3'], required: 2, lossPossible: true });
    t.match(await put(cluster.node('n3').keyspace, 'a', '1'), { ok: false }, 'nothing is acknowledged by it alone');
    cluster.isolate('n1', false);
    cluster.isolate('n3', false);
    await cluster.led('n3', 2);
    t.match(await put(cluster.node('n3').keyspace, 'a', '2'), { ok: true });
    await cluster.converged();
    for (const id of ['n1', 'n2']) {
      const { discarded, keyspace, member } = cluster.node(id);
      t.match(await get(keyspace, 'lost', 'follower'), { value: null });
      t.match(await get(keyspace, 'kept', 'follower'), { value: '1' });
      t.equal(member.core?.status().diverged, false);
      t.equal(member.stats.snapshotsReceived, 1, 'its state went back by a full sync');
      t.equal(member.stats.discardedAcked, 1);
      t.ok(discarded.some(({ commit, entries }) => (entries[0]?.index ?? Infinity) <= commit));
      const failovers = await keyspace.semisync.failovers();
      const row = failovers.find((failover) => failover.discarded !== null);
      t.match(row, {
        epoch: promotion.epoch,
        leader: 'n3',
        forced: true,
        discarded: { acknowledged: 1, maybeAcknowledged: 0, writes: 1 },
      });
      t.equal(readdirSync(join(dir, id, 'lost-writes')).length, 1);
    }
  },
);

t.test(
  'what a member cannot know after a restart, it does not deny: acknowledged is unknown (ap.md §1.3.6)',
  async (t) => {
    const { cluster } = await forced(t.testdir());
    t.teardown(() => cluster.close());
    const before = cluster.node('n1').member.core?.commitIndex ?? 0;
    await cluster.restartReplica('n1');
    t.ok((cluster.node('n1').member.core?.commitIndex ?? 0) < before, 'how far it had come is not on its disk');
    cluster.isolate('n1');
    cluster.isolate('n1', false, ['n3']);
    cluster.isolate('n3', false);
    await cluster.led('n3', 2);
    t.match(await put(cluster.node('n3').keyspace, 'a', '1'), { ok: true });
    await cluster.converged();
    const discardedBy = async (id: string) => {
      const failovers = await cluster.node(id).keyspace.semisync.failovers();
      return failovers.find(({ discarded }) => discarded !== null)?.discarded;
    };
    t.match(await discardedBy('n1'), { writes: 1, acknowledged: 0, maybeAcknowledged: 1 });
    t.match(await discardedBy('n2'), { writes: 1, acknowledged: 1, maybeAcknowledged: 0 });
    t.match(cluster.node('n1').member.stats, { discardedAcked: 0, discardedUnacked: 0, discardedUnsure: 1 });
    await cluster.restartReplica('n1');
    await cluster.led('n3', 2);
    t.match(await discardedBy('n1'), { acknowledged: 0, maybeAcknowledged: 1 }, 'also later');
  },
);

t.test('who led and was not restarted knows that nobody was told, also where force threw it away', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 1, maxLagMs: 5000, promotion: 'manual' },
    timing: { requestTimeoutMs: 100 },
  });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.converged();
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, true);
  t.match(await put(cluster.node('n1').keyspace, 'a', '2'), { code: 'outcome_unknown' });
  cluster.isolate('n1');
  cluster.isolate('n2');
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, false);
  t.match(await cluster.node('n3').keyspace.semisync.promote(true), { lossPossible: true });
  for (const id of ['n1', 'n2']) cluster.isolate(id, false);
  await cluster.led('n3', 2);
  t.match(await put(cluster.node('n3').keyspace, 'b', '1'), { ok: true });
  await cluster.converged();
  const [newest] = await cluster.node('n1').keyspace.semisync.failovers();
  t.match(newest?.discarded, { writes: 1, acknowledged: 0, maybeAcknowledged: 0 });
  t.equal(cluster.node('n1').member.stats.discardedUnacked, 1);
});

t.test('sessions of before are told that their history is lost, at every member (410)', async (t) => {
  const { cluster, promotion, written } = await forced(t.testdir());
  t.teardown(() => cluster.close());
  cluster.isolate('n1', false);
  cluster.isolate('n3', false);
  await cluster.led('n3', 2);
  await cluster.converged();
  assert(written.ok, 'it was acknowledged');
  const seen = { revision: written.revision, epoch: (promotion.epoch - 64) as typeof promotion.epoch };
  for (const { keyspace } of cluster.running) {
    t.match(await get(keyspace, 'kept', 'follower', { seen }), { ok: false, code: 'causal_history_lost' });
  }
  t.match(await put(cluster.node('n3').keyspace, 'a', '1', { seen }), { ok: false, code: 'causal_history_lost' });
  const now = { revision: written.revision, epoch: promotion.epoch };
  t.match(await put(cluster.node('n3').keyspace, 'a', '2'), { ok: true });
  await cluster.converged();
  t.match(await get(cluster.node('n1').keyspace, 'a', 'follower', { seen: now }), { value: '2' });
});

t.test('a log that was cut goes back behind its base, and stays so after a restart', async (t) => {
  const { cluster } = await forced(t.testdir(), { retainBytes: 0, checkpoints: true });
  t.teardown(() => cluster.close());
  const shorter = cluster.node('n3').member.core?.lastIndex ?? 0;
  for (const id of ['n1', 'n2']) t.ok((cluster.node(id).member.core?.firstIndex ?? 0) > shorter + 1, 'it begins later');
  cluster.isolate('n1', false);
  cluster.isolate('n3', false);
  await cluster.led('n3', 2);
  t.match(await put(cluster.node('n3').keyspace, 'a', '1'), { ok: true });
  await cluster.converged();
  for (const id of ['n1', 'n2']) await cluster.restartReplica(id);
  await cluster.led('n3', 2);
  t.match(await put(cluster.node('n3').keyspace, 'a', '2'), { ok: true });
  await cluster.converged();
  for (const { keyspace, member } of cluster.running) {
    t.match(await get(keyspace, 'lost', 'follower'), { value: null });
    t.equal(member.core?.status().diverged, false);
    t.ok(member.forcedTerm > 0, 'what is known of the force survives as well');
  }
});

t.test('who is being rebuilt does not count towards promises, also after a restart', async (t) => {
  const { cluster, promotion } = await forced(t.testdir());
  t.teardown(() => cluster.close());
  // n2 hears the new leader's log, finds the difference, and never gets the full sync.
  cluster.network.heal(cluster.node('n2').id, cluster.node('n3').id);
  const { storage } = cluster.node('n2');
  const open = storage.checkpoint(FEED);
  open.openInstall = () => {
    throw new Error('no room');
  };
  await until('that it is rebuilding', () =>
    cluster.node('n2').member.core?.status().diverged === true ? true : undefined,
  );
  t.equal(cluster.node('n2').member.caughtUp, false);
  await cluster.stopReplica('n3');
  await cluster.restartReplica('n2');
  const { keyspace, member } = cluster.node('n2');
  t.equal(member.core?.status().diverged, true, 'that was on disk before anything was thrown away');
  t.ok((member.core?.term ?? 0) >= promotion.epoch);
  await t.rejects(keyspace.semisync.promote(false), { code: 'diverged' });
});

t.test('by force even a member that never had anything leads, and the others go back to nothing', async (t) => {
  const cluster = SemisyncCluster.prepare({
    dir: t.testdir(),
    keyspace: { writeQuorum: 1, promotion: 'manual', leader: 'n2' },
  });
  t.teardown(() => cluster.close());
  // Nobody leads before n2 has a tick; n3 hears nothing of its epoch.
  for (const id of cluster.ids) await cluster.startReplica(id);
  await until('that the cluster is formed', () => {
    const formed = cluster.running.every(({ replica }) => replica.gate.open);
    if (formed) cluster.isolate('n3');
    return formed ? true : undefined;
  });
  const n3 = cluster.node('n3');
  t.equal(n3.member.core?.lastIndex, 0, 'it has nothing');
  await cluster.led('n2', 1);
  t.match(await put(cluster.node('n2').keyspace, 'lost', '1'), { ok: true });
  await until('that n1 has it', () => (cluster.node('n1').member.reader.size === 1 ? true : undefined));
  cluster.isolate('n1');
  t.match(await n3.keyspace.semisync.promote(true), { lossPossible: true });
  cluster.isolate('n1', false);
  cluster.isolate('n3', false);
  await cluster.led('n3', 2);
  t.match(await put(n3.keyspace, 'new', '1'), { ok: true });
  t.equal(n3.member.stats.quorumChanges, 1, 'the new history is given a write quorum as the first one was');
  await cluster.converged();
  for (const { id, keyspace, member } of cluster.running) {
    t.match(await get(keyspace, 'lost', 'follower'), { value: null }, id);
    t.equal(member.core?.status().diverged, false);
  }
  for (const id of cluster.ids) await cluster.restartReplica(id);
  await cluster.led('n3', 2);
  t.match(await get(cluster.node('n3').keyspace, 'new', 'strong'), { value: '1' });
});
