import t from 'tap';
import { drawPlan } from '../../../../src/sim/plan/draw/index.js';
import type { Plan } from '../../../../src/sim/plan/plan.js';
import { Sweep, type SweepOptions } from '../../../../src/sim/sweep.js';

const OPTIONS: SweepOptions = {
  firstSeed: 1,
  lastSeed: 6,
  draw: { faults: [], replicas: 1 },
  determinismEvery: 2,
  jobs: 2,
  keepGoing: false,
  timeMaxMs: Infinity,
};

t.test('every seed is run once, whichever worker does it', async (t) => {
  const seen: number[] = [];
  const sweep = new Sweep({ ...OPTIONS, onProgress: ({ statistics }) => seen.push(statistics.runs) });
  t.match(await sweep.run(), { endedBy: 'seeds', violations: [], statistics: { runs: 6 } });
  t.equal(seen.at(-1), 6);
  await sweep.close();
});

t.test('it ends when its time is over, or when it is told to', async (t) => {
  const late = new Sweep({ ...OPTIONS, timeMaxMs: 0 });
  t.match(await late.run(), { endedBy: 'time', statistics: { runs: 0 } });
  await late.close();
  const stopped: Sweep = new Sweep({ ...OPTIONS, lastSeed: 10_000, onProgress: () => void stopped.stop() });
  const result = await stopped.run();
  t.equal(result.endedBy, 'stop');
  t.ok(result.statistics.runs > 0 && result.statistics.runs < 10_000, 'what was done is told');
});

t.test('a failing plan is reduced in a worker', async (t) => {
  const sweep = new Sweep({ ...OPTIONS, jobs: 1 });
  const plan: Plan = { ...drawPlan(8, { faults: ['crash', 'power'] }), livenessMs: 1, healAll: false };
  const shrunk = await sweep.shrink({ plan, invariant: 'liveness', runsMax: 150, timeMaxMs: 15_000 });
  t.equal(shrunk.violation?.invariant, 'liveness');
  t.match(shrunk.plan, { nemeses: [], clients: [], replicas: 1, faults: [] });
  t.ok(shrunk.runs <= 150);
  await sweep.close();
});
