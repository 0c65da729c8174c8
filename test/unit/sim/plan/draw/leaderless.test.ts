import t from 'tap';
import { drawPlan } from '../../../../../src/sim/plan/draw/index.js';
import { FAULT_CLASSES, SEMISYNC_FAULTS } from '../../../../../src/sim/plan/faults.js';
import { NEMESES } from '../../../../../src/sim/plan/nemesis/index.js';
import type { Plan } from '../../../../../src/sim/plan/plan.js';
import { checkPlan } from '../../../../../src/sim/plan/schema.js';

const SEEDS = 300;

for (const engine of ['lww', 'causal'] as const) {
  const options = { engine, faults: FAULT_CLASSES };
  const plans = Array.from({ length: SEEDS }, (_, seed) => drawPlan(seed, options));
  const share = (holds: (plan: Plan) => boolean): number => plans.filter(holds).length / SEEDS;

  t.test(`${engine}: a seed always gives the same plan, which can be written down`, async (t) => {
    for (const [seed, plan] of plans.slice(0, 20).entries()) {
      t.same(drawPlan(seed, options), plan);
      t.same(checkPlan(JSON.parse(JSON.stringify(plan))), plan);
    }
  });

  t.test(`${engine}: what a world does not know does not happen in it`, async (t) => {
    for (const { faults, nemeses } of plans) {
      for (const { nemesis } of nemeses) {
        if (NEMESES.get(nemesis)?.faults.every((each) => faults.includes(each)) !== true) t.fail(nemesis);
      }
    }
    t.pass('all of them');
    for (let seed = 0; seed < 50; seed++) t.same(drawPlan(seed, { engine, faults: [] }).nemeses, []);
  });

  t.test(`${engine}: the swarm is varied (reliability.md §3.8)`, async (t) => {
    for (const each of FAULT_CLASSES) {
      const drawn = share(({ faults }) => faults.includes(each));
      if (['membership', 'transfer', ...SEMISYNC_FAULTS].includes(each)) t.equal(drawn, 0, each);
      else t.ok(drawn > 0.02, `${each}: ${drawn}`);
    }
    for (const name of ['roll-back', 'sole-holder', 'hostile', 'wipe', 'clock', 'power', 'isolate', 'checkpoint']) {
      t.ok(share(({ nemeses }) => nemeses.some(({ nemesis }) => nemesis === name)) > 0.01, name);
    }
    for (const replicas of [1, 2, 3, 4, 5, 7]) t.ok(share((plan) => plan.replicas === replicas) > 0.01, `${replicas}`);
    t.ok(share(({ leaderless }) => Object.keys(leaderless?.limits ?? {}).length > 0) > 0.5, 'limits are small');
    t.ok(
      share(({ clients }) => clients.some(({ leaderless }) => (leaderless?.expiry ?? 0) > 0)) > 0.2,
      'values expire',
    );
    const siblings = share(({ leaderless }) => leaderless?.conflicts === 'siblings');
    t.ok(engine === 'lww' ? siblings === 0 : siblings > 0.2, `siblings: ${siblings}`);
  });
}
