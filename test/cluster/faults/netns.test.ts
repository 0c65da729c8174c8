import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { FaultCluster } from './fault-cluster.js';
import { NamespaceNetwork } from './namespaces.js';
import { isolate } from './partitions.js';
import { assertLinearizable } from './verify.js';
import { Workload } from './workload.js';

/** Replicas on "hosts" of their own, parted by the loss of packets: what no proxy can imitate. */
t.setTimeout(270_000);

/** Says why when it cannot be done here: not Linux, not root, no `ip`, no right to make namespaces. */
function build(): NamespaceNetwork | string {
  const missing = NamespaceNetwork.missing();
  if (missing !== null) return missing;
  try {
    return NamespaceNetwork.create(3);
  } catch (error) {
    return String(error);
  }
}

const network = build();
const skip = typeof network === 'string' ? network : false;

t.test('packets are lost between hosts', { skip, timeout: 270_000 }, async (t) => {
  if (typeof network === 'string') return;
  const cluster = FaultCluster.create(t.testdir({}), network);
  t.teardown(async () => {
    if (!t.passing()) t.comment(cluster.stderr);
    await cluster.close();
  });
  await cluster.start();
  const workload = new Workload({ cluster, prng: createPrng(1), clients: 6, restMs: 4 });
  workload.start();
  const faults = {
    'isolated both ways': (id: string) => isolate(network, id, 'both'),
    'hears nobody': (id: string) => isolate(network, id, 'in'),
    'is heard by nobody': (id: string) => isolate(network, id, 'out'),
    'unplugged, from its clients too': (id: string) => network.unplug(id),
  };
  for (const [name, part] of Object.entries(faults)) {
    const old = await cluster.leader();
    part(old.id);
    const next = await cluster.leader('default', new Set([old.id]));
    t.not(next.id, old.id, `${name}: another replica leads`);
    const before = workload.count('ok');
    await cluster.until('clients go on', 30_000, async () => workload.count('ok') > before + 60 || undefined);
    await cluster.heal();
    assertLinearizable(t, await workload.nextEpoch(), name);
  }
  assertLinearizable(t, await workload.stop(), 'afterwards');
  t.comment(JSON.stringify(workload.tally));
});
