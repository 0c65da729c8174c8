import t from 'tap';
import { linkCounters, runningCluster } from './fixture.js';
import { assertLinearizable } from './verify.js';
import { Workload } from './workload.js';

/** Half-open TCP (reliability.md §2.1): the other side is gone, and nothing says so. */
t.setTimeout(180_000);

t.test('half-open connections of the leader are noticed by their silence', { timeout: 180_000 }, async (t) => {
  const { cluster, network, prng } = await runningCluster(t, 3);
  const workload = new Workload({ cluster, prng, clients: 6, restMs: 4 });
  workload.start();
  const old = await cluster.leader();
  // As when a firewall forgets its connections: the existing ones are dead for ever, new ones work.
  const others = cluster.ids.filter((id) => id !== old.id);
  for (const other of others) network.affect(old.id, other, { swallow: true });
  await network.heal();
  const next = await cluster.leader('default', new Set([old.id]));
  t.not(next.id, old.id, 'who hears nothing of the leader elects another one');
  await cluster.until('the dead connections are made again', 30_000, async () => {
    const { links } = await cluster.status(old.id);
    return links.every(({ connected, reconnects }) => connected && reconnects > 0) || undefined;
  });
  await cluster.until('silence has closed those of each of the others', 30_000, async () => {
    const { closed } = await linkCounters(cluster);
    return (closed['silent'] ?? 0) >= others.length || undefined;
  });
  await cluster.settled();
  assertLinearizable(t, await workload.stop(), 'around half-open connections');
});
