import t from 'tap';
import { drawPlan } from '../../../../../src/sim/plan/draw/index.js';
import { FAULT_CLASSES, LEADERLESS_FAULTS, parseFaults, SEMISYNC_FAULTS } from '../../../../../src/sim/plan/faults.js';
import { DIRECTED_NEMESES } from '../../../../../src/sim/plan/nemesis/directed.js';
import { NEMESES } from '../../../../../src/sim/plan/nemesis/index.js';
import { LEADERLESS_NEMESES } from '../../../../../src/sim/plan/nemesis/leaderless.js';
import { SEMISYNC_NEMESES } from '../../../../../src/sim/plan/nemesis/semisync.js';
import type { Plan } from '../../../../../src/sim/plan/plan.js';
import { checkPlan } from '../../../../../src/sim/plan/schema.js';

const SEEDS = 1000;
const plans = Array.from({ length: SEEDS }, (_, seed) => drawPlan(seed));

function share(condition: (plan: Plan) => boolean): number {
  return plans.filter(condition).length / SEEDS;
}

t.test('a thousand seeds give valid plans, which survive JSON', async (t) => {
  for (const [seed, plan] of plans.entries()) {
    const copy = JSON.parse(JSON.stringify(plan)) as unknown;
    const checked = checkPlan(copy);
    if (JSON.stringify(checked) !== JSON.stringify(plan)) t.fail(`seed ${seed}`);
  }
  t.pass('all of them');
});

t.test('the same seed gives the same plan, another seed another one', async (t) => {
  for (const seed of [0, 1, 77, 0xffff_ffff]) t.same(drawPlan(seed), drawPlan(seed));
  t.equal(new Set(plans.map((plan) => JSON.stringify(plan))).size, SEEDS);
});

t.test('actions come in order of time, within the safety phase, and of the classes of the plan only', async (t) => {
  for (const { faults, nemeses, safetyMs } of plans) {
    let beforeMs = 0;
    for (const { atMs, nemesis } of nemeses) {
      if (atMs < beforeMs || atMs >= safetyMs) t.fail('out of order');
      beforeMs = atMs;
      if (NEMESES.get(nemesis)?.faults.every((each) => faults.includes(each)) !== true) t.fail(nemesis);
    }
  }
  t.pass('all of them');
});

t.test(
  'the swarm is varied: every class, every nemesis and every size of group is there (reliability.md §3.8)',
  async (t) => {
    for (const each of FAULT_CLASSES) {
      if ([...LEADERLESS_FAULTS, ...SEMISYNC_FAULTS].includes(each))
        t.equal(
          share(({ faults }) => faults.includes(each)),
          0,
          each,
        );
      else t.ok(share(({ faults }) => faults.includes(each)) > (each === 'lost-sync' ? 0.03 : 0.3), each);
    }
    const never = [...DIRECTED_NEMESES, ...LEADERLESS_NEMESES, ...SEMISYNC_NEMESES];
    for (const each of NEMESES.values()) {
      const drawn = share(({ nemeses }) => nemeses.some(({ nemesis }) => nemesis === each.name));
      t.ok(never.includes(each) ? drawn === 0 : drawn > 0.02, each.name);
    }
    for (const replicas of [1, 2, 3, 4, 5]) t.ok(share((plan) => plan.replicas === replicas) > 0.01, `${replicas}`);
    t.ok(share((plan) => plan.replicas === 3) > 0.4, 'three replicas, mostly');
    t.ok(share(({ nemeses }) => nemeses.length >= 2) > 0.8, 'most worlds have several actions');
    t.ok(share(({ clients: [client] }) => (client?.mix.append ?? 0) + (client?.mix.cas ?? 0) > 0) > 0.7);
    t.ok(share(({ clients }) => new Set(clients.map(({ id }) => id)).size < clients.length) > 0.02, 'shared ids');
  },
);

t.test('leases are never used where clocks drift: they trust them (raft.md L4)', async (t) => {
  t.notOk(plans.some(({ faults, knobs }) => knobs.leaseReads && faults.includes('clock')));
  t.ok(share(({ knobs }) => knobs.leaseReads) > 0.1);
});

t.test('--faults restricts what a world may know', async (t) => {
  for (let seed = 0; seed < 50; seed++) {
    t.same(drawPlan(seed, { faults: [] }).nemeses, []);
    const { faults, network } = drawPlan(seed, { faults: ['crash', 'power'] });
    t.ok(faults.every((each) => each === 'crash' || each === 'power'));
    t.match(network, { loss: 0, duplicate: 0, corrupt: 0, reorder: 0, slowTail: 0 });
    t.equal(drawPlan(seed, { faults: [], replicas: 5 }).replicas, 5);
  }
});

t.test('disks that lie come on top: everything else in a plan is as without them', async (t) => {
  const others = FAULT_CLASSES.filter((each) => each !== 'lost-sync');
  let lying = 0;
  for (const [seed, plan] of plans.entries()) {
    const nemeses = plan.nemeses.filter(({ nemesis }) => nemesis !== 'lost-sync');
    const faults = plan.faults.filter((each) => each !== 'lost-sync');
    if (nemeses.length < plan.nemeses.length) lying++;
    t.equal(faults.length < plan.faults.length, nemeses.length < plan.nemeses.length);
    if (JSON.stringify({ ...plan, faults, nemeses }) === JSON.stringify(drawPlan(seed, { faults: others }))) continue;
    t.fail(`seed ${seed}`);
  }
  t.ok(lying > 0.03 * SEEDS && lying < 0.07 * SEEDS, `${lying} plans: few`);
  const asked = plans.filter((_, seed) => drawPlan(seed, { faults: ['lost-sync'] }).nemeses.length > 0);
  t.ok(asked.length > 0.4 * SEEDS, 'more where somebody asks for them');
});

t.test('names of faults are added and taken out', async (t) => {
  t.same(parseFaults('all'), FAULT_CLASSES);
  t.same(parseFaults('none'), []);
  t.same(parseFaults('crash, network'), ['network', 'crash']);
  t.same(
    parseFaults('all,-rot'),
    FAULT_CLASSES.filter((each) => each !== 'rot'),
  );
  t.same(
    parseFaults('-rot,-wipe'),
    FAULT_CLASSES.filter((each) => each !== 'rot' && each !== 'wipe'),
  );
  t.throws(() => parseFaults('crashes'), { code: 'usage', message: /no class of faults "crashes"/ });
});

t.test('a plan that was written by hand is checked', async (t) => {
  const [plan] = plans;
  const nemeses = [{ atMs: 1, nemesis: 'pause', seed: 1, options: { target: 'leader', durationMs: 77 } }];
  t.match(checkPlan({ ...plan, nemeses }), { nemeses }, 'any number where the table has numbers');
  const wrong: readonly (readonly [string, unknown, RegExp])[] = [
    ['not an object', null, /the plan must be object/],
    ['of another version', { ...plan, version: 99 }, /\/version/],
    ['with something more', { ...plan, more: 1 }, /must NOT have additional properties/],
    ['a chance above 1', { ...plan, network: { ...plan?.network, loss: 2 } }, /\/network\/loss/],
    ['an unknown nemesis', { ...plan, nemeses: [{ ...nemeses[0], nemesis: 'flood' }] }, /\/nemeses\/0\/nemesis/],
    [
      'an unknown word',
      { ...plan, nemeses: [{ ...nemeses[0], options: { target: 'me', durationMs: 1 } }] },
      /target = "me"/,
    ],
    ['a missing option', { ...plan, nemeses: [{ ...nemeses[0], options: { target: 'all' } }] }, /target|durationMs/],
    ['an option too many', { ...plan, nemeses: [{ ...nemeses[0], options: { a: 1 } }] }, /has no option a/],
  ];
  for (const [name, value, message] of wrong) t.throws(() => checkPlan(value), { code: 'usage', message }, name);
});
