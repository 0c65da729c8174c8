import t from 'tap';
import { groupsOf, partitionOf } from '../../../src/cluster/placement.js';
import { loadTopology } from '../../../src/config/load.js';

const { topology } = loadTopology({
  text: `cluster: demo
replicas:
  - { id: n1, peer: 127.0.0.1:7101 }
  - { id: n2, peer: 127.0.0.1:7102 }
  - { id: n3, peer: 127.0.0.1:7103 }
keyspaces: { carts: { engine: raft }, default: { engine: raft } }
`,
});

t.test('one group per partition of each keyspace, on every replica', (t) => {
  const members = ['n1', 'n2', 'n3'];
  const keyspaces = topology.keyspaces.map((config) => ({ ...config, partitions: config.name === 'carts' ? 2 : 1 }));
  t.same(groupsOf({ ...topology, keyspaces }), [
    { group: 'default/0', keyspace: 'default', partition: 0, members },
    { group: 'carts/0', keyspace: 'carts', partition: 0, members },
    { group: 'carts/1', keyspace: 'carts', partition: 1, members },
  ]);
  t.end();
});

t.test('a key always has the same partition, within range', (t) => {
  for (const partitions of [1, 2, 3, 7, 64]) {
    for (const key of ['', 'a', 'key', '\u0000\u00ff', 'x'.repeat(1024)]) {
      const partition = partitionOf(key, partitions);
      t.ok(
        partition >= 0 && partition < partitions && Number.isInteger(partition),
        `${key.slice(0, 8)} of ${partitions}`,
      );
      t.equal(partitionOf(key, partitions), partition);
    }
  }
  t.end();
});

t.test('keys spread evenly over partitions', (t) => {
  const counts = Array.from({ length: 16 }, () => 0);
  const keys = 16_000;
  for (let n = 0; n < keys; n++) {
    const partition = partitionOf(`user:${n}`, counts.length);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  // The standard deviation of a fair spread is about 31; six of them do not happen by chance.
  for (const count of counts) t.ok(Math.abs(count - 1000) < 190, `${count} keys`);
  t.end();
});

t.test('where known keys live is part of the data format', (t) => {
  // Computed with xxhash-wasm: XXH32 with the seed 0x6b766f72, times 64, divided by 2^32.
  const places = ['greeting', 'user:1', 'user:2', 'a', 'b', '\u00ff'].map((key) => partitionOf(key, 64));
  t.same(places, [22, 44, 41, 8, 59, 45]);
  t.end();
});
