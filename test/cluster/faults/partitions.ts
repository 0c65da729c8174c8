import type { FaultNetwork } from './network.js';

/** Partitions in the forms that break things (reliability.md §2.1). */
export type Side = 'both' | 'in' | 'out';

function ids(network: FaultNetwork): readonly string[] {
  return network.places.map(({ id }) => id);
}

/** `one` is cut from all others: it hears nobody (`in`), nobody hears it (`out`), or both. */
export function isolate(network: FaultNetwork, one: string, side: Side): void {
  for (const other of ids(network)) {
    if (other === one) continue;
    if (side !== 'in') network.cut(one, other);
    if (side !== 'out') network.cut(other, one);
  }
}

/** The replicas of `group` hear each other, and so do the rest. */
export function split(network: FaultNetwork, group: ReadonlySet<string>): void {
  for (const from of ids(network)) {
    for (const to of ids(network)) if (group.has(from) !== group.has(to)) network.cut(from, to);
  }
}

/** `a` and `b` do not hear each other; with three replicas the third is a bridge between them. */
export function partPair(network: FaultNetwork, a: string, b: string): void {
  network.cut(a, b);
  network.cut(b, a);
}

/**
 * Every replica hears a majority, and no two hear the same one (Jepsen's majorities ring): in a ring, only the nearest
 * on both sides. With three replicas everybody is everybody's neighbour, so there one pair is parted.
 */
export function majoritiesRing(network: FaultNetwork, order: readonly string[]): void {
  const count = order.length;
  if (count <= 3) {
    const [a, b] = order;
    if (a !== undefined && b !== undefined) partPair(network, a, b);
    return;
  }
  const reach = Math.floor(count / 4) || 1;
  for (const [at, from] of order.entries()) {
    for (const [where, to] of order.entries()) {
      const apart = Math.min((at - where + count) % count, (where - at + count) % count);
      if (apart > reach) network.cut(from, to);
    }
  }
}
