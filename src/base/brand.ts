import { assert } from './assert.js';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Position of an entry in one group's log. The first entry is 1; 0 means "before the first". A safe integer. */
export type LogIndex = Brand<number, 'LogIndex'>;
/** Raft term (Raft paper §5.1). 0 means "no term yet". A safe integer. */
export type Term = Brand<number, 'Term'>;
/** Ordinal of a command in its keyspace partition's order; the first command is 1. A safe integer. */
export type Revision = Brand<number, 'Revision'>;
/** A replica's id as written in the topology, for example `n1`. */
export type ReplicaId = Brand<string, 'ReplicaId'>;
/** A group's id: `<keyspace>/<partition>`, for example `default/0`. The same on every replica. */
export type GroupId = Brand<string, 'GroupId'>;
/**
 * Who wrote, in a leaderless group: `<replica>~<incarnation>`. A replica that has lost what it wrote comes back with another
 * incarnation, so that no position of an origin's log ever stands for two writes (ap.md §1.0.1).
 */
export type OriginId = Brand<string, 'OriginId'>;

/** Checks and brands a decoded number. Throws InvariantViolation when it is not a safe non-negative integer. */
export function logIndex(value: number): LogIndex {
  assert(Number.isSafeInteger(value) && value >= 0, `not a log index: ${value}`);
  return value as LogIndex;
}
export function term(value: number): Term {
  assert(Number.isSafeInteger(value) && value >= 0, `not a term: ${value}`);
  return value as Term;
}
export function revision(value: number): Revision {
  assert(Number.isSafeInteger(value) && value >= 0, `not a revision: ${value}`);
  return value as Revision;
}
export function replicaId(value: string): ReplicaId {
  assert(value.length > 0, 'a replica id is not empty');
  return value as ReplicaId;
}
/** Whether `value` is `<replica>~<incarnation>`. */
export function isOrigin(value: string): value is OriginId {
  const at = value.lastIndexOf('~');
  return at > 0 && at < value.length - 1;
}
/** An origin as written on disks and wires. Throws InvariantViolation unless it is `<replica>~<incarnation>`. */
export function originId(value: string): OriginId {
  assert(isOrigin(value), `not an origin: ${value}`);
  return value;
}
export function originOf(replica: ReplicaId, incarnation: string): OriginId {
  return originId(`${replica}~${incarnation}`);
}
/** The replica that an origin belongs (or belonged) to. */
export function replicaOf(origin: OriginId): ReplicaId {
  return origin.slice(0, origin.lastIndexOf('~')) as ReplicaId;
}
/** The group of the log that holds what `origin` wrote in a leaderless group: `likes/0@n1~…`. */
export function originLog(group: GroupId, origin: OriginId): GroupId {
  return `${group}@${origin}` as GroupId;
}
/** What originLog was made of; null for the log of a group itself. */
export function parseOriginLog(log: GroupId): { readonly group: GroupId; readonly origin: OriginId } | null {
  // Neither the name of a keyspace nor the id of a replica has an @.
  const at = log.indexOf('@');
  if (at <= 0 || !/^@.+~[^~]+$/s.test(log.slice(at))) return null;
  return { group: log.slice(0, at) as GroupId, origin: originId(log.slice(at + 1)) };
}
export function groupId(keyspace: string, partition: number): GroupId {
  return `${keyspace}/${partition}` as GroupId;
}
/** The index `count` after (or, negative, before) `index`. */
export function indexAfter(index: LogIndex, count = 1): LogIndex {
  return (index + count) as LogIndex;
}
