import t, { type Test } from 'tap';
import { KvorumClient } from '../../../src/client/client.js';
import { runningCluster, lasting } from './fixture.js';
import { isolate, partPair, type Side } from './partitions.js';
import { assertLinearizable } from './verify.js';
import { Workload } from './workload.js';

/** Partitions and pauses of real processes: what clients are told stays linearizable (reliability.md §2.1, §2.2). */
t.setTimeout(270_000);

const CLIENTS = 6;
/** Several election timeouts. */
const LONG_MS = 1000;
/** Longer than the replicas take to answer, also on a busy machine. */
const REQUEST_MS = 8000;

const { cluster, network, prng } = await runningCluster(t, 3);

t.test('a leader that is cut off, hears nothing, or is not heard', { timeout: 270_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: CLIENTS });
  workload.start();
  for (const side of ['both', 'in', 'out'] as const satisfies readonly Side[]) {
    const old = await cluster.leader();
    isolate(network, old.id, side);
    const next = await cluster.leader('default', new Set([old.id]));
    await cluster.until('the old leader steps down', 30_000, async () => {
      const { keyspaces } = await cluster.status(old.id);
      return keyspaces.every(({ role }) => role !== 'leader') || undefined;
    });
    t.not(next.id, old.id, `isolated ${side}: another replica leads, and the old one knows that it does not`);
    const before = workload.count('ok');
    await cluster.until('clients go on', 30_000, async () => workload.count('ok') > before + 100 || undefined);
    await cluster.heal();
    assertLinearizable(t, await workload.nextEpoch(), `isolated ${side} and healed`);
  }
  assertLinearizable(t, await workload.stop(), 'afterwards');
  t.comment(JSON.stringify(workload.tally));
});

t.test('a cut-off replica promises nothing, and a healed one catches up', { timeout: 180_000 }, async (t) => {
  // A busy machine may elect another leader just then: then the write is refused, and it is done again.
  await cluster.until('a write that only a leader has', 50_000, async () => {
    const code = await writeAlone(t);
    return code === 'outcome_unknown' || undefined;
  });
});

/** Isolates the leader, and resolves to what it says of a write that it is then asked for. */
async function writeAlone(t: Test): Promise<string | undefined> {
  const old = await cluster.leader();
  using alone = new KvorumClient({ node: old.http, timeoutMs: REQUEST_MS });
  await cluster.served('a write', () => alone.put('x', 'before'));
  isolate(network, old.id, 'both');
  const lost = alone.put('x', 'alone').then(
    () => 'acknowledged',
    (error: { code?: string }) => error.code,
  );
  const next = await cluster.leader('default', new Set([old.id]));
  using majority = new KvorumClient({ node: next.http, timeoutMs: REQUEST_MS });
  await cluster.served('a write of the majority', () => majority.put('x', 'majority'));
  const code = await lost;
  t.not(code, 'acknowledged', `a write that the cut-off leader alone has is not acknowledged: ${code}`);
  await t.rejects(alone.get('x'), 'a read is not answered from the past');
  t.equal((await alone.get('x', { consistency: 'stale' }))?.value, 'before', 'unless the past is asked for');
  await cluster.heal();
  const item = await cluster.served('a read', () => alone.get('x'));
  t.equal(item?.value, 'majority', 'what the majority acknowledged is there');
  return code;
}

t.test('a pair that does not hear each other leaves the leader alone', { timeout: 180_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: CLIENTS });
  const leader = await cluster.leader();
  const [other] = cluster.ids.filter((id) => id !== leader.id);
  workload.start();
  partPair(network, leader.id, other ?? '');
  // A busy machine may cost an election; a replica that stands for one again and again leaves no time without.
  await cluster.until('a follower on the other side vouches for the leader: no elections', 60_000, async () => {
    const before = await terms();
    await lasting(LONG_MS);
    return (await terms()) === before || undefined;
  });
  const served = workload.count('ok');
  await cluster.until('work goes on', 30_000, async () => workload.count('ok') > served + 50 || undefined);
  await cluster.heal();
  assertLinearizable(t, await workload.stop(), 'a partial partition');
});

/** Who leads in which term, according to everybody. */
async function terms(): Promise<string> {
  const statuses = await Promise.all(cluster.ids.map((id) => cluster.status(id)));
  return JSON.stringify(statuses.map(({ keyspaces }) => keyspaces.map(({ leader, term }) => ({ leader, term }))));
}
