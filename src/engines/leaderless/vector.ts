import type { OriginId } from '../../base/brand.js';
import type { Dot, Vector } from './types.js';

/** A vector that its owner changes; positions in it only ever rise. */
export type MutableVector = Map<OriginId, number>;

export function positionOf(vector: Vector, origin: OriginId): number {
  return vector.get(origin) ?? 0;
}

/** Raises one entry; true when it was lower. */
export function raise(vector: MutableVector, origin: OriginId, seq: number): boolean {
  if (seq <= positionOf(vector, origin)) return false;
  vector.set(origin, seq);
  return true;
}

/** Those of `dots` that `vector` does not reach. */
export function notCovered(vector: Vector, dots: readonly Dot[]): Dot[] {
  return dots.filter(({ origin, seq }) => positionOf(vector, origin) < seq);
}

export function coversAll(vector: Vector, dots: readonly Dot[]): boolean {
  for (const { origin, seq } of dots) if (positionOf(vector, origin) < seq) return false;
  return true;
}

/** Equal positions; an entry of 0 is as good as none. */
export function sameVector(a: Vector, b: Vector): boolean {
  for (const [origin, seq] of a) if (positionOf(b, origin) !== seq) return false;
  for (const [origin, seq] of b) if (positionOf(a, origin) !== seq) return false;
  return true;
}

export function vectorOf(dots: readonly Dot[]): MutableVector {
  const vector: MutableVector = new Map();
  for (const { origin, seq } of dots) raise(vector, origin, seq);
  return vector;
}

/** Entries above 0. */
export function dotsOf(vector: Vector): Dot[] {
  const dots: Dot[] = [];
  for (const [origin, seq] of vector) if (seq > 0) dots.push({ origin, seq });
  return dots;
}

/** Where `vector` is above `before`. */
export function risenSince(vector: Vector, before: Vector): Dot[] {
  const risen: Dot[] = [];
  for (const [origin, seq] of vector) if (seq > (before.get(origin) ?? 0)) risen.push({ origin, seq });
  return risen;
}
