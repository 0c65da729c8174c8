import { assertDefined } from '../../base/assert.js';
import { createPrng, type Prng } from '../../base/prng.js';
import type { Knobs, SemisyncKnobs } from '../world/options.js';
import { drawAction } from './draw-action.js';
import { drawClientLinks } from './draw-clients.js';
import { drawDisk, drawLinks } from './draw-machines.js';
import { FAULT_CLASSES, type FaultClass } from './faults.js';
import { NEMESES, type Nemesis } from './nemesis/index.js';
import {
  PLAN_VERSION,
  type ClientPlan,
  type NemesisAction,
  type OperationMix,
  type Plan,
  type SemisyncClient,
} from './plan.js';
import { chance, pick, weighted } from './dice.js';

/**
 * Members are those that the group was formed with, so that nobody adds or moves any; P counts on what was acknowledged being
 * there, so that nobody may put back an older folder; and there are no clocks that a member could lie about.
 */
const WITHOUT: readonly FaultClass[] = ['membership', 'transfer', 'rollback', 'hostile'];

/** Rare: whoever has them in it must expect losses, or replicas that never come back. */
const RARE: Partial<Record<FaultClass, number>> = { force: 0.5, 'lost-sync': 0.1, rot: 0.4, wipe: 0.4 };

/** How often each nemesis is drawn beside the others. */
const WEIGHTS: Readonly<Record<string, number>> = {
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

export interface SemisyncDraw {
  readonly faults: readonly FaultClass[];
  readonly replicas?: number | undefined;
}

/** What each seed's world with a write quorum is like, from dice of its own. */
export function drawSemisyncPlan(seed: number, options: SemisyncDraw): Plan {
  const prng = createPrng(seed).fork('semisync');
  const faults = drawFaults(prng.fork('faults'), options.faults);
  const drawn = drawReplicas(prng.fork('replicas'));
  const replicas = Math.max(2, options.replicas ?? drawn);
  const network = drawLinks(prng.fork('links'), faults.includes('network'));
  const disk = drawDisk(prng.fork('disk'), faults.includes('disk'));
  const delayMs = drawDelay(prng.fork('delay'));
  const roundMs = 2 * (network.delayMeanMs + disk.syncMeanMs + (delayMs?.[1] ?? 0));
  const knobs = drawKnobs(prng.fork('knobs'), roundMs);
  const semisync = { ...drawGroup(prng.fork('group'), replicas - 1, knobs), ...(delayMs === null ? {} : { delayMs }) };
  const phases = prng.fork('phases');
  const { nemeses, safetyMs } = drawNemeses(prng.fork('nemeses'), faults, knobs);
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

/** What was under way when the faults ended: a slow sync, or a full sync of which a piece was lost. */
const UNDER_WAY_MS = 14_000;

/** Promotions, a few of them in vain, restarts, an operator who waits before he acts, requests of before. */
function livenessMs({ electionTimeoutMs, requestTimeoutMs }: Knobs): number {
  return 60 * electionTimeoutMs[1] + 4 * requestTimeoutMs + UNDER_WAY_MS;
}

function drawFaults(prng: Prng, allowed: readonly FaultClass[]): FaultClass[] {
  const share = pick(prng, [0.25, 0.4, 0.4, 0.6, 0.8, 1]);
  const possible = FAULT_CLASSES.filter((each) => !WITHOUT.includes(each));
  return possible.filter((each) => chance(prng, share * (RARE[each] ?? 1)) && allowed.includes(each));
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

/** `roundMs`: what a round trip and a sync on both ends take; promotions that are faster than that never end. */
function drawKnobs(prng: Prng, roundMs: number): Knobs {
  const tickMs = pick(prng, [5, 10, 10, 20]);
  const heartbeatMs = tickMs * pick(prng, [1, 2, 3, 4]);
  const electionMinMs = Math.max(
    Math.min(250, heartbeatMs * pick(prng, [3, 5, 8])),
    Math.ceil(roundMs * pick(prng, [2, 3, 5])),
  );
  const checkpointBytes = pick(prng, [2048, 4096, 16_384, 65_536]);
  const engineLimits: Partial<Knobs['engineLimits']> = {
    ...(chance(prng, 0.3) ? { appendEntries: pick(prng, [1, 2, 8]) } : {}),
    ...(chance(prng, 0.3) ? { appendBytes: pick(prng, [256, 2048]) } : {}),
    ...(chance(prng, 0.3) ? { inflightMessages: pick(prng, [1, 2, 8]) } : {}),
    ...(chance(prng, 0.2) ? { inflightBytes: pick(prng, [1024, 16_384]) } : {}),
    ...(chance(prng, 0.1) ? { uncommittedBytes: 16_384 } : {}),
    ...(chance(prng, 0.1) ? { pendingReads: 2 } : {}),
  };
  return {
    tickMs,
    heartbeatMs,
    electionTimeoutMs: [electionMinMs, electionMinMs * pick(prng, [2, 2, 3])],
    diskStallMs: pick(prng, [200, 500, 1000]),
    requestTimeoutMs: pick(prng, [500, 1000, 2500]),
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
  const shared = {
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
  const twins = faults && count >= 4 && chance(prng, 0.3);
  const operations = Math.min(Math.ceil(safetyMs / 15), Math.ceil(700 / count));
  return Array.from({ length: count }, (_, at) => ({
    id: twins && at === 1 ? 'c0' : `c${at}`,
    seed: prng.uint32(),
    operations,
    ...shared,
    session: (twins && at <= 1) || chance(prng, 0.85),
  }));
}

/** Bursts of actions with calm between them, as for raft (draw.ts). */
function drawNemeses(
  prng: Prng,
  faults: readonly FaultClass[],
  knobs: Knobs,
): { readonly nemeses: NemesisAction[]; readonly safetyMs: number } {
  const possible = Object.keys(WEIGHTS)
    .map((name) => assertDefined(NEMESES.get(name), 'what is drawn exists'))
    .filter((each) => each.faults.every((needed) => faults.includes(needed)));
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
      if (chance(prng, 0.7)) atMs += prng.between(1, BURST_STEP_MS);
    }
    atMs += calmMs(prng, knobs);
  }
  return { nemeses, safetyMs: atMs };
}

const BURST_STEP_MS = 250;

/** Time for a promotion, mostly, and for some work. */
function calmMs(prng: Prng, { electionTimeoutMs }: Knobs): number {
  return Math.ceil(electionTimeoutMs[1] * pick(prng, [1, 2, 2, 3])) + prng.between(100, 700);
}

function weightedNemesis(prng: Prng, from: readonly Nemesis[]): Nemesis {
  return weighted(
    prng,
    from.map((each) => [each, WEIGHTS[each.name] ?? 0] as const),
  );
}
