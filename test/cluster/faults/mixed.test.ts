import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { NETWORK_FAULTS, PROCESS_FAULTS } from './acts.js';
import { Counters } from './counters.js';
import { runningCluster } from './fixture.js';
import { Nemesis } from './nemesis.js';
import { faultPlan, isMemberKind, MEMBER_KINDS, type FaultKind, type PlannedFault } from './plan.js';
import { assertLinearizable, checkIncrements } from './verify.js';
import { Workload } from './workload.js';

/**
 * Faults of all kinds one after the other, under clients of both protocols. The soak program (test/soak) does the same
 * for as long as one likes.
 */
const LASTS_MS = Number(process.env['KVORUM_TEST_MIXED_MS'] ?? 4500);
const PLAN = { lastsMs: [200, 900], restMs: [50, 400] } as const;

t.setTimeout(LASTS_MS + 250_000);

t.test('mixed faults, kill -9 among them', { timeout: LASTS_MS + 240_000 }, async (t) => {
  const { cluster, network, prng } = await runningCluster(t, 3);
  const workload = new Workload({ cluster, prng: prng.fork('clients'), clients: 6, restMs: 3 });
  const counters = new Counters('counter', cluster);
  const nemesis = new Nemesis(cluster, network);
  workload.start();
  counters.start();
  const endMs = performance.now() + LASTS_MS;
  const plan = faultPlan(prng.fork('plan'), () => cluster.ids, PLAN);
  // The one fault that the promise of durability is about is never left to chance.
  await nemesis.carryOut({ kinds: ['isolateLeader', 'killAll'], order: cluster.ids, lastsMs: 200, restMs: 100 });
  for (let fault = plan.next().value; performance.now() < endMs; fault = plan.next().value) {
    t.comment(`${fault.kinds.join(' + ')}, ${fault.order.join(' ')}, ${fault.lastsMs} ms`);
    await nemesis.carryOut(fault);
    assertLinearizable(t, await workload.nextEpoch(), fault.kinds.join(' + '));
  }
  // However busy the machine is: the faults have ended, and everybody is served again.
  await cluster.until('clients are served', 30_000, async () => workload.count('ok') > 100 || undefined);
  assertLinearizable(t, await workload.stop(), 'afterwards');
  const increments = await counters.stop();
  t.equal(checkIncrements(increments), null, `${increments.length} increments count once each`);
  t.comment(JSON.stringify({ ...workload.tally, ...nemesis.injected }));
});

function first(seed: number, count: number, changes: boolean): PlannedFault[] {
  const plan = faultPlan(createPrng(seed), () => ['n1', 'n2', 'n3'], { ...PLAN, changes });
  return Array.from({ length: count }, () => plan.next().value);
}

t.test('one seed, one plan', async (t) => {
  t.same(first(7, 50, false), first(7, 50, false));
  t.notSame(first(7, 50, false), first(8, 50, false));
});

t.test('no kind of fault is left to chance', async (t) => {
  const kinds = (seed: number, changes: boolean): FaultKind[] =>
    first(seed, 100, changes).flatMap((fault) => fault.kinds);
  const everything = new Set<FaultKind>(kinds(1, true));
  for (const kind of [...Object.keys(NETWORK_FAULTS), ...Object.keys(PROCESS_FAULTS), ...MEMBER_KINDS]) {
    t.ok(everything.has(kind as FaultKind), kind);
  }
  for (const seed of [2, 3, 4]) t.equal(new Set(kinds(seed, true)).size, everything.size, `seed ${seed}`);
  t.notOk(kinds(1, false).some(isMemberKind), 'members change only where that was asked for');
});
