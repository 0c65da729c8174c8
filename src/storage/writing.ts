import { randomBytes } from 'node:crypto';
import { assert } from '../base/assert.js';
import { replicaOf, type OriginId, type ReplicaId } from '../base/brand.js';
import type { Clock } from '../base/clock.js';
import type { WritingIdentity } from './storage.js';

/** Who a folder's replica writes as in leaderless groups: a part of the file IDENTITY, once there are such groups. */
export interface WritingRecord {
  readonly incarnation: string;
  /** Of the last life that wrote. */
  readonly boot: number;
  /**
   * The log is known to hold all that was ever written under the incarnation: it is synced, or the process that wrote
   * ended in order. False while one runs without fsync: killed, it leaves this behind.
   */
  readonly whole: boolean;
}

const TIME_DIGITS = 12;
const RANDOM_BYTES = 2;
const INCARNATION = /^[0-9a-f]{16}$/;

/** 12 digits of the time, 4 of `random`: incarnations of one replica sort by age. */
export function incarnationAt(wallMs: number, random: number): string {
  const time = Math.max(0, Math.floor(wallMs)).toString(16).padStart(TIME_DIGITS, '0').slice(-TIME_DIGITS);
  return `${time}${(random & 0xffff).toString(16).padStart(4, '0')}`;
}

export function mintedBy(clock: Clock): () => string {
  return () => incarnationAt(clock.wallMs(), randomBytes(RANDOM_BYTES).readUInt16LE(0));
}

/**
 * The next life of a folder. The incarnation stays, unless there is none yet or positions under it may have been lost that
 * others have: they would be used again for other writes (ap.md §1.0.1 rule 1).
 */
export function nextLife(before: WritingRecord | null, fsync: boolean, mint: () => string): WritingRecord {
  const boot = (before?.boot ?? 0) + 1;
  if (before !== null && before.whole) return { ...before, boot, whole: fsync };
  return { incarnation: mintAbove(before === null ? [] : [before.incarnation], mint), boot, whole: fsync };
}

/** Another incarnation in the same life, above all that are known of: of `above` those of `replica` count. */
export function renewed(
  before: WritingRecord,
  replica: ReplicaId,
  above: readonly OriginId[],
  mint: () => string,
): WritingRecord {
  const known = above
    .filter((origin) => replicaOf(origin) === replica)
    .map((origin) => origin.slice(replica.length + 1));
  return { ...before, incarnation: mintAbove([before.incarnation, ...known], mint) };
}

/**
 * A clock that went back must not make a new incarnation look older than the one it replaces: it is then of the moment after that
 * one. Its random digits stay: a folder that is lost twice must not be given the same incarnation twice.
 */
function mintAbove(known: readonly string[], mint: () => string): string {
  const minted = mint();
  assert(INCARNATION.test(minted), 'an incarnation is 8 bytes in hexadecimal');
  let incarnation = minted;
  for (const other of known) {
    if (!INCARNATION.test(other) || other < incarnation) continue;
    const time = (BigInt(`0x${other.slice(0, TIME_DIGITS)}`) + 1n).toString(16).padStart(TIME_DIGITS, '0');
    // Nothing is above the highest one: it is only kept from being used twice.
    if (time.length === TIME_DIGITS) incarnation = time + minted.slice(TIME_DIGITS);
  }
  return incarnation;
}

export function identityOf({ incarnation, boot }: WritingRecord, fresh: boolean): WritingIdentity {
  return { incarnation, boot, fresh };
}

/** Undefined: not readable. */
export function readWriting(value: unknown): WritingRecord | null | undefined {
  if (value === null) return null;
  if (typeof value !== 'object') return undefined;
  const { incarnation, boot, whole }: { incarnation?: unknown; boot?: unknown; whole?: unknown } = { ...value };
  if (typeof incarnation !== 'string' || !INCARNATION.test(incarnation)) return undefined;
  if (typeof boot !== 'number' || !Number.isSafeInteger(boot) || boot < 1) return undefined;
  return typeof whole === 'boolean' ? { incarnation, boot, whole } : undefined;
}
