import t, { type Test } from 'tap';
import { acknowledged, type Statistics } from '../../src/sim/runner/statistics.js';
import { sweepOf } from './sweep.js';

t.test('200 leader-follower worlds with every fault there is keep every promise (ap.md §1.3)', async (t) => {
  checkPower(t, await sweepOf(t, 'semisync', 200));
});

/** Worlds in which nothing happens keep every promise, too (reliability.md §3.8). */
function checkPower(t: Test, statistics: Statistics): void {
  const { clients, runs, semisync } = statistics;
  t.ok(acknowledged(statistics) > 100 * runs, 'operations are acknowledged');
  t.ok(statistics.poorRuns < 0.1 * runs, `${statistics.poorRuns} worlds in which hardly anything was`);
  t.ok(clients.unknown > runs && clients.retries > runs, 'outcomes are unknown, requests are repeated');
  t.ok(semisync.epochs > 2 * runs && semisync.commits > 20 * runs, 'epochs begin, entries are committed');
  t.equal(statistics.undecidedKeys, 0, 'histories are small enough to be decided');
  const { checkpoints, crashes, cuts, pauses, powerLosses, selfStops, snapshotsInstalled } = statistics;
  const { boundedReads, digests, discarded, notEnough, promotions, quorumChanges, tooStale, unconfirmed } = semisync;
  const often = { checkpoints, crashes, cuts, pauses, powerLosses, selfStops, snapshotsInstalled };
  const engine = { boundedReads, digests, discarded, notEnough, promotions, quorumChanges, tooStale, unconfirmed };
  for (const [name, count] of Object.entries({ ...often, ...engine })) t.ok(count >= 20, `${name}: ${count}`);
  const { forced, left, lost, lossyRuns, rebuilds } = semisync;
  for (const [name, count] of Object.entries({ forced, left, lost, rebuilds })) t.ok(count > 0, `${name}: ${count}`);
  t.ok(lossyRuns < 0.25 * runs, `${lossyRuns} worlds in which force may have lost something`);
}
