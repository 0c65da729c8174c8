import { availableParallelism } from 'node:os';
import type { Test } from 'tap';
import { FAULT_CLASSES } from '../../src/sim/plan/faults.js';
import type { SimulatedEngine } from '../../src/sim/plan/plan.js';
import { acknowledged, type Statistics } from '../../src/sim/runner/statistics.js';
import { Sweep } from '../../src/sim/sweep.js';

/** Every so many seeds one is run twice. */
const DETERMINISM_EVERY = 20;

/** Runs seeds of an engine with every fault there is: none may break a promise. */
export async function sweepOf(t: Test, engine: SimulatedEngine, lastSeed: number): Promise<Statistics> {
  const sweep = new Sweep({
    firstSeed: 1,
    lastSeed,
    draw: { engine, faults: FAULT_CLASSES },
    determinismEvery: DETERMINISM_EVERY,
    jobs: Math.min(2, availableParallelism()),
    keepGoing: true,
    timeMaxMs: Infinity,
  });
  const { endedBy, statistics, violations, wallMs } = await sweep.run();
  await sweep.close();
  t.comment(`${Math.round(wallMs / 1000)} s, ${statistics.events} events, ${acknowledged(statistics)} operations`);
  t.equal(endedBy, 'seeds');
  t.equal(statistics.runs, lastSeed);
  t.same(
    violations.map(
      ({ detail, invariant, seed }) =>
        `kvorum sim --engine ${engine} --seeds ${seed}..${seed}: ${invariant}: ${detail}`,
    ),
    [],
  );
  return statistics;
}

/** Worlds without a leader in which nothing happens keep every promise, too (reliability.md §3.8). */
export function checkLeaderlessPower(t: Test, statistics: Statistics): void {
  const { clients, leaderless, runs } = statistics;
  t.ok(acknowledged(statistics) > 80 * runs, 'operations are acknowledged');
  t.ok(statistics.poorRuns < 0.1 * runs, `${statistics.poorRuns} worlds in which hardly anything was`);
  t.ok(statistics.excused < 0.03 * runs, `${statistics.excused} worlds went beyond what is promised`);
  t.ok(clients.unknown > runs && clients.retries > runs, 'outcomes are unknown, requests are repeated');
  t.equal(statistics.undecidedKeys, 0, 'histories are small enough to be decided');
  for (const name of [
    'checkpoints',
    'crashes',
    'powerLosses',
    'pauses',
    'cuts',
    'selfStops',
    'damagedDisks',
  ] as const) {
    t.ok(statistics[name] >= 10, `${name}: ${statistics[name]}`);
  }
  const { duplicates, fullSyncs, gossipRounds, readRepairs, rollbacks, rootsCompared, wipes } = leaderless;
  const { conflicts, gaps, overflows, refusals, rejected, renewals, tombstonesCollected, waits } = leaderless;
  const often = { conflicts, duplicates, gossipRounds, readRepairs, rootsCompared, tombstonesCollected, waits };
  for (const [name, count] of Object.entries(often)) t.ok(count > runs, `${name}: ${count}`);
  const sometimes = { fullSyncs, gaps, overflows, refusals, rejected, rollbacks, wipes };
  for (const [name, count] of Object.entries(sometimes)) t.ok(count >= 10, `${name}: ${count}`);
  t.ok(renewals > 0, `renewals: ${renewals}`);
}
