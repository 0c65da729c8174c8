import t from 'tap';
import { replicaId } from '../../src/base/brand.js';
import { openMemoryStorage } from '../../src/storage/index.js';
import { storageContract } from './storage.js';

storageContract(t, async () => ({
  storage: await openMemoryStorage({ identity: { cluster: 'test', replica: replicaId('n1') } }),
  reopen: null,
}));
