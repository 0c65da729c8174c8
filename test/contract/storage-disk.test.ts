import { join } from 'node:path';
import t from 'tap';
import { replicaId } from '../../src/base/brand.js';
import { openStorage } from '../../src/storage/index.js';
import { storageContract } from './storage.js';

storageContract(t, async (t) => {
  const options = {
    dir: join(t.testdir(), 'n1'),
    identity: { cluster: 'test', replica: replicaId('n1') },
    segmentBytes: 1_000_000,
    fsync: true,
  };
  const storage = await openStorage(options);
  return {
    storage,
    reopen: async () => {
      await storage.close();
      return openStorage(options);
    },
  };
});
