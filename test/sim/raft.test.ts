import { availableParallelism } from 'node:os';
import t, { type Test } from 'tap';
import { FAULT_CLASSES } from '../../src/sim/plan/faults.js';
import { acknowledged, type Statistics } from '../../src/sim/runner/statistics.js';
import { Sweep } from '../../src/sim/sweep.js';

/**
 * The bar for every change: these worlds keep every promise. They are the same each time; `kvorum sim` with other seeds
 * finds what they do not reach (docs/simulator.md).
 */
const FIRST_SEED = 1;
const LAST_SEED = 200;
/** Every so many of them is run twice. */
const DETERMINISM_EVERY = 20;

t.test('200 worlds with every fault there is keep every promise (reliability.md §3)', async (t) => {
  const sweep = new Sweep({
    firstSeed: FIRST_SEED,
    lastSeed: LAST_SEED,
    draw: { faults: FAULT_CLASSES },
    determinismEvery: DETERMINISM_EVERY,
    jobs: Math.min(2, availableParallelism()),
    keepGoing: true,
    timeMaxMs: Infinity,
  });
  const { endedBy, statistics, violations, wallMs } = await sweep.run();
  await sweep.close();
  t.comment(`${Math.round(wallMs / 1000)} s, ${statistics.events} events, ${acknowledged(statistics)} operations`);
  t.equal(endedBy, 'seeds');
  t.equal(statistics.runs, LAST_SEED - FIRST_SEED + 1);
  t.same(
    violations.map(({ detail, invariant, seed }) => `kvorum sim --seeds ${seed}..${seed}: ${invariant}: ${detail}`),
    [],
  );
  checkPower(t, statistics);
});

/** Worlds in which nothing happens keep every promise, too (reliability.md §3.8). */
function checkPower(t: Test, statistics: Statistics): void {
  const { clients, runs } = statistics;
  t.ok(acknowledged(statistics) > 100 * runs, 'operations are acknowledged');
  t.ok(statistics.poorRuns < 0.1 * runs, `${statistics.poorRuns} worlds in which hardly anything was`);
  t.ok(clients.unknown > runs && clients.retries > runs, 'outcomes are unknown, requests are repeated');
  t.ok(statistics.elections > 2 * runs, 'leaders are elected');
  t.equal(statistics.undecidedKeys, 0, 'histories are small enough to be decided');
  for (const name of [
    'checkpoints',
    'snapshotsInstalled',
    'membershipChanges',
    'transfers',
    'crashes',
    'powerLosses',
    'pauses',
    'cuts',
    'selfStops',
    'damagedDisks',
  ] as const) {
    t.ok(statistics[name] >= 10, `${name}: ${statistics[name]}`);
  }
  // Rare: fourteen of these worlds know it.
  t.ok(statistics.lostSyncs > 0 && statistics.lyingDisks > 0, `${statistics.lostSyncs} syncs were lost`);
}
