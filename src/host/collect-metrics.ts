import type { Metrics, MetricSink } from '../observe/metrics.js';
import { collectLeaderless } from './collect-leaderless.js';
import { collectSemisync } from './collect-semisync.js';
import type { RaftMember } from '../replica/raft/member.js';
import type { Replica } from '../replica/replica.js';
import type { HealthCheck } from '../replica/router.js';
import type { Storage } from '../storage/storage.js';
import type { PeerLinkStatus, Transport } from '../transport/transport.js';

export interface MetricSources {
  readonly replica: Replica;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly restarts: number;
  liveness(): readonly HealthCheck[];
  readiness(): readonly HealthCheck[];
}

/** Tells the metrics of one replica where to read, at each scrape. */
export function collectReplicaMetrics(metrics: Metrics, sources: MetricSources): void {
  const { replica, storage, transport } = sources;
  const syncs = metrics.histogram('kvorum_wal_fsync_duration_seconds');
  replica.onLogSynced = (milliseconds) => syncs.observe(milliseconds / 1000);
  metrics.onScrape((sink) => {
    sink.set('kvorum_uptime_seconds', replica.uptimeMs() / 1000);
    sink.set('kvorum_restarts_total', sources.restarts);
    for (const check of sources.liveness()) setCheck(sink, 'liveness', check);
    for (const check of sources.readiness()) setCheck(sink, 'readiness', check);
    for (const member of replica.raftMembers) collectMember(sink, member, storage);
    for (const member of replica.semisyncMembers) collectSemisync(sink, member, storage);
    for (const member of replica.leaderlessMembers) {
      collectLeaderless(sink, member);
      const [keyspace = ''] = member.group.split('/');
      sink.set('kvorum_checkpoint_bytes', storage.checkpoint(member.group, 'none').bytes, { keyspace });
    }
    for (const link of transport.status()) collectLink(sink, link);
    sink.set('kvorum_wal_appends_total', replica.stats.logAppends);
    sink.set('kvorum_wal_bytes', storage.log.bytes);
    sink.set('kvorum_wal_stalled_seconds', storage.log.stalledMs() / 1000);
    sink.set('kvorum_turns_total', replica.stats.turns);
    sink.set('kvorum_messages_total', replica.stats.messagesSent, { event: 'sent' });
    sink.set('kvorum_messages_total', replica.stats.messagesReceived, { event: 'received' });
    sink.set('kvorum_messages_total', replica.stats.messagesDropped, { event: 'dropped' });
    sink.set('kvorum_messages_total', replica.stats.messagesForeign, { event: 'foreign' });
  });
}

function setCheck(sink: MetricSink, type: string, { name, ok }: HealthCheck): void {
  sink.set('kvorum_healthcheck', ok ? 1 : 0, { type, name });
}

function collectMember(sink: MetricSink, member: RaftMember, storage: Storage): void {
  const [keyspace = ''] = member.group.split('/');
  const { stats } = member;
  const status = member.raft.status();
  sink.set('kvorum_raft_has_leader', status.leader === null ? 0 : 1, { keyspace });
  sink.set('kvorum_raft_is_leader', status.role === 'leader' ? 1 : 0, { keyspace });
  sink.set('kvorum_raft_term', status.term, { keyspace });
  sink.set('kvorum_raft_commit_index', status.commitIndex, { keyspace });
  sink.set('kvorum_raft_applied_index', member.appliedIndex, { keyspace });
  sink.set('kvorum_raft_last_index', status.lastIndex, { keyspace });
  sink.set('kvorum_raft_first_index', status.firstIndex, { keyspace });
  sink.set('kvorum_raft_leader_changes_total', stats.leaderChanges, { keyspace });
  sink.set('kvorum_raft_elections_total', stats.elections, { keyspace });
  sink.set('kvorum_raft_proposals_total', stats.proposalsCommitted, { keyspace, result: 'committed' });
  sink.set('kvorum_raft_proposals_total', stats.proposalsRefused, { keyspace, result: 'refused' });
  sink.set('kvorum_raft_proposals_total', stats.proposalsUnknown, { keyspace, result: 'unknown' });
  sink.set('kvorum_raft_proposals_pending', member.writes.pendingBatches, { keyspace });
  sink.set('kvorum_raft_read_index_total', stats.readRounds, { keyspace });
  sink.set('kvorum_raft_reads_total', stats.readsServed, { keyspace, result: 'served' });
  sink.set('kvorum_raft_reads_total', stats.readsRefused, { keyspace, result: 'refused' });
  sink.set('kvorum_raft_reads_pending', member.reads.pendingBatches, { keyspace });
  for (const { peer, matchIndex } of status.progress) {
    sink.set('kvorum_raft_progress_lag_entries', status.lastIndex - matchIndex, { keyspace, peer });
  }
  collectMembership(sink, member, keyspace, status.voter);
  sink.set('kvorum_raft_entries_applied_total', stats.entriesApplied, { keyspace });
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

function collectMembership(
  sink: MetricSink,
  { memberships, stats }: RaftMember,
  keyspace: string,
  voter: boolean,
): void {
  const { learners, outgoing, voters } = memberships.latest.membership;
  sink.set('kvorum_raft_voters', voters.length, { keyspace });
  sink.set('kvorum_raft_learners', learners.length, { keyspace });
  sink.set('kvorum_raft_is_voter', voter ? 1 : 0, { keyspace });
  sink.set('kvorum_raft_membership_joint', outgoing.length > 0 ? 1 : 0, { keyspace });
  const name = 'kvorum_raft_membership_changes_total';
  sink.set(name, stats.membershipChangesDone, { keyspace, result: 'done' });
  sink.set(name, stats.membershipChangesRefused, { keyspace, result: 'refused' });
  sink.set(name, stats.membershipChangesUnknown, { keyspace, result: 'unknown' });
}

function collectLink(sink: MetricSink, link: PeerLinkStatus): void {
  const { peer } = link;
  sink.set('kvorum_peer_connected', link.connected ? 1 : 0, { peer });
  sink.set('kvorum_peer_frames_total', link.sentFrames, { peer, direction: 'sent' });
  sink.set('kvorum_peer_frames_total', link.receivedFrames, { peer, direction: 'received' });
  sink.set('kvorum_peer_bytes_total', link.sentBytes, { peer, direction: 'sent' });
  sink.set('kvorum_peer_bytes_total', link.receivedBytes, { peer, direction: 'received' });
  sink.set('kvorum_peer_reconnects_total', link.reconnects, { peer });
  sink.set('kvorum_peer_queue_bytes', link.queuedBytes, { peer });
  for (const [reason, count] of Object.entries(link.closedBy)) {
    sink.set('kvorum_peer_closed_total', count, { peer, reason });
  }
}
