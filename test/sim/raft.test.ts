import t, { type Test } from 'tap';
import { acknowledged, type Statistics } from '../../src/sim/runner/statistics.js';
import { sweepOf } from './sweep.js';

/**
 * The bar for every change: these worlds keep every promise. They are the same each time; `kvorum sim` with other seeds
 * finds what they do not reach (docs/simulator.md).
 */
const LAST_SEED = 200;

t.test('200 worlds with every fault there is keep every promise (reliability.md §3)', async (t) => {
  checkPower(t, await sweepOf(t, 'raft', LAST_SEED));
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
