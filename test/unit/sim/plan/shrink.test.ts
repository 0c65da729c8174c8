import t from 'tap';
import { ddmin } from '../../../../src/sim/plan/ddmin.js';
import { drawPlan } from '../../../../src/sim/plan/draw/index.js';
import { HEALED_LINKS } from '../../../../src/sim/plan/healed.js';
import type { Plan } from '../../../../src/sim/plan/plan.js';
import { shrink, type ShrinkOptions } from '../../../../src/sim/plan/shrink.js';

const UNBOUNDED: ShrinkOptions = { runsMax: Infinity, isOver: () => false };

/** A big plan with three replicas or more, several clients and many actions. */
function bigPlan(): Plan {
  for (let seed = 0; ; seed++) {
    const plan = drawPlan(seed);
    if (plan.replicas >= 3 && plan.clients.length >= 6 && plan.nemeses.length >= 12 && plan.faults.length >= 10)
      return plan;
  }
}

t.test('delta debugging leaves what is needed, and nothing else', async (t) => {
  const items = Array.from({ length: 50 }, (_, at) => at);
  for (const needed of [[], [0], [49], [3, 4], [0, 20, 49], [7, 8, 9, 31]]) {
    const found = await ddmin(items, async (part) => needed.every((each) => part.includes(each)));
    t.same(found, needed);
  }
});

t.test('a failure that needs one action, two replicas and one client is reduced to that', async (t) => {
  const plan = bigPlan();
  const needed = plan.nemeses[7];
  const fails = async (each: Plan): Promise<boolean> =>
    each.nemeses.some(({ seed }) => seed === needed?.seed) &&
    each.replicas >= 2 &&
    each.clients.some(({ operations }) => operations >= 3);
  const { plan: small, runs } = await shrink(plan, fails, UNBOUNDED);
  t.ok(await fails(small), 'it still fails');
  t.same(small.nemeses, [needed]);
  t.equal(small.replicas, 2);
  t.equal(small.clients.length, 1);
  t.ok((small.clients[0]?.operations ?? 0) < 6);
  t.ok(small.safetyMs <= plan.safetyMs);
  t.same(small.network, HEALED_LINKS, 'faults that are not needed are gone');
  t.ok(small.faults.length < plan.faults.length);
  t.ok(runs < 500, `${runs} runs`);
});

t.test('a failure that needs everything stays as it is', async (t) => {
  const plan = bigPlan();
  const { plan: same } = await shrink(plan, async (each) => JSON.stringify(each) === JSON.stringify(plan), UNBOUNDED);
  t.same(same, plan);
});

t.test('it ends when its runs or its time are used up', async (t) => {
  const plan = bigPlan();
  let runs = 0;
  const fails = async (): Promise<boolean> => {
    runs++;
    return true;
  };
  await shrink(plan, fails, { runsMax: 5, isOver: () => false });
  t.equal(runs, 5);
  await shrink(plan, fails, { runsMax: 1000, isOver: () => runs >= 8 });
  t.equal(runs, 8);
});
