import { createPrng, type Prng } from '../../../base/prng.js';
import type { Knobs } from '../../world/options.js';
import { chance, pick, weighted } from '../dice.js';
import { LEADERLESS_FAULTS, SEMISYNC_FAULTS, type FaultClass } from '../faults.js';
import { PLAN_VERSION, type ClientPlan, type OperationMix, type Plan, type ReadMix } from '../plan.js';
import { drawCast, drawClientLinks, drawTwins } from './clients.js';
import { drawFaults, type Swarm } from './faults.js';
import { LIES, withLies } from './lies.js';
import { drawDisk, drawLinks } from './machines.js';
import { drawNemeses, type Weights } from './nemeses.js';
import type { DrawOptions } from './options.js';
import { drawLogLimits, drawPace, drawTiming, rhythmOfElections } from './ordered.js';
import { UNDER_WAY_MS } from './phases.js';

/** Without those of others, and without disks that lie: they come on top. */
const SWARM: Swarm = { without: [LIES, ...LEADERLESS_FAULTS, ...SEMISYNC_FAULTS] };

/** The classes whose worlds may add replicas. */
const REPLACING: readonly FaultClass[] = ['membership', 'rot', 'wipe'];
/** As many as a run is likely to add. */
const EXPECTED_REPLICAS = 8;

const WEIGHTS: Weights = {
  isolate: 8,
  'random-partition': 4,
  bridge: 2,
  'majorities-ring': 2,
  'swizzle-clog': 4,
  storm: 3,
  'late-answers': 4,
  reset: 2,
  'crash-leader': 6,
  crash: 4,
  'crash-loop': 2,
  usurper: 4,
  'forgetful-voters': 3,
  'power-leader': 5,
  power: 6,
  'power-in-sync-window': 6,
  'power-flicker': 3,
  'slow-disk': 5,
  'disk-error': 5,
  'disk-error-then-power': 3,
  rot: 4,
  wipe: 4,
  'wipe-while-leader-is-away': 4,
  pause: 6,
  'slow-process': 3,
  clock: 4,
  transfer: 4,
  'transfer-storm': 2,
  checkpoint: 4,
  grow: 6,
  remove: 4,
  replace: 4,
  'add-again': 2,
  'cut-change': 5,
  'crash-change': 4,
};

/** What each seed's world of raft is like, now and then with disks that lie. */
export function drawRaftPlan(seed: number, options: DrawOptions): Plan {
  return withLies(drawUsual(seed, options), seed, options.faults);
}

function drawUsual(seed: number, options: DrawOptions): Plan {
  const prng = createPrng(seed);
  const faults = drawFaults(prng.fork('faults'), options.faults, SWARM);
  const drawn = drawReplicas(prng.fork('replicas'));
  const network = drawLinks(prng.fork('links'), faults.includes('network'));
  const disk = drawDisk(prng.fork('disk'), faults.includes('disk'));
  const knobs = drawKnobs(prng.fork('knobs'), faults, 2 * (network.delayMeanMs + disk.syncMeanMs));
  const phases = prng.fork('phases');
  const { nemeses, safetyMs } = drawNemeses(prng.fork('nemeses'), WEIGHTS, faults, rhythmOfElections(knobs));
  return {
    version: PLAN_VERSION,
    seed: prng.fork('world').uint32(),
    engine: 'raft',
    replicas: options.replicas ?? drawn,
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

/** Elections, a few of them lost, restarts, and the time that requests of before need to end. */
function livenessMs({ electionTimeoutMs, requestTimeoutMs }: Knobs): number {
  return 30 * electionTimeoutMs[1] + 2 * requestTimeoutMs + UNDER_WAY_MS;
}

function drawReplicas(prng: Prng): number {
  return weighted(prng, [
    [3, 60],
    [5, 24],
    [1, 4],
    [2, 5],
    [4, 7],
  ]);
}

/** Small on purpose: a segment or a checkpoint is full after some dozen operations in most worlds. */
function drawKnobs(prng: Prng, faults: readonly FaultClass[], roundMs: number): Knobs {
  const pace = drawPace(prng, roundMs, [1.5, 3, 5]);
  const checkpointBytes = pick(prng, [4096, 16_384, 65_536, 1_048_576]);
  const engineLimits: Knobs['engineLimits'] = {
    ...drawLogLimits(prng),
    ...(chance(prng, 0.1) ? { forwardedProposals: pick(prng, [2, 4]) } : {}),
  };
  return {
    ...drawTiming(prng, pace),
    // A lease trusts that clocks run at nearly the same rate; the clock nemesis sees to it that they do not.
    leaseReads: chance(prng, 0.5) && !faults.includes('clock'),
    segmentBytes: pick(prng, [4096, 16_384, 65_536]),
    checkpointBytes,
    retainBytes: pick(prng, [0, 2048, checkpointBytes]),
    engineLimits,
  };
}

const MIXES: readonly OperationMix[] = [
  { put: 3, get: 4, append: 3, cas: 2, delete: 1, increment: 2 },
  // Without appends, increments and compare-and-set, a request that is applied twice goes unnoticed (reliability.md §3.8).
  { put: 0, get: 3, append: 6, cas: 0, delete: 0, increment: 3 },
  { put: 2, get: 3, append: 0, cas: 6, delete: 1, increment: 0 },
  { put: 6, get: 4, append: 0, cas: 0, delete: 0, increment: 0 },
  { put: 2, get: 8, append: 2, cas: 1, delete: 0, increment: 1 },
];

const READS: readonly ReadMix[] = [
  { linearizable: 1, lease: 0, stale: 0 },
  { linearizable: 3, lease: 2, stale: 1 },
  { linearizable: 1, lease: 4, stale: 0 },
  { linearizable: 2, lease: 0, stale: 2 },
];

interface ClientDraw {
  readonly faults: boolean;
  readonly knobs: Knobs;
  readonly safetyMs: number;
}

function drawClients(prng: Prng, { faults, knobs, safetyMs }: ClientDraw): ClientPlan[] {
  const count = prng.between(2, 12);
  const manners = {
    keys: prng.between(1, 5),
    mix: pick(prng, MIXES),
    reads: pick(prng, READS),
    thinkMeanMs: pick(prng, [0, 5, 20, 60]),
    timeoutMs: pick(prng, [200, 400, knobs.requestTimeoutMs + 100]),
    paddingBytes: pick(prng, [0, 0, 200, 2000]),
    hedge: faults ? pick(prng, [0, 0.05, 0.4]) : 0,
    retry: pick(prng, [0.7, 0.7, 0.95, 0.2]),
    loyalty: pick(prng, [0.9, 0.5, 0]),
  };
  const twins = drawTwins(prng, faults, count);
  return drawCast(prng, { count, twins, session: 0.85, safetyMs, operationMs: 20, operationsMax: 700, manners });
}
