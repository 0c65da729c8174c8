import type { ReplicaId } from '../../../base/brand.js';
import type { Prng } from '../../../base/prng.js';
import { nemesis, shuffled, type Nemesis, type Stage, type Target } from './stage.js';

type Link = readonly [from: ReplicaId, to: ReplicaId];

const PARTITION_MS = [100, 400, 1000, 2500] as const;
const SILENT = [true, false] as const;

function idsOf(stage: Stage): ReplicaId[] {
  return stage.members().map(({ id }) => id);
}

/** Every directed link between two different ones for which `isCut` holds. */
function linksWhere(ids: readonly ReplicaId[], isCut: (from: ReplicaId, to: ReplicaId) => boolean): Link[] {
  return ids.flatMap((from) => ids.filter((to) => to !== from && isCut(from, to)).map((to): Link => [from, to]));
}

function cutFor(stage: Stage, links: readonly Link[], durationMs: number, silent: boolean): void {
  for (const [from, to] of links) stage.cut(from, to, silent);
  stage.after(durationMs, () => {
    for (const [from, to] of links) stage.heal(from, to);
  });
}

export type Direction = 'in' | 'out' | 'both';

/** Cuts off each of the picked from everybody that is not picked. */
export function isolate(
  stage: Stage,
  isolated: readonly ReplicaId[],
  direction: Direction,
  durationMs: number,
  silent: boolean,
): void {
  const out = linksWhere(idsOf(stage), (from, to) => isolated.includes(from) && !isolated.includes(to));
  const into = out.map(([from, to]): Link => [to, from]);
  if (direction !== 'in') cutFor(stage, out, durationMs, silent);
  if (direction !== 'out') cutFor(stage, into, durationMs, silent);
}

function pickIds(stage: Stage, prng: Prng, target: Target): ReplicaId[] {
  return stage.pick(prng, target).map(({ id }) => id);
}

export const NETWORK_NEMESES: readonly Nemesis[] = [
  // A single isolated node is behind most partition failures in the field, the leader first (reliability.md §1.5).
  nemesis(
    'isolate',
    ['partition'],
    {
      target: ['leader', 'leader', 'follower', 'any', 'minority'],
      direction: ['in', 'out', 'both'],
      durationMs: PARTITION_MS,
      silent: SILENT,
    },
    (stage, { direction, durationMs, silent, target }, prng) =>
      isolate(stage, pickIds(stage, prng, target), direction, durationMs, silent),
  ),
  nemesis(
    'random-partition',
    ['partition'],
    { durationMs: PARTITION_MS, silent: SILENT, symmetric: [true, true, false] },
    (stage, { durationMs, silent, symmetric }, prng) => {
      const side = new Map(idsOf(stage).map((id) => [id, prng.between(0, 1)]));
      const links = linksWhere([...side.keys()], (from, to) =>
        symmetric ? side.get(from) !== side.get(to) : (side.get(from) ?? 0) < (side.get(to) ?? 0),
      );
      cutFor(stage, links, durationMs, silent);
    },
  ),
  // Two halves that only one replica can reach both of.
  nemesis(
    'bridge',
    ['partition'],
    { durationMs: PARTITION_MS, silent: SILENT },
    (stage, { durationMs, silent }, prng) => {
      const [bridge, ...rest] = shuffled(prng, idsOf(stage));
      const half = rest.slice(0, Math.ceil(rest.length / 2));
      const links = linksWhere(rest, (from, to) => half.includes(from) !== half.includes(to));
      if (bridge !== undefined) cutFor(stage, links, durationMs, silent);
    },
  ),
  // Everybody reaches a majority, no two the same one (Jepsen). Of three replicas: a chain.
  nemesis(
    'majorities-ring',
    ['partition'],
    { durationMs: PARTITION_MS, silent: SILENT },
    (stage, { durationMs, silent }, prng) => {
      const ring = shuffled(prng, idsOf(stage));
      const reach = Math.max(1, Math.floor(ring.length / 4));
      const place = new Map(ring.map((id, at) => [id, at]));
      const distance = (a: ReplicaId, b: ReplicaId): number => {
        const apart = Math.abs((place.get(a) ?? 0) - (place.get(b) ?? 0));
        return ring.length === 3 ? apart : Math.min(apart, ring.length - apart);
      };
      cutFor(
        stage,
        linksWhere(ring, (from, to) => distance(from, to) > reach),
        durationMs,
        silent,
      );
    },
  ),
  // One by one, and back in another order: "the reigning champion" of FoundationDB's testing.
  nemesis(
    'swizzle-clog',
    ['network'],
    { target: ['minority', 'majority', 'all'], stepMs: [20, 100, 400] },
    (stage, { stepMs, target }, prng) => {
      const clogged = pickIds(stage, prng, target);
      const order = shuffled(prng, clogged);
      for (const [at, id] of clogged.entries()) {
        const beginMs = at * stepMs + prng.between(0, stepMs);
        const endMs = (clogged.length + order.indexOf(id)) * stepMs + prng.between(0, stepMs);
        stage.after(beginMs, () => clogAll(stage, id, endMs - beginMs));
      }
    },
  ),
  nemesis(
    'storm',
    ['network'],
    { kind: ['loss', 'duplicates', 'reordering', 'delay', 'corruption'], durationMs: [200, 1000, 3000] },
    (stage, { durationMs, kind }) => {
      if (kind === 'loss') stage.disturbNetwork({ loss: 0.4 }, durationMs);
      else if (kind === 'duplicates') stage.disturbNetwork({ duplicate: 0.6, reorder: 0.3 }, durationMs);
      else if (kind === 'reordering') stage.disturbNetwork({ reorder: 0.7 }, durationMs);
      else if (kind === 'delay') stage.disturbNetwork({ delayMeanMs: 40, slowTail: 0 }, durationMs);
      else stage.disturbNetwork({ corrupt: 0.05 }, durationMs);
    },
  ),
  // What the leader was told before the others left it arrives when they have long had another one (raft.md L2, L4).
  nemesis(
    'late-answers',
    ['partition', 'network'],
    { cutAfterMs: [10, 30, 100], elections: [1.2, 1.5, 1.8, 2.2, 2.7], silent: SILENT },
    (stage, { cutAfterMs, elections, silent }) => {
      const { network, time, topology } = stage.world;
      const durationMs = elections * topology.timing.electionTimeoutMs[0];
      const leader = stage.leader()?.id;
      const others = idsOf(stage).filter((id) => id !== leader);
      if (leader === undefined) return;
      for (const id of others) network.clog(id, leader, time.nowMs + durationMs);
      const out = others.map((id): Link => [leader, id]);
      stage.after(cutAfterMs, () => cutFor(stage, out, 2 * durationMs, silent));
    },
  ),
  nemesis('reset', ['network'], { target: ['leader', 'any', 'all'] }, (stage, { target }, prng) => {
    const picked = pickIds(stage, prng, target);
    const links = linksWhere(idsOf(stage), (from, to) => picked.includes(from) || picked.includes(to));
    for (const [from, to] of links) stage.world.network.reset(from, to);
  }),
];

function clogAll(stage: Stage, id: ReplicaId, durationMs: number): void {
  const { network, time } = stage.world;
  for (const [from, to] of linksWhere(idsOf(stage), (from, to) => from === id || to === id)) {
    network.clog(from, to, time.nowMs + durationMs);
  }
}
