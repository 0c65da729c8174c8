import type { Verdict } from '../check.js';
import type { Operation, Version } from '../operation.js';
import { isOpen, sessionsOf } from './records.js';
import type { Evidence } from './types.js';

export interface VersionsResult {
  readonly verdict: Verdict;
  readonly operations: number;
  readonly sessions: number;
  readonly keys: number;
  /** Reads of which it is not known what version they returned: nothing is said about these. */
  readonly unversioned: number;
  readonly violation: Evidence | null;
}

interface KeyFacts {
  /** The versions of values that were written once. */
  readonly versions: Map<string, Version | null>;
  /** The highest version of a delete; `isOpen` when there is one whose version nobody knows. */
  deleted: Version | null;
  hasOpenDelete: boolean;
}

/** The highest version that a session has written, or read, of a key. */
interface Highest {
  readonly version: Version;
  readonly operation: Operation;
}

type Seen = { written: Highest | null; read: Highest | null };

/**
 * Read your writes and monotonic reads, for a store that promises no more (ap.md §1.2.6, lww): what a session reads of a
 * key is never older, by the versions in the history, than what it wrote or read of it before. A read without a version
 * has that of the write of its value, where values are unique. An absent key without one may have been deleted by any
 * delete that is newer, or whose version is not known.
 */
export function checkVersions(history: readonly Operation[]): VersionsResult {
  const sessions = sessionsOf(history);
  const facts = factsOf(sessions.flat());
  let operations = 0;
  let unversioned = 0;
  let violation: Evidence | null = null;
  for (const session of sessions) {
    const keys = new Map<string, Seen>();
    for (const operation of session) {
      const { key, kind } = operation;
      const seen = keys.get(key) ?? { written: null, read: null };
      keys.set(key, seen);
      operations++;
      const version = versionOf(operation, facts);
      if (kind !== 'get') {
        if (version !== null && !isOpen(operation)) seen.written = higher(seen.written, { version, operation });
        continue;
      }
      if (version === null && operation.value !== null) unversioned++;
      const found = judge(operation, version, seen, facts.get(key));
      if (found !== null && (violation === null || order(found.culprit, violation.culprit) < 0)) violation = found;
      if (version !== null) seen.read = higher(seen.read, { version, operation });
    }
  }
  const verdict = violation === null ? 'ok' : 'violation';
  return { verdict, operations, sessions: sessions.length, keys: facts.size, unversioned, violation };
}

/** By counter, then by id; the order in which the last writer wins. */
export function compareVersions(a: Version, b: Version): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  const [, left] = a;
  const [, right] = b;
  if (left === right) return 0;
  if (typeof left !== typeof right) return typeof left === 'number' ? -1 : 1;
  return left < right ? -1 : 1;
}

function factsOf(operations: readonly Operation[]): Map<string, KeyFacts> {
  const facts = new Map<string, KeyFacts>();
  for (const operation of operations) {
    const { key, kind, value, version } = operation;
    const known = facts.get(key) ?? { versions: new Map(), deleted: null, hasOpenDelete: false };
    facts.set(key, known);
    if (kind === 'put' && value !== null)
      known.versions.set(value, known.versions.has(value) ? null : (version ?? null));
    // A read that names the delete knows of one as well as the delete itself.
    if (kind === 'put' || value !== null) continue;
    if (version === undefined) known.hasOpenDelete ||= kind === 'delete';
    else if (known.deleted === null || compareVersions(version, known.deleted) > 0) known.deleted = version;
  }
  return facts;
}

function versionOf({ key, kind, value, version }: Operation, facts: ReadonlyMap<string, KeyFacts>): Version | null {
  if (version !== undefined) return version;
  return kind === 'get' && value !== null ? (facts.get(key)?.versions.get(value) ?? null) : null;
}

function higher(a: Highest | null, b: Highest): Highest {
  return a !== null && compareVersions(a.version, b.version) >= 0 ? a : b;
}

function judge(
  read: Operation,
  version: Version | null,
  { read: before, written }: Seen,
  facts: KeyFacts | undefined,
): Evidence | null {
  const isOlder = (highest: Highest): boolean => {
    if (version !== null) return compareVersions(version, highest.version) < 0;
    if (read.value !== null || highest.operation.value === null || facts === undefined) return false;
    return !facts.hasOpenDelete && (facts.deleted === null || compareVersions(facts.deleted, highest.version) < 0);
  };
  if (written !== null && isOlder(written)) return tell('ReadYourWrites', read, version, written);
  if (before !== null && isOlder(before)) return tell('MonotonicReads', read, version, before);
  return null;
}

function tell(
  pattern: 'ReadYourWrites' | 'MonotonicReads',
  read: Operation,
  version: Version | null,
  { operation, version: needed }: Highest,
): Evidence {
  const isOwn = pattern === 'ReadYourWrites';
  const did = isOwn ? 'wrote' : 'read';
  const then = version === null ? 'found nothing, and no delete is newer' : `read version ${JSON.stringify(version)}`;
  return {
    pattern,
    summary: isOwn
      ? 'a session read a version older than what it had written'
      : 'a session read a version older than what it had read',
    operations: [operation, read],
    sentences: [`[1] ${did} version ${JSON.stringify(needed)}.`, `Later in the same session [2] ${then}.`],
    culprit: read,
  };
}

function order(a: Operation, b: Operation): number {
  return (a.return ?? Infinity) - (b.return ?? Infinity);
}
