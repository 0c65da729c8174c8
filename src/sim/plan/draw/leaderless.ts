import { createPrng, type Prng } from '../../../base/prng.js';
import type { Knobs, LeaderlessKnobs } from '../../world/options.js';
import { chance, pick, weighted } from '../dice.js';
import { SEMISYNC_FAULTS } from '../faults.js';
import { PLAN_VERSION, type ClientPlan, type LevelMix, type Plan } from '../plan.js';
import { drawCast, drawClientLinks } from './clients.js';
import { drawFaults, type Swarm } from './faults.js';
import { drawDisk, drawLinks } from './machines.js';
import { drawNemeses, type Rhythm, type Weights } from './nemeses.js';
import type { DrawOptions } from './options.js';
import { UNDER_WAY_MS } from './phases.js';

const SWARM: Swarm = {
  // There is no leader, and members are those of the topology.
  without: ['membership', 'transfer', ...SEMISYNC_FAULTS],
  // Whoever has them in it must expect losses.
  rarity: { 'lost-sync': 0.08, hostile: 0.15, rollback: 0.4, wipe: 0.6, rot: 0.5 },
};

/** Those of raft that wait for a leader are left out. */
const WEIGHTS: Weights = {
  isolate: 8,
  'random-partition': 5,
  bridge: 3,
  'majorities-ring': 3,
  'swizzle-clog': 4,
  storm: 3,
  reset: 2,
  crash: 6,
  'crash-leader': 4,
  'crash-loop': 2,
  power: 6,
  'power-leader': 4,
  'power-in-sync-window': 6,
  'power-flicker': 3,
  'slow-disk': 4,
  'disk-error': 5,
  'disk-error-then-power': 3,
  rot: 3,
  'lost-sync': 3,
  wipe: 5,
  'roll-back': 6,
  'sole-holder': 5,
  hostile: 5,
  pause: 5,
  'slow-process': 3,
  clock: 5,
  checkpoint: 6,
};

/** What each seed's world of `engine` is like, from dice of its own: raft's plans know nothing of it. */
export function drawLeaderlessPlan(engine: 'lww' | 'causal', seed: number, options: DrawOptions): Plan {
  const prng = createPrng(seed).fork(engine);
  const faults = drawFaults(prng.fork('faults'), options.faults, SWARM);
  const replicas = options.replicas ?? drawReplicas(prng.fork('replicas'));
  const network = drawLinks(prng.fork('links'), faults.includes('network'));
  const disk = drawDisk(prng.fork('disk'), faults.includes('disk'));
  const knobs = drawKnobs(prng.fork('knobs'));
  const leaderless = drawLeaderless(prng.fork('leaderless'), engine, knobs);
  const phases = prng.fork('phases');
  const { nemeses, safetyMs } = drawNemeses(prng.fork('nemeses'), WEIGHTS, faults, rhythmOfGossip(leaderless));
  return {
    version: PLAN_VERSION,
    seed: prng.fork('world').uint32(),
    engine,
    replicas,
    expected: 0,
    faults,
    knobs,
    leaderless,
    network,
    disk,
    clientLinks: drawClientLinks(prng.fork('client links'), faults.includes('clients')),
    clients: drawClients(prng.fork('clients'), { knobs, leaderless, safetyMs }),
    nemeses,
    settled: chance(phases, 0.8),
    safetyMs,
    livenessMs: livenessMs(knobs, leaderless),
    healAll: chance(phases, 0.6),
  };
}

function livenessMs({ requestTimeoutMs }: Knobs, { gossipMs }: LeaderlessKnobs): number {
  return 40 * gossipMs + 4 * requestTimeoutMs + UNDER_WAY_MS;
}

/** Calm for some rounds of gossip, or for none. */
function rhythmOfGossip({ gossipMs }: LeaderlessKnobs): Rhythm {
  return { bursts: [2, 3, 4], calmMs: gossipMs, calms: [0, 1, 2, 3] };
}

function drawReplicas(prng: Prng): number {
  return weighted(prng, [
    [3, 54],
    [5, 14],
    [1, 4],
    [2, 12],
    [4, 10],
    [7, 6],
  ]);
}

/** Elections there are none; links take their times from the timeouts all the same. */
function drawKnobs(prng: Prng): Knobs {
  const tickMs = pick(prng, [5, 10, 10, 20]);
  const heartbeatMs = tickMs * pick(prng, [2, 4]);
  const checkpointBytes = pick(prng, [2048, 4096, 16_384, 65_536, 1_048_576]);
  return {
    tickMs,
    heartbeatMs,
    electionTimeoutMs: [heartbeatMs * 5, heartbeatMs * 10],
    diskStallMs: 1000,
    requestTimeoutMs: pick(prng, [300, 1000, 2500]),
    leaseReads: false,
    segmentBytes: pick(prng, [4096, 16_384, 65_536]),
    checkpointBytes,
    retainBytes: pick(prng, [0, 0, 2048, checkpointBytes]),
    engineLimits: {},
  };
}

function drawLeaderless(prng: Prng, engine: 'lww' | 'causal', { tickMs, requestTimeoutMs }: Knobs): LeaderlessKnobs {
  return {
    conflicts: engine === 'causal' && chance(prng, 0.35) ? 'siblings' : 'lww',
    gossipMs: tickMs * pick(prng, [5, 10, 20, 50]),
    sessionWaitMs: pick(prng, [50, 200, requestTimeoutMs]),
    limits: {
      ...(chance(prng, 0.4) ? { deltaBatches: pick(prng, [1, 2, 8]) } : {}),
      ...(chance(prng, 0.3) ? { deltaBytes: pick(prng, [512, 2048]) } : {}),
      ...(chance(prng, 0.3) ? { inflightBytes: pick(prng, [1024, 16_384]) } : {}),
      ...(chance(prng, 0.4) ? { bufferedBatches: pick(prng, [1, 2, 8]) } : {}),
      ...(chance(prng, 0.2) ? { bufferedBytes: pick(prng, [2048, 16_384]) } : {}),
      ...(chance(prng, 0.1) ? { unpersistedBytes: 16_384 } : {}),
      ...(chance(prng, 0.1) ? { ensures: 4 } : {}),
    },
  };
}

const MIXES: readonly Pick<ClientPlan['mix'], 'put' | 'get' | 'delete'>[] = [
  { put: 4, get: 5, delete: 3 },
  { put: 3, get: 3, delete: 5 },
  { put: 6, get: 4, delete: 1 },
  { put: 2, get: 8, delete: 1 },
];

const LEVELS: readonly LevelMix[] = [
  { one: 1, quorum: 0, all: 0 },
  { one: 6, quorum: 2, all: 1 },
  { one: 1, quorum: 4, all: 0 },
  { one: 3, quorum: 1, all: 1 },
];

interface ClientDraw {
  readonly knobs: Knobs;
  readonly leaderless: LeaderlessKnobs;
  readonly safetyMs: number;
}

function drawClients(prng: Prng, { knobs, leaderless, safetyMs }: ClientDraw): ClientPlan[] {
  const count = prng.between(2, 8);
  const manners = {
    keys: prng.between(1, 6),
    mix: { ...pick(prng, MIXES), append: 0, cas: 0, increment: 0 },
    reads: { linearizable: 1, lease: 0, stale: 0 },
    thinkMeanMs: pick(prng, [2, 10, 30]),
    timeoutMs: pick(prng, [150, 400, knobs.requestTimeoutMs + leaderless.sessionWaitMs + 100]),
    paddingBytes: pick(prng, [0, 0, 100, 600]),
    hedge: 0,
    retry: pick(prng, [0.7, 0.9, 0.2]),
    loyalty: pick(prng, [0.9, 0.5, 0.2, 0]),
    leaderless: {
      reads: pick(prng, LEVELS),
      writes: pick(prng, LEVELS),
      expiry: pick(prng, [0, 0, 0.1]),
      blind: pick(prng, [0, 0.2]),
    },
  };
  return drawCast(prng, { count, twins: false, session: 0.75, safetyMs, operationMs: 15, operationsMax: 500, manners });
}
