import { createPrng, type Prng } from '../../../base/prng.js';
import type { Knobs, SemisyncKnobs } from '../../world/options.js';
import { chance, pick, weighted } from '../dice.js';
import { PLAN_VERSION, type ClientPlan, type OperationMix, type Plan, type SemisyncClient } from '../plan.js';
import { drawCast, drawClientLinks, drawTwins } from './clients.js';
import { drawFaults, type Swarm } from './faults.js';
import { drawDisk, drawLinks } from './machines.js';
import { drawNemeses, type Weights } from './nemeses.js';
import type { DrawOptions } from './options.js';
import { drawLogLimits, drawPace, drawTiming, rhythmOfElections } from './ordered.js';
import { UNDER_WAY_MS } from './phases.js';

const SWARM: Swarm = {
  // Members are those that the group was formed with, so that nobody adds or moves any; P counts on what was acknowledged
  // being there, so that nobody may put back an older folder; and there are no clocks that a member could lie about.
  without: ['membership', 'transfer', 'rollback', 'hostile'],
  // Whoever has them in it must expect losses, or replicas that never come back.
  rarity: { force: 0.5, 'lost-sync': 0.1, rot: 0.4, wipe: 0.4 },
};

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
  crash: 5,
  'crash-loop': 2,
  usurper: 4,
  'power-leader': 5,
  power: 6,
  'power-in-sync-window': 6,
  'power-flicker': 3,
  'slow-disk': 5,
  'disk-error': 5,
  'disk-error-then-power': 3,
  rot: 3,
  'lost-sync': 3,
  wipe: 3,
  pause: 6,
  'slow-process': 3,
  clock: 4,
  checkpoint: 6,
  'set-quorum': 9,
  'crash-quorum': 7,
  promote: 7,
  upheaval: 7,
  force: 4,
  'force-apart': 8,
};

/** What each seed's world with a write quorum is like, from dice of its own. */
export function drawSemisyncPlan(seed: number, options: DrawOptions): Plan {
  const prng = createPrng(seed).fork('semisync');
  const faults = drawFaults(prng.fork('faults'), options.faults, SWARM);
  const drawn = drawReplicas(prng.fork('replicas'));
  const replicas = Math.max(2, options.replicas ?? drawn);
  const network = drawLinks(prng.fork('links'), faults.includes('network'));
  const disk = drawDisk(prng.fork('disk'), faults.includes('disk'));
  const delayMs = drawDelay(prng.fork('delay'));
  const roundMs = 2 * (network.delayMeanMs + disk.syncMeanMs + (delayMs?.[1] ?? 0));
  const knobs = drawKnobs(prng.fork('knobs'), roundMs);
  const semisync = { ...drawGroup(prng.fork('group'), replicas - 1, knobs), ...(delayMs === null ? {} : { delayMs }) };
  const phases = prng.fork('phases');
  const { nemeses, safetyMs } = drawNemeses(prng.fork('nemeses'), WEIGHTS, faults, rhythmOfElections(knobs));
  return {
    version: PLAN_VERSION,
    seed: prng.fork('world').uint32(),
    engine: 'semisync',
    replicas,
    expected: 0,
    faults,
    knobs,
    semisync,
    network,
    disk,
    clientLinks: drawClientLinks(prng.fork('client links'), faults.includes('clients')),
    clients: drawClients(prng.fork('clients'), { faults: faults.includes('clients'), knobs, semisync, safetyMs }),
    nemeses,
    settled: chance(phases, 0.9),
    safetyMs,
    livenessMs: livenessMs(knobs),
    healAll: chance(phases, 0.6),
  };
}

/** Promotions, a few of them in vain, restarts, an operator who waits before he acts, requests of before. */
function livenessMs({ electionTimeoutMs, requestTimeoutMs }: Knobs): number {
  return 60 * electionTimeoutMs[1] + 4 * requestTimeoutMs + UNDER_WAY_MS;
}

/** A leader and one to five followers. */
function drawReplicas(prng: Prng): number {
  return weighted(prng, [
    [3, 42],
    [4, 22],
    [5, 14],
    [6, 12],
    [2, 10],
  ]);
}

/** Some networks are slow on purpose. */
function drawDelay(prng: Prng): readonly [number, number] | null {
  if (chance(prng, 0.8)) return null;
  const minMs = pick(prng, [0, 2, 5]);
  return [minMs, minMs + pick(prng, [5, 20, 45])];
}

function drawKnobs(prng: Prng, roundMs: number): Knobs {
  const pace = drawPace(prng, roundMs, [2, 3, 5]);
  const checkpointBytes = pick(prng, [2048, 4096, 16_384, 65_536]);
  const engineLimits = drawLogLimits(prng);
  return {
    ...drawTiming(prng, pace),
    leaseReads: false,
    segmentBytes: pick(prng, [4096, 16_384, 65_536]),
    checkpointBytes,
    retainBytes: pick(prng, [0, 0, 2048, checkpointBytes]),
    engineLimits,
  };
}

function drawGroup(prng: Prng, followers: number, { heartbeatMs, requestTimeoutMs }: Knobs): SemisyncKnobs {
  const allowAsync = chance(prng, 0.15);
  return {
    writeQuorum: prng.between(allowAsync ? 0 : 1, followers),
    promotion: chance(prng, 0.65) ? 'auto' : 'manual',
    allowAsync,
    maxLagMs: Math.max(2 * heartbeatMs, pick(prng, [100, 300, 1000])),
    sessionWaitMs: pick(prng, [50, 200, requestTimeoutMs]),
  };
}

const MIXES: readonly OperationMix[] = [
  { put: 3, get: 5, append: 3, cas: 2, delete: 1, increment: 0 },
  { put: 1, get: 4, append: 6, cas: 0, delete: 0, increment: 0 },
  { put: 2, get: 4, append: 0, cas: 6, delete: 1, increment: 0 },
  { put: 5, get: 6, append: 0, cas: 0, delete: 2, increment: 0 },
];

const READS: readonly SemisyncClient['reads'][] = [
  { leader: 0, strong: 1, follower: 0, bounded: 0 },
  { leader: 2, strong: 3, follower: 2, bounded: 1 },
  { leader: 1, strong: 2, follower: 1, bounded: 4 },
  { leader: 1, strong: 1, follower: 4, bounded: 0 },
  { leader: 4, strong: 2, follower: 0, bounded: 0 },
];

interface ClientDraw {
  readonly faults: boolean;
  readonly knobs: Knobs;
  readonly semisync: SemisyncKnobs;
  readonly safetyMs: number;
}

function drawClients(prng: Prng, { faults, knobs, semisync, safetyMs }: ClientDraw): ClientPlan[] {
  const count = prng.between(2, 9);
  const manners = {
    keys: prng.between(1, 5),
    mix: pick(prng, MIXES),
    reads: { linearizable: 1, lease: 0, stale: 0 },
    thinkMeanMs: pick(prng, [0, 5, 20, 60]),
    timeoutMs: pick(prng, [200, 400, knobs.requestTimeoutMs + 100]),
    paddingBytes: pick(prng, [0, 0, 200, 1000]),
    hedge: faults ? pick(prng, [0, 0.05, 0.3]) : 0,
    retry: pick(prng, [0.7, 0.7, 0.95, 0.2]),
    loyalty: pick(prng, [0.9, 0.9, 0.5, 0.2]),
    semisync: {
      reads: pick(prng, READS),
      boundMs: pick(prng, [2 * knobs.heartbeatMs, 4 * knobs.heartbeatMs, 300, 1000, semisync.maxLagMs]),
      tokens: chance(prng, 0.6),
    },
  };
  const twins = drawTwins(prng, faults, count);
  return drawCast(prng, { count, twins, session: 0.85, safetyMs, operationMs: 15, operationsMax: 700, manners });
}
