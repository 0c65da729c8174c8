import type { Test } from 'tap';
import { createPrng, type Prng } from '../../../src/base/prng.js';
import { FaultCluster } from './fault-cluster.js';
import { ProxyNetwork } from './network.js';

/** The seed of the faults' choices; print it, and set the variable to make the same choices again. */
const SEED = Number(process.env['KVORUM_TEST_FAULT_SEED'] ?? Date.now() % 1_000_000);

export interface Fixture {
  readonly cluster: FaultCluster;
  readonly network: ProxyNetwork;
  readonly prng: Prng;
}

/** A running cluster behind proxies, with places for `spare` replicas that may join; ended with the test, and its last words are shown when the test has failed. */
export async function runningCluster(t: Test, replicas: number, spare = 0): Promise<Fixture> {
  t.comment(`seed ${SEED}`);
  const prng = createPrng(SEED);
  const network = await ProxyNetwork.create(replicas, prng.fork('network'), spare);
  const cluster = FaultCluster.create(t.testdir({}), network);
  t.teardown(async () => {
    if (!t.passing()) t.comment(cluster.stderr);
    await cluster.close();
  });
  await cluster.start();
  return { cluster, network, prng };
}

/** For faults that have to last: the time is the fault. */
export function lasting(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** Why connections between replicas were closed, over all replicas; and how often they were made again. */
export async function linkCounters(
  cluster: FaultCluster,
): Promise<{ closed: Record<string, number>; reconnects: number }> {
  const closed: Record<string, number> = {};
  let reconnects = 0;
  for (const id of cluster.ids) {
    for (const link of (await cluster.status(id)).links) {
      reconnects += link.reconnects;
      for (const [reason, count] of Object.entries(link.closed_by)) closed[reason] = (closed[reason] ?? 0) + count;
    }
  }
  return { closed, reconnects };
}
