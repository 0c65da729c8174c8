import t from 'tap';
import { drawPlan } from '../../../../../src/sim/plan/draw/index.js';
import { FAULT_CLASSES, SEMISYNC_FAULTS } from '../../../../../src/sim/plan/faults.js';
import { NEMESES } from '../../../../../src/sim/plan/nemesis/index.js';
import type { Plan } from '../../../../../src/sim/plan/plan.js';
import { checkPlan } from '../../../../../src/sim/plan/schema.js';

const SEEDS = 400;
const options = { engine: 'semisync', faults: FAULT_CLASSES } as const;
const plans = Array.from({ length: SEEDS }, (_, seed) => drawPlan(seed, options));
const share = (holds: (plan: Plan) => boolean): number => plans.filter(holds).length / SEEDS;

t.test('a seed always gives the same plan, which can be written down', async (t) => {
  for (const [seed, plan] of plans.slice(0, 50).entries()) {
    t.same(drawPlan(seed, options), plan);
    t.same(checkPlan(JSON.parse(JSON.stringify(plan))), plan);
  }
});

t.test('what a world does not know does not happen in it', async (t) => {
  for (const { faults, nemeses } of plans) {
    for (const { nemesis } of nemeses) {
      if (NEMESES.get(nemesis)?.faults.every((each) => faults.includes(each)) !== true) t.fail(nemesis);
    }
  }
  t.pass('all of them');
  for (let seed = 0; seed < 50; seed++) {
    t.same(drawPlan(seed, { engine: 'semisync', faults: [] }).nemeses, []);
  }
});

t.test('the swarm is varied (reliability.md §3.8)', async (t) => {
  const never = ['membership', 'transfer', 'rollback', 'hostile'];
  for (const each of FAULT_CLASSES) {
    const drawn = share(({ faults }) => faults.includes(each));
    if (never.includes(each)) t.equal(drawn, 0, each);
    else t.ok(drawn > 0.02, `${each}: ${drawn}`);
  }
  for (const name of [
    'set-quorum',
    'crash-quorum',
    'promote',
    'upheaval',
    'force',
    'force-apart',
    'power',
    'isolate',
  ]) {
    t.ok(share(({ nemeses }) => nemeses.some(({ nemesis }) => nemesis === name)) > 0.02, name);
  }
  for (const replicas of [2, 3, 4, 5, 6]) t.ok(share((plan) => plan.replicas === replicas) > 0.04, `${replicas}`);
  t.ok(
    plans.every(({ replicas, semisync }) => (semisync?.writeQuorum ?? -1) <= replicas - 1),
    'W is at most F',
  );
  for (const promotion of ['auto', 'manual']) t.ok(share(({ semisync }) => semisync?.promotion === promotion) > 0.25);
  t.ok(share(({ semisync }) => semisync?.delayMs !== undefined) > 0.1, 'some networks are slow on purpose');
  t.ok(share(({ clients: [client] }) => (client?.semisync?.reads.bounded ?? 0) > 0) > 0.2, 'reads are bounded');
});

t.test('plans of other engines know nothing of write quorums', async (t) => {
  for (const engine of ['raft', 'lww', 'causal'] as const) {
    for (let seed = 0; seed < 100; seed++) {
      const { clients, faults, semisync } = drawPlan(seed, { engine, faults: FAULT_CLASSES });
      if (semisync !== undefined || clients.some((client) => client.semisync !== undefined))
        t.fail(`${engine} ${seed}`);
      if (faults.some((each) => SEMISYNC_FAULTS.includes(each))) t.fail(`${engine} ${seed}: ${faults.join(', ')}`);
    }
  }
  t.pass('all of them');
});
