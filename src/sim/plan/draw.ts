import { createPrng, type Prng } from '../../base/prng.js';
import type { Knobs } from '../world/options.js';
import { drawAction } from './draw-action.js';
import { drawClients, drawClientLinks } from './draw-clients.js';
import { drawLeaderlessPlan } from './draw-leaderless.js';
import { drawSemisyncPlan } from './draw-semisync.js';
import { LIES, withLies } from './draw-lies.js';
import { drawDisk, drawLinks } from './draw-machines.js';
import { FAULT_CLASSES, LEADERLESS_FAULTS, SEMISYNC_FAULTS, type FaultClass } from './faults.js';
import { NEMESES, type Nemesis } from './nemesis/index.js';
import { PLAN_VERSION, type NemesisAction, type Plan, type SimulatedEngine } from './plan.js';
import { chance, pick, weighted } from './dice.js';

export interface DrawOptions {
  /** raft by default. */
  readonly engine?: SimulatedEngine | undefined;
  /** The classes of faults that may exist. */
  readonly faults: readonly FaultClass[];
  /** Undefined: drawn. */
  readonly replicas?: number | undefined;
}

/** The classes whose worlds may add replicas. */
const REPLACING: readonly FaultClass[] = ['membership', 'rot', 'wipe'];
const OF_OTHER_ENGINES: readonly FaultClass[] = [...LEADERLESS_FAULTS, ...SEMISYNC_FAULTS];
/** As many as a run is likely to add. */
const EXPECTED_REPLICAS = 8;

export const DEFAULT_DRAW: DrawOptions = { faults: FAULT_CLASSES };

/** What each seed's world is like. Pure: the same seed and options give the same plan. */
export function drawPlan(seed: number, options: DrawOptions = DEFAULT_DRAW): Plan {
  const { engine = 'raft' } = options;
  if (engine === 'semisync') return drawSemisyncPlan(seed, options);
  if (engine !== 'raft') return drawLeaderlessPlan(engine, seed, options);
  return withLies(drawUsual(seed, options), seed, options.faults);
}

function drawUsual(seed: number, options: DrawOptions): Plan {
  const prng = createPrng(seed);
  const faults = drawFaults(prng.fork('faults'), options.faults);
  const replicas = drawReplicas(prng.fork('replicas'), options.replicas);
  const network = drawLinks(prng.fork('links'), faults.includes('network'));
  const disk = drawDisk(prng.fork('disk'), faults.includes('disk'));
  const knobs = drawKnobs(prng.fork('knobs'), faults, 2 * (network.delayMeanMs + disk.syncMeanMs));
  const phases = prng.fork('phases');
  const { nemeses, safetyMs } = drawNemeses(prng.fork('nemeses'), faults, knobs);
  return {
    version: PLAN_VERSION,
    seed: prng.fork('world').uint32(),
    engine: 'raft',
    replicas,
    expected: REPLACING.some((each) => faults.includes(each)) ? pick(phases, [0, EXPECTED_REPLICAS]) : 0,
    faults,
    knobs,
    network,
    disk,
    clientLinks: drawClientLinks(prng.fork('client links'), faults.includes('clients')),
    clients: drawClients(prng.fork('clients'), { faults: faults.includes('clients'), knobs, safetyMs }),
    nemeses,
    settled: chance(phases, 0.9),
    safetyMs,
    livenessMs: livenessMs(knobs),
    healAll: chance(phases, 0.5),
  };
}

/**
 * What was under way when the faults ended takes its time: a slow sync, or a snapshot of which a piece was lost, which is
 * noticed after ten seconds (replica/snapshot-sender.ts).
 */
const UNDER_WAY_MS = 14_000;

/** Elections, a few of them lost, restarts, and the time that requests of before need to end. */
function livenessMs({ electionTimeoutMs, requestTimeoutMs }: Knobs): number {
  return 30 * electionTimeoutMs[1] + 2 * requestTimeoutMs + UNDER_WAY_MS;
}

/** Most worlds know some classes; few know all of them, and few know none. */
function drawFaults(prng: Prng, allowed: readonly FaultClass[]): FaultClass[] {
  const share = pick(prng, [0.25, 0.4, 0.4, 0.6, 0.8, 1]);
  const usual = FAULT_CLASSES.filter((each) => each !== LIES && !OF_OTHER_ENGINES.includes(each));
  return usual.filter((each) => chance(prng, share) && allowed.includes(each));
}

function drawReplicas(prng: Prng, wanted: number | undefined): number {
  const drawn = weighted(prng, [
    [3, 60],
    [5, 24],
    [1, 4],
    [2, 5],
    [4, 7],
  ]);
  return wanted ?? drawn;
}

/**
 * Small on purpose: a segment or a checkpoint is full after some dozen operations in most worlds. `roundMs`: what a round
 * trip and a sync on both ends take; elections that are faster than that never end.
 */
function drawKnobs(prng: Prng, faults: readonly FaultClass[], roundMs: number): Knobs {
  const tickMs = pick(prng, [5, 10, 10, 20]);
  const heartbeatMs = tickMs * pick(prng, [1, 2, 3, 4]);
  const electionMinMs = Math.max(
    Math.min(250, heartbeatMs * pick(prng, [3, 5, 8])),
    Math.ceil(roundMs * pick(prng, [1.5, 3, 5])),
  );
  const checkpointBytes = pick(prng, [4096, 16_384, 65_536, 1_048_576]);
  const engineLimits: Partial<Knobs['engineLimits']> = {
    ...(chance(prng, 0.3) ? { appendEntries: pick(prng, [1, 2, 8]) } : {}),
    ...(chance(prng, 0.3) ? { appendBytes: pick(prng, [256, 2048]) } : {}),
    ...(chance(prng, 0.3) ? { inflightMessages: pick(prng, [1, 2, 8]) } : {}),
    ...(chance(prng, 0.2) ? { inflightBytes: pick(prng, [1024, 16_384]) } : {}),
    ...(chance(prng, 0.1) ? { uncommittedBytes: 16_384 } : {}),
    ...(chance(prng, 0.1) ? { pendingReads: 2 } : {}),
    ...(chance(prng, 0.1) ? { forwardedProposals: pick(prng, [2, 4]) } : {}),
  };
  return {
    tickMs,
    heartbeatMs,
    electionTimeoutMs: [electionMinMs, electionMinMs * pick(prng, [2, 2, 3])],
    diskStallMs: pick(prng, [200, 500, 1000]),
    requestTimeoutMs: pick(prng, [500, 1000, 2500]),
    // A lease trusts that clocks run at nearly the same rate; the clock nemesis sees to it that they do not.
    leaseReads: chance(prng, 0.5) && !faults.includes('clock'),
    segmentBytes: pick(prng, [4096, 16_384, 65_536]),
    checkpointBytes,
    retainBytes: pick(prng, [0, 2048, checkpointBytes]),
    engineLimits,
  };
}

/**
 * Bursts of actions with calm between them. Without the calm nothing gets done and nothing is at stake: a group that is
 * always down breaks no promise. Without the bursts faults never overlap (reliability.md §3.8).
 */
function drawNemeses(
  prng: Prng,
  faults: readonly FaultClass[],
  knobs: Knobs,
): { readonly nemeses: NemesisAction[]; readonly safetyMs: number } {
  const possible = [...NEMESES.values()].filter(
    (each) => each.weight > 0 && each.faults.every((needed) => faults.includes(needed)),
  );
  // A few kinds at a time: their combinations are what differs from seed to seed.
  const kinds = possible.filter(() => chance(prng, 0.6));
  const drawnFrom = kinds.length > 0 ? kinds : possible;
  const bursts = pick(prng, [2, 3, 4, 6]);
  const perBurst = pick(prng, [1, 2, 3, 5]);
  const nemeses: NemesisAction[] = [];
  let atMs = chance(prng, 0.2) ? 0 : calmMs(prng, knobs);
  for (let burst = 0; burst < bursts; burst++) {
    const actions = prng.between(1, 2 * perBurst - 1);
    for (let action = 0; action < actions && drawnFrom.length > 0; action++) {
      nemeses.push(drawAction(prng, weightedNemesis(prng, drawnFrom), atMs));
      // Two at once, now and then.
      if (chance(prng, 0.7)) atMs += prng.between(1, BURST_STEP_MS);
    }
    atMs += calmMs(prng, knobs);
  }
  return { nemeses, safetyMs: atMs };
}

const BURST_STEP_MS = 250;

/** Time for an election, mostly, and for some work. */
function calmMs(prng: Prng, { electionTimeoutMs }: Knobs): number {
  return Math.ceil(electionTimeoutMs[1] * pick(prng, [1, 2, 2, 3])) + prng.between(100, 700);
}

function weightedNemesis(prng: Prng, from: readonly Nemesis[]): Nemesis {
  return weighted(
    prng,
    from.map((each) => [each, each.weight] as const),
  );
}
