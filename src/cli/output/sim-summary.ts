import { acknowledged, type Statistics } from '../../sim/runner/statistics.js';
import type { SweepResult } from '../../sim/sweep.js';
import { formatDuration } from './sim-progress.js';
import { printTable } from './table.js';

const ENDED_BY: Readonly<Record<SweepResult['endedBy'], string>> = {
  seeds: 'all seeds are done',
  violation: 'a violation',
  time: 'the time is over',
  stop: 'it was stopped',
};

/** What happened, on stdout; with the times of the sweep, if it was one. */
export function printSummary(statistics: Statistics, sweep: SweepResult | null): void {
  const { clients } = statistics;
  const rows = [
    ['seeds', statistics.runs],
    ['simulated time', formatDuration(statistics.virtualMs)],
    ['events', statistics.events],
    ['messages', statistics.messages],
    ['operations acknowledged', acknowledged(statistics)],
    ['operations refused', clients.failed],
    ['operations unknown', clients.unknown],
    ['requests repeated', clients.retries + clients.duplicatesSent],
    ['leaders elected', statistics.elections],
    ['leaders changed', statistics.leaderChanges],
    ['checkpoints', statistics.checkpoints],
    ['snapshots installed', statistics.snapshotsInstalled],
    ['membership changes', statistics.membershipChanges],
    ['leadership transfers', statistics.transfers],
    ['crashes', statistics.crashes],
    ['power losses', statistics.powerLosses],
    ['pauses', statistics.pauses],
    ['links cut', statistics.cuts],
    ['replicas stopped by their disks', statistics.selfStops],
    ['disks damaged', statistics.damagedDisks],
    ['syncs lost', statistics.lostSyncs],
    ['disks that lied and lost power', statistics.lyingDisks],
    ['logs of them that were refused', statistics.liesNoticed],
    ['starts refused', statistics.refusedStarts],
    ...(statistics.leaderless.gossipRounds > 0 ? leaderlessRows(statistics) : []),
    ...(statistics.semisync.epochs > 0 ? semisyncRows(statistics) : []),
    ['seeds with hardly an operation', statistics.poorRuns],
    ['keys undecided', statistics.undecidedKeys],
  ].map(([name, value]) => [String(name), String(value)]);
  printTable(['what', 'count'], rows);
  if (sweep === null) return;
  const { endedBy, violations, wallMs } = sweep;
  const ratio = wallMs > 0 ? statistics.virtualMs / wallMs : 0;
  process.stdout.write(
    `\n${statistics.runs} seeds in ${formatDuration(wallMs)}, ${ratio.toFixed(0)} times as fast as time; ` +
      `${violations.length} violations; ended because ${ENDED_BY[endedBy]}\n`,
  );
  for (const { detail, invariant, seed } of violations) {
    process.stdout.write(`seed ${seed}: ${invariant}: ${detail}\n`);
  }
}

function leaderlessRows({ excused, leaderless }: Statistics): (readonly [string, number])[] {
  return [
    ['gossip rounds', leaderless.gossipRounds],
    ['batches sent', leaderless.batchesSent],
    ['batches sent for nothing', leaderless.duplicates],
    ['full syncs', leaderless.fullSyncs],
    ['incarnations renewed', leaderless.renewals],
    ['disks wiped', leaderless.wipes],
    ['disks set back', leaderless.rollbacks],
    ['batches lost with all their disks', leaderless.lostBatches],
    ['concurrent values overwritten', leaderless.conflicts],
    ['tombstones collected', leaderless.tombstonesCollected],
    ['requests that waited for a session', leaderless.waits],
    ['sessions refused', leaderless.refusals],
    ['reads repaired', leaderless.readRepairs],
    ['states compared', leaderless.rootsCompared],
    ['seeds that went beyond what is promised', excused],
  ];
}

function semisyncRows({ semisync }: Statistics): (readonly [string, number])[] {
  return [
    ['epochs', semisync.epochs],
    ['write quorums changed', semisync.quorumChanges],
    ['promotions by an operator', semisync.promotions],
    ['of these by force, with too few promises', semisync.forced],
    ['seeds in which that may have lost something', semisync.lossyRuns],
    ['acknowledged entries lost by it', semisync.lost],
    ['entries thrown away, and told', semisync.discarded],
    ['logs replaced as a whole', semisync.rebuilds],
    ['writes refused for lack of followers', semisync.notEnough],
    ['strong reads not confirmed', semisync.unconfirmed],
    ['bounded reads', semisync.boundedReads],
    ['bounded reads refused', semisync.tooStale],
    ['states compared', semisync.digests],
  ];
}

export function summaryDocument(engine: string, sweep: SweepResult, replay: readonly string[]): unknown {
  const { endedBy, statistics, violations, wallMs } = sweep;
  return { schemaVersion: 1, engine, ok: violations.length === 0, endedBy, wallMs, violations, replay, statistics };
}
