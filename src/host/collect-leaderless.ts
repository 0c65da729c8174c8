import { replicaOf } from '../base/brand.js';
import type { MetricSink } from '../observe/metrics.js';
import type { LeaderlessMember } from '../replica/leaderless/member.js';

/** What a scrape reads of one member of a leaderless group. */
export function collectLeaderless(sink: MetricSink, member: LeaderlessMember): void {
  const [keyspace = ''] = member.group.split('/');
  collectRequests(sink, member, keyspace);
  collectOrigins(sink, member, keyspace);
  collectState(sink, member, keyspace);
  collectGossip(sink, member, keyspace);
}

function collectRequests(
  sink: MetricSink,
  { reads, sessions, stats, writes }: LeaderlessMember,
  keyspace: string,
): void {
  sink.set('kvorum_leaderless_writes_total', stats.writesDone, { keyspace, result: 'done' });
  sink.set('kvorum_leaderless_writes_total', stats.writesRefused, { keyspace, result: 'refused' });
  sink.set('kvorum_leaderless_writes_total', stats.writesUnknown, { keyspace, result: 'unknown' });
  sink.set('kvorum_leaderless_writes_pending', writes.pendingBatches, { keyspace });
  sink.set('kvorum_leaderless_reads_total', stats.readsServed, { keyspace, result: 'served' });
  sink.set('kvorum_leaderless_reads_total', stats.readsRefused, { keyspace, result: 'refused' });
  sink.set('kvorum_leaderless_reads_pending', reads.pending, { keyspace });
  sink.set('kvorum_read_repairs_total', stats.readRepairs, { keyspace });
  sink.set('kvorum_dependency_waits_total', stats.dependencyWaits, { keyspace });
  sink.set('kvorum_dependency_waiting', sessions.waiting, { keyspace });
  sink.set('kvorum_dependency_wait_seconds_total', stats.dependencyWaitMs / 1000, { keyspace });
  sink.set('kvorum_dependency_timeouts_total', stats.dependencyTimeouts, { keyspace });
}

function collectOrigins(sink: MetricSink, member: LeaderlessMember, keyspace: string): void {
  const status = member.status();
  sink.set('kvorum_leaderless_ready', member.caughtUp ? 1 : 0, { keyspace });
  for (const [origin, seq] of status.vector) sink.set('kvorum_origin_position', seq, { keyspace, origin });
  for (const { origin, seq } of status.behind) sink.set('kvorum_origin_behind_batches', seq, { keyspace, origin });
  for (const { origin, seq } of status.buffered) sink.set('kvorum_causal_buffered_batches', seq, { keyspace, origin });
  const self = replicaOf(status.origin);
  for (const { id: peer, lag, phi } of status.members) {
    if (peer === self) continue;
    sink.set('kvorum_member_lag_batches', lag, { keyspace, peer });
    sink.set('kvorum_member_phi', phi, { keyspace, peer });
  }
  sink.set('kvorum_lamport_counter', status.counter, { keyspace });
  sink.set('kvorum_stable_counter', status.stable, { keyspace });
  for (const peer of status.stableBlockedBy) sink.set('kvorum_stable_blocked', 1, { keyspace, peer });
}

function collectState(sink: MetricSink, member: LeaderlessMember, keyspace: string): void {
  const { kv, reader, stats } = member;
  sink.set('kvorum_batches_applied_total', stats.batchesApplied, { keyspace });
  sink.set('kvorum_commands_applied_total', stats.commandsApplied, { keyspace });
  sink.set('kvorum_keys', reader.size, { keyspace });
  sink.set('kvorum_revision', reader.revision, { keyspace });
  sink.set('kvorum_lww_conflicts_total', kv.overwritten(0).total, { keyspace });
  sink.set('kvorum_tombstones', kv.tombstones.count, { keyspace });
  sink.set('kvorum_tombstone_bytes', kv.tombstones.bytes, { keyspace });
  sink.set('kvorum_tombstones_collected_total', stats.tombstonesCollected, { keyspace });
  sink.set('kvorum_checkpoint_index', member.checkpointCount, { keyspace });
  sink.set('kvorum_checkpoints_total', stats.checkpoints, { keyspace, result: 'ok' });
  sink.set('kvorum_checkpoints_total', stats.checkpointsFailed, { keyspace, result: 'failed' });
  sink.set('kvorum_checkpoint_seconds_total', stats.checkpointMs / 1000, { keyspace });
}

function collectGossip(sink: MetricSink, member: LeaderlessMember, keyspace: string): void {
  const { counters } = member.status();
  const { stats } = member;
  sink.set('kvorum_gossip_total', counters.rounds, { keyspace, event: 'round' });
  sink.set('kvorum_gossip_total', counters.deltasSent, { keyspace, event: 'delta' });
  sink.set('kvorum_gossip_total', counters.batchesSent, { keyspace, event: 'batch' });
  sink.set('kvorum_gossip_total', counters.duplicates, { keyspace, event: 'duplicate' });
  sink.set('kvorum_gossip_total', counters.gaps, { keyspace, event: 'gap' });
  sink.set('kvorum_gossip_total', counters.overflows, { keyspace, event: 'overflow' });
  sink.set('kvorum_gossip_bytes_total', counters.bytesSent, { keyspace });
  sink.set('kvorum_clock_rejected_total', counters.rejectedCounters, { keyspace });
  sink.set('kvorum_batches_rejected_total', counters.rejectedBatches, { keyspace });
  sink.set('kvorum_full_syncs_total', stats.fullSyncsSent, { keyspace, event: 'sent' });
  sink.set('kvorum_full_syncs_total', stats.fullSyncsReceived, { keyspace, event: 'received' });
  sink.set('kvorum_full_syncs_total', stats.fullSyncsFailed, { keyspace, event: 'failed' });
  sink.set('kvorum_incarnations_total', counters.renewals, { keyspace });
  sink.set('kvorum_integrity_mismatch_total', stats.integrityMismatches, { keyspace });
  sink.set('kvorum_integrity_repaired_items_total', stats.itemsRepaired, { keyspace });
}
