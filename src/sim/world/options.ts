import type { ReplicaId } from '../../base/brand.js';
import type { Prng } from '../../base/prng.js';
import type { LeaderlessLimits } from '../../engines/leaderless/events.js';
import type { RaftOptions } from '../../engines/raft/events.js';
import type { DiskFaults, LinkFaults, Observer } from './types.js';

/** What a world is made of. Everything random in it is drawn from `prng`, forked per part (reliability.md §3.1). */
export interface WorldOptions {
  readonly prng: Prng;
  /** First replicas: n1, n2, … */
  readonly replicas: number;
  /** Replicas that may be added, which are in everybody's file from the start. */
  readonly later?: readonly ReplicaId[];
  readonly observers: readonly Observer[];
  readonly network: LinkFaults;
  readonly disk: DiskFaults;
  readonly knobs: Knobs;
  /** Absent: the group is one of raft. */
  readonly leaderless?: LeaderlessOptions;
  /** Set: the group is one with a write quorum. */
  readonly semisync?: SemisyncKnobs;
  /** All frames through the production codec; absent: in some worlds. Where bytes are damaged it is always used. */
  readonly codec?: boolean;
  /** Messages that are passed by reference are frozen first. */
  readonly frozen?: boolean;
}

/** What a leaderless group is like. */
export interface LeaderlessOptions extends LeaderlessKnobs {
  readonly engine: 'lww' | 'causal';
}

export interface LeaderlessKnobs {
  readonly conflicts: 'lww' | 'siblings';
  readonly gossipMs: number;
  /** How long a request waits for what its session has seen. */
  readonly sessionWaitMs: number;
  readonly limits: Partial<LeaderlessLimits>;
}

/** What a group with a write quorum is like. The first replica leads the first epoch. */
export interface SemisyncKnobs {
  /** In followers, as its topology says. */
  readonly writeQuorum: number;
  readonly promotion: 'auto' | 'manual';
  readonly allowAsync: boolean;
  readonly maxLagMs: number;
  /** What arrives at any replica but the first waits for as long, by the product's own means; absent: nothing does. */
  readonly delayMs?: readonly [min: number, max: number];
  /** How long a request waits for what its session has seen. */
  readonly sessionWaitMs: number;
}

/** Sizes and times, small on purpose: rare paths must be common (FoundationDB's knobs). */
export interface Knobs {
  readonly tickMs: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: readonly [min: number, max: number];
  readonly diskStallMs: number;
  readonly requestTimeoutMs: number;
  readonly leaseReads: boolean;
  readonly segmentBytes: number;
  readonly checkpointBytes: number;
  readonly retainBytes: number;
  readonly engineLimits: Partial<RaftOptions['limits']>;
}
