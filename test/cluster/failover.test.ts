import { join } from 'node:path';
import t from 'tap';
import { silentLogger } from '../../src/base/logger.js';
import { connect } from '../../src/client/client.js';
import { loadTopology } from '../../src/config/load.js';
import { Launcher } from '../../src/host/launcher.js';
import type { SupervisedReplica } from '../../src/host/supervisor.js';
import { PATIENCE_MS, ProcessCluster, eventually } from './process-cluster.js';

/** The leader's thread is killed under a supervisor: another replica leads, and the thread comes back. */
const KILLS = 5;

t.test('the leader’s thread dies', { timeout: 360_000 }, async (t) => {
  const cluster = await ProcessCluster.create(t.testdir({}));
  const { topology } = loadTopology({
    file: cluster.topology,
    env: {},
    flags: { dataDir: join(cluster.dataDir, 'x') },
  });
  const launcher = new Launcher({ topology, logger: silentLogger });
  t.teardown(() => launcher.stop());
  await launcher.start();
  t.ok(await launcher.waitForLeaders(), 'a leader is elected within the launcher’s patience');
  const gapsMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const replicas = [...launcher.replicas.values()];
    const leader = await eventually('a leader', PATIENCE_MS, async () =>
      replicas.find(({ roles }) => [...roles.values()].some(({ role }) => role === 'leader')),
    );
    const other = replicas.find(({ id }) => id !== leader.id);
    const client = connect({ node: other?.endpoints?.http ?? '', timeoutMs: 5000 });
    await eventually('a write before the kill', PATIENCE_MS, () => client.put('before', String(kill)));
    await leader.kill();
    const startMs = performance.now();
    await eventually('a write after the kill', PATIENCE_MS, () => client.put('after', String(kill)));
    gapsMs.push(Math.round(performance.now() - startMs));
    const item = await eventually('a read after the kill', PATIENCE_MS, () => client.get('before'));
    t.equal(item?.value, String(kill), 'what was acknowledged before is there');
    await launcher.until(() => leader.state === 'ready');
    t.equal(leader.restarts > 0, true, 'the supervisor has started the thread again');
    await eventually('everyone follows', PATIENCE_MS, async () => (await launcher.waitForLeaders()) || undefined);
  }
  t.comment(`milliseconds to the next acknowledged write: ${gapsMs.join(', ')}`);
});

t.test('draining the leader hands leadership over before the thread ends', { timeout: 180_000 }, async (t) => {
  const cluster = await ProcessCluster.create(t.testdir({}));
  const { topology } = loadTopology({ file: cluster.topology, env: {}, flags: {} });
  const launcher = new Launcher({ topology, logger: silentLogger });
  t.teardown(() => launcher.stop());
  await launcher.start();
  await launcher.waitForLeaders();
  const leads = ({ roles }: SupervisedReplica): boolean => [...roles.values()].some(({ role }) => role === 'leader');
  const replicas = [...launcher.replicas.values()];
  const leader = replicas.find(leads);
  const other = replicas.find((replica) => replica !== leader);
  const client = connect({ node: other?.endpoints?.http ?? '', timeoutMs: 5000 });
  await client.put('x', '1');
  await leader?.drain();
  t.equal(leader?.state, 'stopped');
  t.equal((await client.put('x', '2')).result, 'replaced', 'the next write needs no retry');
  await eventually('one of the others leads', PATIENCE_MS, async () =>
    replicas.find((it) => it !== leader && leads(it)),
  );
});
