import type { Machine } from '../workload/machine.js';
import type { DelayRange } from './expected.js';
import type { Figures } from './figures.js';

/** reports/perf_summary.json: everything that the pictures show, and what they are drawn from. */
export interface Summary {
  readonly schemaVersion: 1;
  /** Null: not measured yet. Each part names its own machine and commit: they may be measured apart. */
  readonly quorum: QuorumReport | null;
  readonly engines: EnginesReport | null;
}

export interface QuorumReport {
  readonly machine: Machine;
  /** Load average of the minute before: what else the machine had to do. */
  readonly loadBefore: number;
  readonly cluster: QuorumCluster;
  readonly settings: QuorumSettings;
  readonly quorums: readonly QuorumRow[];
  /** The write quorum that was found, and set again at the end; false: that was refused. */
  readonly restored: { readonly writeQuorum: number; readonly done: boolean };
  /** How the curves are to be read. */
  readonly reading: readonly string[];
}

export interface QuorumCluster {
  /** Started for this report, and gone with it; false: one that was running already. */
  readonly spawned: boolean;
  readonly topology: string | null;
  readonly leader: string;
  readonly followers: number;
  readonly keyspace: string;
  /** Of each follower; null: not known. */
  readonly delaysMs: readonly DelayRange[] | null;
}

export interface QuorumSettings {
  /** Sent at once. */
  readonly concurrentWrites: number;
  /** How often that is repeated, each time from rest. */
  readonly rounds: number;
  /** One after the other. */
  readonly sequentialWrites: number;
  /** From the beginning of one to that of the next: longer than any two delays. */
  readonly spacingMs: number;
  /** Of the sequential writes; the first burst is not counted either. */
  readonly warmUpSeconds: number;
  readonly valueBytes: number;
  readonly protocol: 'http';
}

export interface QuorumRow {
  readonly writeQuorum: number;
  /** Mean of the W-th smallest delay; null without known delays. */
  readonly expectedMs: number | null;
  /** Its median. */
  readonly expectedP50Ms: number | null;
  readonly concurrent: Figures;
  readonly sequential: Figures;
  /** The same writes one after the other where nothing is delayed: what the program itself takes. */
  readonly undelayed: Figures | null;
  readonly deviation: Deviation | null;
  readonly parity: Parity;
}

/** How far the sequential mean is from the formula. */
export interface Deviation {
  /** mean - expected. */
  readonly differenceMs: number;
  /**
   * The sequential mean without delays; null: not measured. Rather too much: followers that get a write at the same instant
   * sync it at the same instant, and wait for one disk.
   */
  readonly overheadMs: number | null;
  /** (mean - overhead - expected) / expected. */
  readonly percent: number;
  /** The same of the medians, which a machine that stalls now and then does not move. */
  readonly p50Percent: number;
  /** Of the mean of so many draws, in percent of the expected value: twice as much is chance one time in twenty. */
  readonly standardErrorPercent: number;
  /** 0.95 expected <= mean <= 1.05 expected + overhead. */
  readonly within5PercentAndOverhead: boolean;
}

/** Whether every follower has what the leader has. */
export interface Parity {
  readonly inSync: boolean;
  readonly keys: number | null;
  readonly followers: readonly FollowerParity[];
}

export interface FollowerParity {
  readonly id: string;
  readonly inSync: boolean;
  /** `values`: compared here, key by key; `hash`: compared by the leader, too large to be shown. */
  readonly comparedBy: 'values' | 'hash';
  /** The first of them. */
  readonly mismatchedKeys: readonly string[];
  readonly mismatches: number;
  readonly error: string | null;
}

export interface EnginesReport {
  readonly machine: Machine;
  /** Load average of the minute before: what else the machine had to do. */
  readonly loadBefore: number;
  readonly replicas: number;
  /** Followers that have a write of the semisync keyspace when it is answered; null: there is none. */
  readonly writeQuorum: number | null;
  readonly topology: string | null;
  readonly settings: EnginesSettings;
  readonly rows: readonly EngineRow[];
}

export interface EnginesSettings {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly repeat: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly protocol: 'resp';
}

export interface EngineRow {
  readonly engine: string;
  readonly keyspace: string;
  readonly shape: string;
  readonly clients: number;
  readonly pipeline: number;
  /** Of the repetition with the median throughput. */
  readonly figures: Figures;
  /** Of all repetitions. */
  readonly operationsPerSecondAll: readonly number[];
}
