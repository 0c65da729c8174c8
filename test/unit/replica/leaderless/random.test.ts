import t from 'tap';
import { assertDefined } from '../../../../src/base/assert.js';
import type { ReplicaId } from '../../../../src/base/brand.js';
import { createPrng, type Prng } from '../../../../src/base/prng.js';
import type { Seen } from '../../../../src/replica/router.js';
import { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';
import { del, put, read } from '../../../fixtures/replica/leaderless-caller.js';
import { LeaderlessCluster } from '../../../fixtures/replica/leaderless-cluster.js';
import { until } from '../../../fixtures/replica/local-cluster.js';

/** Half a minute: replicas with real timers, cut links, power cuts and logs that are cut behind who is away. */
t.setTimeout(540_000);

const ROUNDS = 16;

/** A client that goes from replica to replica with what it has seen. */
class Wanderer {
  readonly name: string;
  /** By key, what the client has written and had acknowledged, or read. */
  #seen: Seen = {};
  #at = 0;
  acknowledged = 0;
  readonly broken: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Writes the next number under its own key at one replica, and reads it back at another. */
  async step(cluster: LeaderlessCluster, prng: Prng): Promise<void> {
    const nodes = cluster.running;
    const writer = nodes[prng.between(0, nodes.length - 1)];
    const reader = nodes[prng.between(0, nodes.length - 1)];
    if (writer === undefined || reader === undefined) return;
    const value = ++this.#at;
    const padding = 'x'.repeat(prng.between(0, 3000));
    const written = await put(writer.keyspace, this.name, `${value} ${padding}`, { seen: this.#seen, waitMs: 10 });
    if (written.ok) {
      this.acknowledged = value;
      this.#seen = written.seen;
    }
    if (prng.between(0, 3) === 0) void del(writer.keyspace, `${this.name}-other`);
    else void put(writer.keyspace, `${this.name}-other`, padding);
    const found = await read(reader.keyspace, this.name, 'session', { seen: this.#seen, waitMs: 10 });
    if (!found.ok) return;
    const got = Number.parseInt(found.value ?? '0', 10);
    if (got < this.acknowledged)
      this.broken.push(`${this.name}: read ${got} after ${this.acknowledged} at ${reader.id}`);
  }
}

for (const engine of ['lww', 'causal'] as const) {
  for (const seed of [1, 2, 3]) {
    t.test(
      `${engine}, seed ${seed}: acknowledged writes stay, sessions hold, and all replicas end up equal`,
      async (t) => {
        const prng = createPrng(seed);
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
          storage: { checkpointBytes: 128 * 1024, retainBytes: 0 },
          timing: { requestTimeoutMs: 500 },
        });
        t.teardown(() => cluster.close());
        const clients = ['a', 'b', 'c', 'd'].map((name) => new Wanderer(name));
        for (let round = 0; round < ROUNDS; round++) {
          await disturb(cluster, disks, prng);
          await Promise.all(
            clients.map(async (client) => {
              for (let at = 0; at < 12; at++) await client.step(cluster, prng);
            }),
          );
        }
        for (const id of cluster.ids) {
          cluster.isolate(id, false);
          if (!cluster.nodes.has(id)) await cluster.startReplica(id);
        }
        await cluster.converged(20_000);
        t.same(
          cluster.running.map(({ failure }) => failure),
          [null, null, null],
        );
        for (const { name, acknowledged, broken } of clients) {
          t.same(broken, []);
          t.ok(acknowledged > 0);
          const { value } = await read(cluster.node('n1').keyspace, name);
          t.ok(Number.parseInt(value ?? '0', 10) >= acknowledged, `${name}: ${value?.slice(0, 8)} of ${acknowledged}`);
        }
        await until('all are ready', () => (cluster.running.every(({ member }) => member.caughtUp) ? true : undefined));
      },
    );
  }
}

async function disturb(
  cluster: LeaderlessCluster,
  disks: Map<ReplicaId, SimulatedFileSystem>,
  prng: Prng,
): Promise<void> {
  const [a, b] = [prng.between(0, 2), prng.between(1, 2)];
  const one = assertDefined(cluster.ids[a], 'a replica');
  const other = assertDefined(cluster.ids[(a + b) % 3], 'another replica');
  switch (prng.between(0, 5)) {
    case 0:
      cluster.network.cut(one, other);
      return;
    case 1:
      cluster.network.heal(one, other);
      return;
    case 2:
      cluster.isolate(one, prng.between(0, 1) === 0);
      return;
    case 3:
      for (const id of cluster.ids) if (!cluster.nodes.has(id)) await cluster.startReplica(id);
      return;
    case 4:
      if (cluster.nodes.size < 3) return;
      disks.set(one, assertDefined(disks.get(one), 'its disk').crash({ survives: () => prng.between(0, 1) === 0 }));
      await cluster.stopReplica(one).catch(() => undefined);
      return;
    default:
      await cluster.nodes.get(one)?.member.checkpointNow();
  }
}
