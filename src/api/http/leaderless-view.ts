import { assert } from '../../base/assert.js';
import { replicaOf, revision, type ReplicaId } from '../../base/brand.js';
import type { Dot, Vector } from '../../base/dot.js';
import type { LeaderlessStatus, MemberView } from '../../engines/leaderless/events.js';
import type { Overwritten } from '../../kv/dotted/types.js';
import type { Keyspace, LeaderlessControl, Router } from '../../replica/router.js';
import { keyMembers, valueMembers } from './bytes.js';
import { versionName } from './item-view.js';

/** A leaderless keyspace with what only such have. */
export interface LeaderlessView {
  readonly keyspace: Keyspace;
  readonly control: LeaderlessControl;
  readonly engine: LeaderlessStatus;
  /** Who answers included. */
  readonly members: readonly ReplicaId[];
}

/** Null for a keyspace with a leader. */
export function leaderlessView(keyspace: Keyspace): LeaderlessView | null {
  const control = keyspace.leaderless;
  if (control === null) return null;
  const { engine } = keyspace.status();
  assert(engine.engine === 'lww' || engine.engine === 'causal', 'such keyspaces have no leader');
  return { keyspace, control, engine, members: keyspace.memberships().latest.membership.voters };
}

export function leaderlessViews(router: Router): readonly LeaderlessView[] {
  return router.keyspaces.flatMap((keyspace) => leaderlessView(keyspace) ?? []);
}

export function vectorDocument(vector: Vector): Record<string, number> {
  return Object.fromEntries(vector);
}

function batchesDocument(dots: readonly Dot[]): readonly Record<string, unknown>[] {
  return dots.map(({ origin, seq }) => ({ origin, replica: replicaOf(origin), batches: seq }));
}

function batchesOf(dots: readonly Dot[]): number {
  return dots.reduce((sum, { seq }) => sum + seq, 0);
}

function peerDocument({ alive, id, lag, lastHeardMs, origin, phi, syncing }: MemberView): Record<string, unknown> {
  return {
    id,
    alive,
    phi: Number.isFinite(phi) ? Math.round(phi * 100) / 100 : null,
    last_heard_ms: lastHeardMs === null ? null : Math.round(lastHeardMs),
    lag,
    origin,
    syncing,
  };
}

/** The other members; who answers is not its own peer. */
function peersOf(engine: LeaderlessStatus, self: ReplicaId): readonly Record<string, unknown>[] {
  return engine.members.filter(({ id }) => id !== self).map(peerDocument);
}

/** The part of /status that tells of one leaderless keyspace. */
export function leaderlessStatus(view: LeaderlessView, self: ReplicaId): Record<string, unknown> {
  const { control, engine, keyspace, members } = view;
  const { partition, group, revision: at, keys, checkpointIndex } = keyspace.status();
  const { counters } = engine;
  return {
    keyspace: keyspace.name,
    partition,
    group,
    engine: engine.engine,
    role: 'member',
    state: engine.state,
    leader: null,
    origin: engine.origin,
    boot: engine.boot,
    clock: engine.counter,
    vector: vectorDocument(engine.vector),
    behind: batchesDocument(engine.behind),
    lag: batchesOf(engine.behind),
    buffered: batchesDocument(engine.buffered),
    stable: engine.stable,
    stable_blocked_by: engine.stableBlockedBy,
    tombstones: control.tombstones.count,
    tombstone_bytes: control.tombstones.bytes,
    conflicts: control.conflicts,
    overwritten: control.overwritten(0).total,
    revision: at,
    keys,
    checkpoints: checkpointIndex,
    reads: keyspace.defaultConsistency,
    member: members.includes(self) ? 'member' : 'removed',
    members,
    peers: peersOf(engine, self),
    counters: {
      rounds: counters.rounds,
      batches_sent: counters.batchesSent,
      bytes_sent: counters.bytesSent,
      duplicates: counters.duplicates,
      gaps: counters.gaps,
      overflows: counters.overflows,
      rejected_counters: counters.rejectedCounters,
      rejected_batches: counters.rejectedBatches,
      full_syncs: counters.fullSyncsDone,
      renewals: counters.renewals,
      mismatches: counters.mismatches,
    },
  };
}

/** How far this replica is, and the others as it sees them. */
export function syncDocument({ engine, keyspace }: LeaderlessView, self: ReplicaId): Record<string, unknown> {
  return {
    keyspace: keyspace.name,
    engine: engine.engine,
    state: engine.state,
    synced: engine.state === 'ready' && engine.behind.length === 0,
    clock: engine.counter,
    vector: vectorDocument(engine.vector),
    behind: batchesDocument(engine.behind),
    buffered: batchesDocument(engine.buffered),
    stable: engine.stable,
    stable_blocked_by: engine.stableBlockedBy,
    peers: peersOf(engine, self),
  };
}

/** One overwritten concurrent value, as JSON text: keys and values may be any bytes. */
export function overwrittenJson({ key, loser, value, valueBytes, winner }: Overwritten): string {
  const stamp = ({ counter, origin, wallMs }: Overwritten['winner']): string =>
    JSON.stringify({ version: versionName(revision(counter), origin), replica: replicaOf(origin), wall_ms: wallMs });
  const lost = value === null ? '"value":null' : valueMembers({ source: value, start: 0, end: value.length });
  const kind = value === null ? 'delete' : 'put';
  return (
    `{${keyMembers(key)},"winner":${stamp(winner)},"loser":${stamp(loser)},"lost":"${kind}",` +
    `${lost},"value_bytes":${valueBytes}}`
  );
}
