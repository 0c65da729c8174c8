import { keyHash } from '../../../native-like/key-hash/index.js';
import type { OriginId } from '../../base/brand.js';
import { compareTimestamps, type Dot } from '../../base/dot.js';
import type { ValueRef } from '../types.js';

/** What all commands of one batch have in common: one object, shared by all their items. */
export interface Write extends Dot {
  readonly wallMs: number;
  /** Of origin and position, for the range hash. */
  readonly hash: number;
}

/** What one write made of a key: a value, or (with DELETED for its source) a tombstone. */
export interface Version extends ValueRef {
  readonly write: Write;
  readonly counter: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

/**
 * What is kept of a key: its newest version and, in keyspaces that keep siblings, the others beside it. The two optional
 * members are absent in all but a few items, so that a plain value is one small object.
 */
export interface DottedItem extends Version {
  /** Newest first, all older than the item itself. */
  readonly others?: readonly Version[];
  /** What a version here replaces, and what has not been applied here yet: dropped when it comes. */
  readonly pending?: readonly Dot[];
}

/** The source of every tombstone. */
export const DELETED = new Uint8Array(0);

export function isTombstone(version: Version): boolean {
  return version.source === DELETED;
}

/** A value that does not expire and has no siblings: what nearly all items are. */
export function isPlain(item: DottedItem): boolean {
  return item.expiresAtMs === 0 && item.source !== DELETED && item.others === undefined;
}

export function isExpired(version: Version, nowMs: number): boolean {
  return version.expiresAtMs > 0 && version.expiresAtMs <= nowMs;
}

export function isVisible(version: Version, nowMs: number): boolean {
  return version.source !== DELETED && !isExpired(version, nowMs);
}

/** True when some version is a value, expired or not. */
export function hasValue(item: DottedItem): boolean {
  return item.source !== DELETED || (item.others?.some((other) => other.source !== DELETED) ?? false);
}

/** Newest first. */
export function versionsOf(item: DottedItem): readonly Version[] {
  return item.others === undefined ? [item] : [item, ...item.others];
}

/** Negative when `a` is older; zero for the same timestamp (ap.md §1.0.2). */
export function compareVersions(a: Version, b: Version): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  return compareTimestamps({ counter: 0, origin: a.write.origin }, { counter: 0, origin: b.write.origin });
}

export function isSameWrite(a: Version, b: Version): boolean {
  return a.counter === b.counter && a.write.seq === b.write.seq && a.write.origin === b.write.origin;
}

/** An item of these versions in any order; null when there are none. What was pending for it is void then. */
export function itemOf(versions: readonly Version[], pending: readonly Dot[] = []): DottedItem | null {
  const [newest, ...others] = [...versions].sort((a, b) => compareVersions(b, a));
  if (newest === undefined) return null;
  const { source, start, end, write, counter, expiresAtMs } = newest;
  const item: DottedItem = { source, start, end, write, counter, expiresAtMs };
  if (others.length === 0 && pending.length === 0) return item;
  return { ...item, others: others.map(bare), ...(pending.length === 0 ? {} : { pending }) };
}

function bare({ source, start, end, write, counter, expiresAtMs }: Version): Version {
  return { source, start, end, write, counter, expiresAtMs };
}

const ORIGIN_SEED = 0x646f_7473;

export function hashOrigin(origin: OriginId): number {
  return keyHash(origin, ORIGIN_SEED);
}

export function writeOf(origin: OriginId, originHash: number, seq: number, wallMs: number): Write {
  const mixed = Math.imul(originHash ^ (seq | 0), 0x9e3779b1) ^ Math.imul((seq / 0x1_0000_0000) | 0, 0x5f356495);
  return { origin, seq, wallMs, hash: mixed ^ (mixed >>> 15) };
}
