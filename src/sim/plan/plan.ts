import type { DiskFaults, LinkFaults } from '../world/types.js';
import type { Knobs, LeaderlessKnobs, SemisyncKnobs } from '../world/options.js';
import type { FaultClass } from './faults.js';

/**
 * Everything that a run is made of, as plain JSON: `drawPlan` makes one from a seed, `runPlan` carries it out, and what
 * is shrunk after a failure is the plan and not the stream of random numbers (reliability.md §3.4).
 */
export interface Plan {
  readonly version: typeof PLAN_VERSION;
  /** Of the world's own dice: delays, losses, what a power cut tears. */
  readonly seed: number;
  readonly engine: SimulatedEngine;
  /** The first replicas; more may be added by membership changes. */
  readonly replicas: number;
  /**
   * Replicas that may be added (a1, a2, …) which are in everybody's file from the start. The others are known to those who
   * hear of them; one that was cut off meanwhile has to be told.
   */
  readonly expected: number;
  /** The classes that this world knows. */
  readonly faults: readonly FaultClass[];
  readonly knobs: Knobs;
  /** Of plans whose engine has no leader. */
  readonly leaderless?: LeaderlessKnobs;
  /** Of plans whose group has a write quorum. */
  readonly semisync?: SemisyncKnobs;
  /** Between replicas, during the safety phase. */
  readonly network: LinkFaults;
  /** During the safety phase. */
  readonly disk: DiskFaults;
  readonly clientLinks: ClientLinks;
  readonly clients: readonly ClientPlan[];
  /** In order of `atMs`, which counts from the start of the safety phase. */
  readonly nemeses: readonly NemesisAction[];
  /** The first action waits for the first leader: without one there is nothing to break. */
  readonly settled: boolean;
  /** Length of the safety phase: any fault, no promise of progress. */
  readonly safetyMs: number;
  /** Within this much a healed quorum must serve again. */
  readonly livenessMs: number;
  /** False: in the liveness phase whoever is not of the core stays as it is, dead or cut off, for ever. */
  readonly healAll: boolean;
}

export const PLAN_VERSION = 1;

export const SIMULATED_ENGINES = ['raft', 'semisync', 'lww', 'causal'] as const;
export type SimulatedEngine = (typeof SIMULATED_ENGINES)[number];

/** Between a client and a replica, both directions alike. */
export interface ClientLinks {
  readonly requestLoss: number;
  readonly replyLoss: number;
  readonly delayMinMs: number;
  readonly delayMeanMs: number;
}

/** One client: a closed loop with one operation in progress. */
export interface ClientPlan {
  /** Client id of its session, and its name in histories. Two clients may share one on purpose. */
  readonly id: string;
  /** Of its own choices, so that taking a client away leaves the others as they are. */
  readonly seed: number;
  readonly operations: number;
  readonly keys: number;
  /** Weights of what it does. */
  readonly mix: OperationMix;
  /** Weights of how it reads. */
  readonly reads: ReadMix;
  /** False: writes carry no client id and are never sent again; where nobody leads: no token of what was seen. */
  readonly session: boolean;
  /** Chance to retry after an unknown outcome; otherwise it abandons the operation and goes on under a new id. */
  readonly retry: number;
  /** Chance to send a request to a second replica as well, at the same time. */
  readonly hedge: number;
  readonly thinkMeanMs: number;
  readonly timeoutMs: number;
  /** Chance to go on with the replica that answered last. */
  readonly loyalty: number;
  /** Most bytes that a put is padded with. */
  readonly paddingBytes: number;
  /** Of clients of an engine without a leader, whose `reads` say nothing. */
  readonly leaderless?: LeaderlessClient;
  /** The same of clients of a group with a write quorum. */
  readonly semisync?: SemisyncClient;
}

/** How a client of a group with a write quorum reads. `session` of its plan: writes are numbered, as for raft. */
export interface SemisyncClient {
  /** Weights. */
  readonly reads: {
    readonly leader: number;
    readonly strong: number;
    readonly follower: number;
    readonly bounded: number;
  };
  /** What it asks for with `bounded`. */
  readonly boundMs: number;
  /** It sends what it has seen: reads are served by no replica that has not got that far. */
  readonly tokens: boolean;
}

/** Weights of the levels at which a client reads and writes, and of what else it may ask for. */
export interface LeaderlessClient {
  readonly reads: LevelMix;
  readonly writes: LevelMix;
  /** Chance of a put that expires. */
  readonly expiry: number;
  /** Where siblings are kept: chance of a write that says nothing of what it has seen. */
  readonly blind: number;
}

export interface LevelMix {
  readonly one: number;
  readonly quorum: number;
  readonly all: number;
}

export interface OperationMix {
  readonly put: number;
  readonly get: number;
  readonly append: number;
  readonly cas: number;
  readonly delete: number;
  readonly increment: number;
}

export interface ReadMix {
  readonly linearizable: number;
  readonly lease: number;
  readonly stale: number;
}

export type Scalar = string | number | boolean;

/** Something that goes wrong, or that an operator does. What it means is in nemesis/; whom it hits is decided at run time. */
export interface NemesisAction {
  readonly atMs: number;
  /** A name of NEMESES. */
  readonly nemesis: string;
  /** Of its own choices at run time. */
  readonly seed: number;
  readonly options: Readonly<Record<string, Scalar>>;
}
