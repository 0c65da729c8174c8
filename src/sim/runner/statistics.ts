import type { ClientStats } from '../clients/client.js';
import { createClientStats } from '../clients/workload.js';

/** What happened in a run, or in many: a simulator that reports no failure must show that there was something to fail. */
export interface Statistics {
  runs: number;
  events: number;
  virtualMs: number;
  clients: ClientStats;
  /** Leaders elected. */
  elections: number;
  /** Times that another replica than before led. */
  leaderChanges: number;
  messages: number;
  checkpoints: number;
  snapshotsInstalled: number;
  membershipChanges: number;
  transfers: number;
  crashes: number;
  powerLosses: number;
  pauses: number;
  cuts: number;
  /** Replicas that stopped by themselves: their disk failed. */
  selfStops: number;
  refusedStarts: number;
  damagedDisks: number;
  /** Syncs that a disk lied about; the power losses that found it out; and of those, what recovery itself refused. */
  lostSyncs: number;
  lyingDisks: number;
  liesNoticed: number;
  /** Histories of keys that were too hard to decide. */
  undecidedKeys: number;
  /** Of engines without a leader. */
  readonly leaderless: LeaderlessStatistics;
  /** Of leader-follower groups. */
  readonly semisync: SemisyncStatistics;
  /** Runs that ended early because something came about that nobody has promised to withstand. */
  excused: number;
  /** Runs with fewer than POOR_RUN_OPERATIONS acknowledged operations. */
  poorRuns: number;
}

export interface LeaderlessStatistics {
  gossipRounds: number;
  batchesSent: number;
  duplicates: number;
  /** Batches that came before those that they follow. */
  gaps: number;
  overflows: number;
  /** Batches and clocks that were not taken. */
  rejected: number;
  fullSyncs: number;
  /** New incarnations of replicas whose disks went back in time. */
  renewals: number;
  /** Concurrent values of which one was overwritten. */
  conflicts: number;
  /** Requests that waited for what their session had seen; of those, in vain. */
  waits: number;
  waitsTimedOut: number;
  readRepairs: number;
  tombstonesCollected: number;
  wipes: number;
  rollbacks: number;
  /** Batches that went with the only disks that had them. */
  lostBatches: number;
  /** States that were compared with another one of the same vector. */
  rootsCompared: number;
  /** 503 and 410 of sessions. */
  refusals: number;
  /** Gossip intervals from the end of all writes until everybody had everything, over all runs. */
  convergedRounds: number;
  /** Bytes of batches that were sent after faults had ended, and that were missing then, over all members. */
  healedBytes: number;
  missingBytes: number;
}

export interface SemisyncStatistics {
  quorumChanges: number;
  quorumRefusals: number;
  /** By an operator; `forced`: of these with fewer promises than it takes. */
  promotions: number;
  promotionsRefused: number;
  forced: number;
  /** Epochs that began. */
  epochs: number;
  /** Entries that leaders have committed. */
  commits: number;
  /** Runs in which something that was acknowledged may be lost. */
  lossyRuns: number;
  /** Acknowledged entries that were lost by force. */
  lost: number;
  /** Entries that members told they throw away; those that were on their disks. */
  discarded: number;
  left: number;
  /** Times that a log was to be replaced as a whole. */
  rebuilds: number;
  reads: number;
  boundedReads: number;
  /** Refusals, by code. */
  notEnough: number;
  tooStale: number;
  unconfirmed: number;
  historiesLost: number;
  /** States that were compared with another one of the same history. */
  digests: number;
}

/** A world in which hardly anything was acknowledged finds hardly anything. */
export const POOR_RUN_OPERATIONS = 10;

export function createStatistics(): Statistics {
  return {
    runs: 0,
    events: 0,
    virtualMs: 0,
    clients: createClientStats(),
    elections: 0,
    leaderChanges: 0,
    messages: 0,
    checkpoints: 0,
    snapshotsInstalled: 0,
    membershipChanges: 0,
    transfers: 0,
    crashes: 0,
    powerLosses: 0,
    pauses: 0,
    cuts: 0,
    selfStops: 0,
    refusedStarts: 0,
    damagedDisks: 0,
    lostSyncs: 0,
    lyingDisks: 0,
    liesNoticed: 0,
    undecidedKeys: 0,
    leaderless: {
      gossipRounds: 0,
      batchesSent: 0,
      duplicates: 0,
      gaps: 0,
      overflows: 0,
      rejected: 0,
      fullSyncs: 0,
      renewals: 0,
      conflicts: 0,
      waits: 0,
      waitsTimedOut: 0,
      readRepairs: 0,
      tombstonesCollected: 0,
      wipes: 0,
      rollbacks: 0,
      lostBatches: 0,
      rootsCompared: 0,
      refusals: 0,
      convergedRounds: 0,
      healedBytes: 0,
      missingBytes: 0,
    },
    semisync: {
      quorumChanges: 0,
      quorumRefusals: 0,
      promotions: 0,
      promotionsRefused: 0,
      forced: 0,
      epochs: 0,
      commits: 0,
      lossyRuns: 0,
      lost: 0,
      discarded: 0,
      left: 0,
      rebuilds: 0,
      reads: 0,
      boundedReads: 0,
      notEnough: 0,
      tooStale: 0,
      unconfirmed: 0,
      historiesLost: 0,
      digests: 0,
    },
    excused: 0,
    poorRuns: 0,
  };
}

/** Operations whose clients were told that they took effect, or what they read. */
export function acknowledged({ clients }: Statistics): number {
  return clients.ok + clients.mismatch;
}

export function addStatistics(into: Statistics, from: Statistics): void {
  addNumbers(into as unknown as Record<string, unknown>, from as unknown as Record<string, unknown>);
}

function addNumbers(into: Record<string, unknown>, from: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(from)) {
    if (typeof value === 'number') into[name] = Number(into[name]) + value;
    else addNumbers(into[name] as Record<string, unknown>, value as Record<string, unknown>);
  }
}
