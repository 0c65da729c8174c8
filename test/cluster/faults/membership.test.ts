import t from 'tap';
import { KvorumClient } from '../../../src/client/client.js';
import { Counters } from './counters.js';
import type { FaultCluster, FaultReplica } from './fault-cluster.js';
import { runningCluster } from './fixture.js';
import { Nemesis } from './nemesis.js';
import { Operator } from './operator.js';
import type { FaultKind } from './plan.js';
import { assertLinearizable, checkIncrements } from './verify.js';
import { Workload } from './workload.js';

/**
 * Members of real processes come and go (raft.md M1-M6): what clients of both protocols are told stays linearizable, and
 * nothing that was acknowledged is lost.
 */
t.setTimeout(360_000);

/** Writes that were acknowledged, one at every stage of a test, and are to be found at every later one. */
class Marks {
  readonly #cluster: FaultCluster;
  readonly #marks: string[] = [];

  constructor(cluster: FaultCluster) {
    this.#cluster = cluster;
  }

  async set(mark: string): Promise<void> {
    await this.#cluster.served(`mark ${mark}`, async () => {
      const { http } = await this.#cluster.leader();
      using client = new KvorumClient({ node: http });
      await client.put(`mark ${mark}`, mark);
    });
    this.#marks.push(mark);
  }

  /** What is missing at any member. */
  async missing(): Promise<string[]> {
    const missing: string[] = [];
    for (const { http, id } of this.#cluster.members) {
      using client = new KvorumClient({ node: http });
      for (const mark of this.#marks) {
        const item = await this.#cluster.served(`a read of ${id}`, () => client.get(`mark ${mark}`));
        if (item?.value !== mark) missing.push(`${mark} at ${id}`);
      }
    }
    return missing;
  }
}

t.test('3 → 5 → 3 under faults, with wiped disks in between', { timeout: 330_000 }, async (t) => {
  const { cluster, network, prng } = await runningCluster(t, 3, 6);
  const workload = new Workload({ cluster, prng: prng.fork('clients'), clients: 4, restMs: 8 });
  const counters = new Counters('counter', cluster, 10);
  const nemesis = new Nemesis(cluster, network);
  const marks = new Marks(cluster);
  workload.start();
  counters.start();
  const step = async (kinds: readonly FaultKind[], order = cluster.ids): Promise<void> => {
    const name = kinds.join(' + ');
    await marks.set(name);
    await nemesis.carryOut({ kinds, order, lastsMs: 150, restMs: 0 });
    t.same(await marks.missing(), [], `${cluster.ids.join(' ')} after ${name}: nothing is lost`);
    assertLinearizable(t, await workload.nextEpoch(), name);
  };
  // One of the first is known to the others by what the cluster was formed with (raft.md M5), …
  await step(['wipe', 'addMember']);
  t.equal(cluster.members.length, 4, 'another one came instead of the wiped one');
  await step(['isolateLeader', 'addMember']);
  t.equal(cluster.members.length, 5);
  // … one that was added by its promotion (raft.md M4).
  await step(['wipe', 'killLeader'], [...cluster.ids].reverse());
  t.equal(cluster.members.length, 5, 'another one came instead of the wiped one');
  await step(['comeBack', 'removeLeader']);
  await step(['removeMember', 'killOne']);
  t.equal(cluster.members.length, 3);
  assertLinearizable(t, await workload.stop(), 'afterwards');
  const increments = await counters.stop();
  t.equal(checkIncrements(increments), null, `${increments.length} increments count once each`);
  t.comment(JSON.stringify({ ...workload.tally, ...nemesis.operator.failures }));
});

t.test('1 → 3 → 5 → 1 under load, the leader leaving first', { timeout: 330_000 }, async (t) => {
  const { cluster, prng } = await runningCluster(t, 1, 4);
  const workload = new Workload({ cluster, prng: prng.fork('clients'), clients: 4, restMs: 8 });
  const operator = new Operator(cluster);
  const marks = new Marks(cluster);
  const served = async (what: string): Promise<void> => {
    const before = workload.count('ok');
    await cluster.until('clients are served', 30_000, async () => workload.count('ok') > before + 50 || undefined);
    await cluster.agreed();
    await marks.set(what);
  };
  workload.start();
  await served('1');
  for (const size of [2, 3, 4, 5]) {
    await operator.add(await operator.launch());
    await served(String(size));
  }
  await cluster.settled();
  await cluster.checkLinks();
  t.same(await marks.missing(), [], '5 have what the one had');
  while (cluster.members.length > 1) {
    const leaving: FaultReplica = await cluster.leader();
    await operator.remove(leaving);
    await operator.retire(leaving);
    await served(`without ${leaving.id}`);
  }
  t.same(await marks.missing(), [], 'the last one has what all had');
  assertLinearizable(t, await workload.stop(), 'from one to five to one');
  t.comment(JSON.stringify({ ...workload.tally, ...operator.failures }));
});
