import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { FileSystem } from '../../../../src/storage/file-system.js';
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

/** The real one, but for the files of lost writes. */
function refusing(state: { refuses: boolean; readonly order: string[] }): FileSystem {
  return new Proxy(nodeFileSystem, {
    get(target, name: keyof FileSystem) {
      const value = target[name] as (...args: unknown[]) => unknown;
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const path = String(args[0]);
        if (path.includes('/n1/lost-writes')) {
          if (state.refuses) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
          state.order.push(name);
        }
        return value.apply(target, args);
      };
    },
  });
}

/** n1 has one write that nobody else has, and n2 leads. */
async function deposed(dir: string, fs: FileSystem): Promise<SemisyncCluster> {
  const cluster = await SemisyncCluster.start({
    dir,
    keyspace: { writeQuorum: 1, maxLagMs: 5000, promotion: 'manual' },
    timing: { requestTimeoutMs: 100 },
    fs: (id) => (id === 'n1' ? fs : undefined),
  });
  const { keyspace } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  await cluster.converged();
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, true);
  t.match(await put(keyspace, 'a', 'lost'), { ok: false, code: 'outcome_unknown' });
  cluster.isolate('n1');
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, false);
  await cluster.node('n2').keyspace.semisync.promote(false);
  await cluster.led('n2', 1);
  return cluster;
}

t.test('without a file nothing leaves the log: the replica stops, and tells it when the disk has room', async (t) => {
  const state = { refuses: true, order: [] as string[] };
  const cluster = await deposed(t.testdir(), refusing(state));
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  const last = n1.member.core?.lastIndex;
  cluster.isolate('n1', false);
  await until('that n1 stops', () => (n1.failure === null ? undefined : true));
  t.match(n1.failure, { code: 'storage_failed', message: /lost writes cannot be recorded.*no space left/ });
  await cluster.stopReplica('n1');
  cluster.isolate('n1');
  await cluster.startReplica('n1');
  t.equal(cluster.node('n1').member.core?.lastIndex, last, 'it is all there');
  await cluster.stopReplica('n1');
  state.refuses = false;
  cluster.isolate('n1', false);
  await cluster.startReplica('n1');
  await cluster.led('n2', 2);
  await cluster.converged();
  t.match((await cluster.node('n1').keyspace.semisync.failovers())[0]?.discarded, { entries: 1, writes: 1 });
  t.ok(state.order.indexOf('renameSync') < state.order.lastIndexOf('syncDirSync'), 'the name is durable as well');
});

t.test('a damaged file is reported, and disturbs nothing else', async (t) => {
  const dir = t.testdir();
  const cluster = await deposed(dir, nodeFileSystem);
  t.teardown(() => cluster.close());
  cluster.isolate('n1', false);
  await cluster.led('n2', 2);
  await cluster.converged();
  const { semisync } = cluster.node('n1').keyspace;
  const [before] = await semisync.failovers();
  const file = before?.discarded?.file ?? '';
  writeFileSync(join(dir, 'n1', 'lost-writes', file), 'rotten');
  const [after] = await semisync.failovers();
  t.match(after, { epoch: before?.epoch, discarded: { file, entries: 0, damage: /no file of lost writes/ } });
  t.match(await semisync.lostWrites(file), { commands: [], truncated: true, damage: /no file/ });
  t.match(await get(cluster.node('n1').keyspace, 'a', 'follower'), { value: '1' });
});
