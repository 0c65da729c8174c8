import { join } from 'node:path';
import t from 'tap';
import { groupId, replicaId, type GroupId } from '../../../src/base/brand.js';
import { silentLogger } from '../../../src/base/logger.js';
import { createPrng } from '../../../src/base/prng.js';
import { loadTopology } from '../../../src/config/load.js';
import { Replica } from '../../../src/replica/replica.js';
import type { WriteWaiter } from '../../../src/replica/router.js';
import { openStorage } from '../../../src/storage/index.js';
import type { Storage } from '../../../src/storage/storage.js';
import { createMemoryNetwork } from '../../../src/transport/memory/index.js';
import { bytes, valueOf } from '../../fixtures/replica/caller.js';
import { until } from '../../fixtures/replica/local-cluster.js';

t.setTimeout(180_000);

const KIB = 1024;
const SELF = replicaId('n1');
const IDLE_RAFT = groupId('default', 0);
const IDLE_LWW = groupId('likes', 0);
const BUSY = groupId('views', 0);

/** One replica of three keyspaces on disk, with the smallest files and checkpoints. */
async function start(dir: string): Promise<{ readonly replica: Replica; readonly storage: Storage }> {
  const { topology } = loadTopology({
    text: JSON.stringify({
      cluster: 'local',
      dataDir: dir,
      replicas: [{ id: SELF, peer: '127.0.0.1:1' }],
      keyspaces: { default: { engine: 'raft' }, likes: { engine: 'lww' }, views: { engine: 'lww' } },
      timing: { tickMs: 5, gossipMs: 50, startGraceMs: 50, heartbeatMs: 20, electionTimeoutMs: [100, 200] },
      storage: { segmentBytes: 64 * KIB, checkpointBytes: 64 * KIB, retainBytes: 64 * KIB },
    }),
  });
  const identity = { cluster: topology.cluster, replica: SELF };
  const { segmentBytes } = topology.storage;
  const storage = await openStorage({ dir: join(dir, SELF), identity, segmentBytes, fsync: false });
  const replica = new Replica({
    topology,
    self: SELF,
    storage,
    transport: createMemoryNetwork().transport(SELF, [SELF], storage.folder),
    prng: createPrng(1),
    logger: silentLogger,
    onFailed: (error) => t.fail(error.message),
    onChanged: () => undefined,
  });
  await replica.start();
  return { replica, storage };
}

function put(replica: Replica, group: GroupId, key: string, value: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiter: WriteWaiter = {
      onPut: () => resolve(),
      onResult: () => resolve(),
      onError: (_token, error) => reject(error),
    };
    const member = replica.member(group);
    if (member.engine === 'raft') member.writes.put(bytes(key), bytes(value), waiter, 0);
    else member.writes.put(bytes(key), bytes(value), waiter, 0, 'one', 0);
  });
}

t.test('keyspaces that hardly write do not keep the log of one that does (raft.md S2, ap.md §1.0.5)', async (t) => {
  const dir = t.testdir({});
  const { replica, storage } = await start(dir);
  for (const group of [IDLE_RAFT, IDLE_LWW]) for (const key of ['a', 'b', 'c']) await put(replica, group, key, key);
  const value = 'v'.repeat(KIB);
  const writeMuch = async (): Promise<void> => {
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 64 }, (_, at) => put(replica, BUSY, `k${at}`, `${round} ${value}`)));
    }
  };
  const boundBytes = 1536 * KIB;
  await writeMuch();
  await until('that the log was cut', () => (storage.log.bytes <= boundBytes ? true : undefined), 10_000);
  await put(replica, IDLE_RAFT, 'd', 'd');
  await put(replica, IDLE_LWW, 'd', 'd');
  await writeMuch();
  await until('that it was cut again', () => (storage.log.bytes <= boundBytes ? true : undefined), 10_000);
  await replica.close();

  const again = await start(dir);
  await put(again.replica, IDLE_RAFT, 'e', 'e');
  await put(again.replica, IDLE_LWW, 'e', 'e');
  for (const group of [IDLE_RAFT, IDLE_LWW]) {
    const { reader } = again.replica.member(group);
    for (const key of ['a', 'b', 'c', 'd', 'e']) t.equal(valueOf(reader, key), key, `${group} ${key}`);
  }
  t.match(valueOf(again.replica.member(BUSY).reader, 'k63'), /^39 v/);
  t.equal(again.replica.member(BUSY).reader.size, 64);
  await again.replica.close();
});
