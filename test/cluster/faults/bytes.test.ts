import t from 'tap';
import { linkCounters, runningCluster } from './fixture.js';
import { assertLinearizable } from './verify.js';
import { Workload } from './workload.js';

/** What networks do to bytes and connections (reliability.md §2.1): noticed, counted, and without harm. */
t.setTimeout(270_000);

const CLIENTS = 6;

const { cluster, network, prng } = await runningCluster(t, 3);

t.test('bytes one by one, gathered, delayed, throttled: slower, and the same', { timeout: 180_000 }, async (t) => {
  const { closed: before } = await linkCounters(cluster);
  const workload = new Workload({ cluster, prng, clients: CLIENTS });
  workload.start();
  const shapes = {
    'segments of one byte': { segmentBytes: 1 },
    'gathered for 20 ms': { coalesceMs: 20 },
    'delayed by 5 to 25 ms': { delayMs: 5, jitterMs: 20 },
    '200 kB/s': { bytesPerSecond: 200_000 },
  };
  for (const [name, faults] of Object.entries(shapes)) {
    for (const link of network.links) link.setBoth(faults);
    const before = workload.count('ok');
    await cluster.until(`requests, ${name}`, 30_000, async () => workload.count('ok') > before + 40 || undefined);
    await cluster.heal();
    assertLinearizable(t, await workload.nextEpoch(), name);
  }
  assertLinearizable(t, await workload.stop(), 'afterwards');
  const { closed } = await linkCounters(cluster);
  t.same(closed, before, 'no connection was given up for it');
});

t.test('damaged bytes close the connection, never reach a log, and are counted', { timeout: 180_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: CLIENTS });
  workload.start();
  const flipped = (): number =>
    network.links.reduce((sum, link) => sum + link.counters('forward').flipped + link.counters('backward').flipped, 0);
  for (const link of network.links) link.setBoth({ corruptEveryBytes: 8000 });
  await cluster.until('damage', 30_000, async () => flipped() >= 12 || undefined);
  await cluster.until('checksums notice it', 30_000, async () => {
    const { closed } = await linkCounters(cluster);
    return (closed['bad_crc'] ?? 0) + (closed['bad_header'] ?? 0) > 0 || undefined;
  });
  const during = workload.count('ok');
  await cluster.until('work goes on', 30_000, async () => workload.count('ok') > during + 100 || undefined);
  await cluster.heal();
  await cluster.until('connections are made again', 30_000, async () => {
    return (await linkCounters(cluster)).reconnects > 0 || undefined;
  });
  const { closed, reconnects } = await linkCounters(cluster);
  t.comment(`${flipped()} bits flipped; closed by ${JSON.stringify(closed)}; ${reconnects} reconnects`);
  t.notOk(closed['malformed'] ?? closed['out_of_range'] ?? 0, 'nothing damaged got past the checksums');
  const metrics = await Promise.all(cluster.replicas.map(async ({ http }) => (await fetch(`${http}/metrics`)).text()));
  t.match(metrics.join('\n'), /kvorum_peer_closed_total\{[^}]*reason="bad_(crc|header)"[^}]*\} [1-9]/);
  assertLinearizable(t, await workload.stop(), 'through damaged links');
});
