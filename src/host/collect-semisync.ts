import type { MetricSink } from '../observe/metrics.js';
import type { SemisyncMember } from '../replica/semisync/member.js';
import type { Storage } from '../storage/storage.js';

/** What a scrape reads of one member of a leader-follower group. */
export function collectSemisync(sink: MetricSink, member: SemisyncMember, storage: Storage): void {
  const [keyspace = ''] = member.group.split('/');
  collectCore(sink, member, keyspace);
  collectRequests(sink, member, keyspace);
  collectState(sink, member, storage, keyspace);
}

function collectCore(sink: MetricSink, { core, stats }: SemisyncMember, keyspace: string): void {
  sink.set('kvorum_semisync_promotions_total', stats.promotionsDone, { keyspace, result: 'done' });
  sink.set('kvorum_semisync_promotions_total', stats.promotionsFailed, { keyspace, result: 'refused' });
  sink.set('kvorum_semisync_leader_changes_total', stats.leaderChanges, { keyspace });
  sink.set('kvorum_failover_discarded_total', stats.discardedAcked, { keyspace, acked: 'yes' });
  sink.set('kvorum_failover_discarded_total', stats.discardedUnacked, { keyspace, acked: 'no' });
  sink.set('kvorum_failover_discarded_total', stats.discardedUnsure, { keyspace, acked: 'unknown' });
  if (core === null) return; // Not formed yet, or this replica came later.
  const status = core.status();
  sink.set('kvorum_semisync_has_leader', status.leader === null ? 0 : 1, { keyspace });
  sink.set('kvorum_semisync_is_leader', status.role === 'leader' ? 1 : 0, { keyspace });
  sink.set('kvorum_semisync_epoch', status.term, { keyspace });
  sink.set('kvorum_semisync_write_quorum', status.writeQuorum, { keyspace });
  sink.set('kvorum_semisync_promises_required', status.promises, { keyspace });
  sink.set('kvorum_semisync_diverged', status.diverged ? 1 : 0, { keyspace });
  sink.set('kvorum_semisync_commit_index', status.commitIndex, { keyspace });
  sink.set('kvorum_semisync_applied_index', status.appliedIndex, { keyspace });
  sink.set('kvorum_semisync_last_index', status.lastIndex, { keyspace });
  sink.set('kvorum_semisync_first_index', status.firstIndex, { keyspace });
  if (status.role !== 'leader') return;
  sink.set('kvorum_semisync_followers_available', status.available, { keyspace });
  for (const { durableIndex, peer, state } of status.followers) {
    sink.set('kvorum_semisync_follower_lag_entries', status.lastIndex - durableIndex, { keyspace, peer });
    sink.set('kvorum_semisync_follower_online', state === 'online' ? 1 : 0, { keyspace, peer });
  }
}

function collectRequests(sink: MetricSink, member: SemisyncMember, keyspace: string): void {
  const { reads, stats, writes } = member;
  sink.set('kvorum_semisync_proposals_total', stats.proposalsCommitted, { keyspace, result: 'committed' });
  sink.set('kvorum_semisync_proposals_total', stats.proposalsRefused, { keyspace, result: 'refused' });
  sink.set('kvorum_semisync_proposals_total', stats.proposalsUnknown, { keyspace, result: 'unknown' });
  sink.set('kvorum_semisync_proposals_pending', writes.pendingBatches, { keyspace });
  sink.set('kvorum_semisync_not_enough_replicas_total', stats.refusedNotEnoughReplicas, { keyspace });
  sink.set('kvorum_semisync_quorum_changes_total', stats.quorumChanges, { keyspace });
  sink.set('kvorum_semisync_read_rounds_total', stats.readRounds, { keyspace });
  sink.set('kvorum_semisync_reads_total', stats.readsServed, { keyspace, result: 'served' });
  sink.set('kvorum_semisync_reads_total', stats.readsRefused, { keyspace, result: 'refused' });
  sink.set('kvorum_semisync_reads_pending', reads.pendingBatches, { keyspace });
}

function collectState(sink: MetricSink, member: SemisyncMember, storage: Storage, keyspace: string): void {
  const { stats } = member;
  const stalenessMs = member.stalenessMs();
  if (Number.isFinite(stalenessMs)) sink.set('kvorum_semisync_staleness_seconds', stalenessMs / 1000, { keyspace });
  sink.set('kvorum_semisync_entries_applied_total', stats.entriesApplied, { keyspace });
  sink.set('kvorum_commands_applied_total', stats.commandsApplied, { keyspace });
  sink.set('kvorum_keys', member.reader.size, { keyspace });
  sink.set('kvorum_revision', member.revision, { keyspace });
  sink.set('kvorum_checkpoint_index', member.checkpointIndex, { keyspace });
  sink.set('kvorum_checkpoint_bytes', storage.checkpoint(member.group).bytes, { keyspace });
  sink.set('kvorum_checkpoints_total', stats.checkpoints, { keyspace, result: 'ok' });
  sink.set('kvorum_checkpoints_total', stats.checkpointsFailed, { keyspace, result: 'failed' });
  sink.set('kvorum_checkpoint_seconds_total', stats.checkpointMs / 1000, { keyspace });
  sink.set('kvorum_snapshots_total', stats.snapshotsSent, { keyspace, event: 'sent' });
  sink.set('kvorum_snapshots_total', stats.snapshotsReceived, { keyspace, event: 'received' });
  sink.set('kvorum_snapshots_total', stats.snapshotsFailed, { keyspace, event: 'failed' });
}
