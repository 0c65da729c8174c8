/**
 * The one table of metrics. The registry, the types of what may be recorded and docs/metrics.md are made from it; a
 * test keeps them equal. Rules (style of Prometheus): base units, the unit in the name, `_total` for counters, labels
 * with few values: never a key, never a client's address. Every series also carries the label `replica`.
 */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

interface Typed<Type extends MetricSpec['type'], Labels extends readonly string[]> {
  readonly type: Type;
  readonly help: string;
  readonly labels: Labels;
}

function counter<const Labels extends readonly string[]>(help: string, labels: Labels): Typed<'counter', Labels> {
  return { type: 'counter', help, labels };
}
function gauge<const Labels extends readonly string[]>(help: string, labels: Labels): Typed<'gauge', Labels> {
  return { type: 'gauge', help, labels };
}
function histogram<const Labels extends readonly string[]>(help: string, labels: Labels): Typed<'histogram', Labels> {
  return { type: 'histogram', help, labels };
}

export const METRICS = {
  // The replica as a whole.
  kvorum_build_info: gauge('Always 1; the labels name the version of Kvorum and of Node.js', ['version', 'node']),
  kvorum_uptime_seconds: gauge('Time since the replica started', []),
  kvorum_restarts_total: counter('Times the supervisor started the replica again after a crash', []),
  kvorum_healthcheck: gauge('1 when the check holds, else 0. `type` is liveness or readiness', ['type', 'name']),
  // Clients. `api` is http or resp.
  kvorum_client_requests_total: counter('Requests answered. `outcome` is ok, rejected (nothing happened) or unknown', [
    'api',
    'op',
    'outcome',
  ]),
  kvorum_client_request_duration_seconds: histogram('Time from a request to its answer', ['api', 'op']),
  kvorum_client_refused_total: counter('Requests refused, by the code of docs/errors.md', ['api', 'code']),
  kvorum_sessions_dropped_total: counter('Answers whose session was too large for a token: it forgot keyspaces', []),
  // Raft, one member per keyspace.
  kvorum_raft_has_leader: gauge('1 when this member knows a leader', ['keyspace']),
  kvorum_raft_is_leader: gauge('1 when this member leads', ['keyspace']),
  kvorum_raft_term: gauge('Current term', ['keyspace']),
  kvorum_raft_commit_index: gauge('Highest log index known to be committed', ['keyspace']),
  kvorum_raft_applied_index: gauge('Highest log index applied to the state machine', ['keyspace']),
  kvorum_raft_last_index: gauge('Highest log index in the log', ['keyspace']),
  kvorum_raft_first_index: gauge('Lowest log index still in the log', ['keyspace']),
  kvorum_raft_leader_changes_total: counter('Leader changes this member has seen', ['keyspace']),
  kvorum_raft_elections_total: counter('Elections this member has called', ['keyspace']),
  kvorum_raft_proposals_total: counter(
    'Batches of writes proposed here. `result` is committed, refused (nothing happened) or unknown',
    ['keyspace', 'result'],
  ),
  kvorum_raft_proposals_pending: gauge('Batches of writes without an answer yet', ['keyspace']),
  kvorum_raft_read_index_total: counter('Read index rounds asked for: all reads of one turn share one', ['keyspace']),
  kvorum_raft_reads_total: counter('Linearizable and lease reads. `result` is served or refused', [
    'keyspace',
    'result',
  ]),
  kvorum_raft_reads_pending: gauge('Batches of reads without an answer yet', ['keyspace']),
  kvorum_raft_progress_lag_entries: gauge('Leader only: entries that the follower is known to lack', [
    'keyspace',
    'peer',
  ]),
  kvorum_raft_voters: gauge('Voters of the membership in force', ['keyspace']),
  kvorum_raft_learners: gauge('Learners of the membership in force', ['keyspace']),
  kvorum_raft_is_voter: gauge('1 when this member votes: 0 for a learner, and where it was removed', ['keyspace']),
  kvorum_raft_membership_joint: gauge('1 while a change of voters is under way', ['keyspace']),
  kvorum_raft_membership_changes_total: counter(
    'Changes of membership asked for here. `result` is done, refused (nothing happened) or unknown',
    ['keyspace', 'result'],
  ),
  kvorum_raft_entries_applied_total: counter('Log entries applied', ['keyspace']),
  kvorum_commands_applied_total: counter('Commands of clients applied', ['keyspace']),
  // Leader-follower engine (semisync), one member per keyspace.
  kvorum_semisync_has_leader: gauge('1 when this member knows a leader', ['keyspace']),
  kvorum_semisync_is_leader: gauge('1 when this member leads', ['keyspace']),
  kvorum_semisync_epoch: gauge('The epoch: the highest ballot that this member has promised', ['keyspace']),
  kvorum_semisync_write_quorum: gauge('Followers that the next write must be on the disks of', ['keyspace']),
  kvorum_semisync_followers_available: gauge('Leader only: followers that could acknowledge a write now', ['keyspace']),
  kvorum_semisync_promises_required: gauge('Members that must promise for a promotion without loss', ['keyspace']),
  kvorum_semisync_diverged: gauge('1 while this member waits for a full sync because of a promotion by force', [
    'keyspace',
  ]),
  kvorum_semisync_follower_lag_entries: gauge('Leader only: entries that are not on the disk of the follower', [
    'keyspace',
    'peer',
  ]),
  kvorum_semisync_follower_online: gauge('Leader only: 1 when the follower counts as available', ['keyspace', 'peer']),
  kvorum_semisync_commit_index: gauge('Highest log index known to be acknowledged by a write quorum', ['keyspace']),
  kvorum_semisync_applied_index: gauge('Highest log index applied to the state machine', ['keyspace']),
  kvorum_semisync_last_index: gauge('Highest log index in the log', ['keyspace']),
  kvorum_semisync_first_index: gauge('Lowest log index still in the log', ['keyspace']),
  kvorum_semisync_staleness_seconds: gauge('How old the state of this member may be; absent while that is not known', [
    'keyspace',
  ]),
  kvorum_semisync_leader_changes_total: counter('Leader changes this member has seen', ['keyspace']),
  kvorum_semisync_promotions_total: counter('Promotions that operators asked for here. `result` is done or refused', [
    'keyspace',
    'result',
  ]),
  kvorum_semisync_quorum_changes_total: counter('Changes of the write quorum that were applied here', ['keyspace']),
  kvorum_semisync_proposals_total: counter(
    'Batches of writes proposed here. `result` is committed, refused (nothing happened) or unknown',
    ['keyspace', 'result'],
  ),
  kvorum_semisync_proposals_pending: gauge('Batches of writes without an answer yet', ['keyspace']),
  kvorum_semisync_not_enough_replicas_total: counter('Writes refused because too few followers were available', [
    'keyspace',
  ]),
  kvorum_semisync_read_rounds_total: counter('Rounds asked for by strong reads: all of one turn share one', [
    'keyspace',
  ]),
  kvorum_semisync_reads_total: counter('Reads at any level. `result` is served or refused', ['keyspace', 'result']),
  kvorum_semisync_reads_pending: gauge('Batches of reads without an answer yet', ['keyspace']),
  kvorum_semisync_entries_applied_total: counter('Log entries applied', ['keyspace']),
  kvorum_failover_discarded_total: counter(
    'Writes that left the log after a failover and are in a file of lost writes. `acked` is yes when this replica knew that they had been acknowledged, unknown when it could not tell (after a promotion by force), or when they could not be compared with the log that replaced them and may be in it, else no',
    ['keyspace', 'acked'],
  ),
  // Leaderless engines (lww, causal), one member per keyspace.
  kvorum_leaderless_ready: gauge('1 when this member has what others had when it met them', ['keyspace']),
  kvorum_leaderless_writes_total: counter(
    'Writes taken here. `result` is done, refused (nothing happened) or unknown (too few members confirmed in time)',
    ['keyspace', 'result'],
  ),
  kvorum_leaderless_writes_pending: gauge('Batches of writes that are not durable here yet', ['keyspace']),
  kvorum_leaderless_reads_total: counter('Reads at any level. `result` is served or refused', ['keyspace', 'result']),
  kvorum_leaderless_reads_pending: gauge('Reads that wait for other members', ['keyspace']),
  kvorum_read_repairs_total: counter('Reads that found members at different versions and brought them together', [
    'keyspace',
  ]),
  kvorum_batches_applied_total: counter('Batches applied, of all origins', ['keyspace']),
  kvorum_origin_position: gauge('Position up to which the batches of an origin are applied here', [
    'keyspace',
    'origin',
  ]),
  kvorum_origin_behind_batches: gauge('Batches of an origin that others have and this member lacks', [
    'keyspace',
    'origin',
  ]),
  kvorum_causal_buffered_batches: gauge('Batches of an origin received here that wait for what comes before them', [
    'keyspace',
    'origin',
  ]),
  kvorum_member_lag_batches: gauge('Of the batches of this replica, how many the peer is known to lack', [
    'keyspace',
    'peer',
  ]),
  kvorum_member_phi: gauge('Suspicion that the peer is down: log10 of how unlikely its silence is', [
    'keyspace',
    'peer',
  ]),
  kvorum_lamport_counter: gauge('Lamport clock of this member', ['keyspace']),
  kvorum_clock_rejected_total: counter('Counters of others that were refused because they were absurd', ['keyspace']),
  kvorum_batches_rejected_total: counter('Batches of others that were refused', ['keyspace']),
  kvorum_lww_conflicts_total: counter('Concurrent values that were overwritten, and so lost', ['keyspace']),
  kvorum_tombstones: gauge('Deletes that are remembered until every member has them', ['keyspace']),
  kvorum_tombstone_bytes: gauge('Memory of these deletes', ['keyspace']),
  kvorum_tombstones_collected_total: counter('Deletes that were forgotten because every member had them', ['keyspace']),
  kvorum_stable_counter: gauge('Lamport counter up to which everything is applied at every member', ['keyspace']),
  kvorum_stable_blocked: gauge('1 for a member that keeps tombstones from being collected', ['keyspace', 'peer']),
  kvorum_dependency_waits_total: counter('Requests that waited for what their session had seen', ['keyspace']),
  kvorum_dependency_waiting: gauge('Requests that wait for what their session has seen', ['keyspace']),
  kvorum_dependency_wait_seconds_total: counter('Time that requests waited for what their session had seen', [
    'keyspace',
  ]),
  kvorum_dependency_timeouts_total: counter('Requests that waited for it in vain', ['keyspace']),
  kvorum_gossip_total: counter(
    'Gossip. `event` is round, delta (messages with batches), batch, duplicate, gap or overflow',
    ['keyspace', 'event'],
  ),
  kvorum_gossip_bytes_total: counter('Bytes of batches sent to other members', ['keyspace']),
  kvorum_full_syncs_total: counter('Full syncs. `event` is sent, received or failed', ['keyspace', 'event']),
  kvorum_incarnations_total: counter('Times this replica began another origin because its disk had gone back', [
    'keyspace',
  ]),
  kvorum_integrity_mismatch_total: counter(
    'Members found to differ where they cannot: a disk or a program is at fault',
    ['keyspace'],
  ),
  kvorum_integrity_repaired_items_total: counter('Items replaced by what another member had', ['keyspace']),
  // The state.
  kvorum_keys: gauge('Live keys', ['keyspace']),
  kvorum_revision: gauge('Revision of the last change', ['keyspace']),
  // Disk.
  kvorum_wal_fsync_duration_seconds: histogram('Time from handing records to the log until they are durable', []),
  kvorum_wal_appends_total: counter('Appends to the log: one per turn that had something to store', []),
  kvorum_wal_bytes: gauge('Size of the log on disk', []),
  kvorum_wal_stalled_seconds: gauge('How long the oldest unfinished sync of the log has been running', []),
  kvorum_checkpoint_index: gauge('Log index of the last durable checkpoint', ['keyspace']),
  kvorum_checkpoint_bytes: gauge('Size of the checkpoint on disk', ['keyspace']),
  kvorum_checkpoints_total: counter('Checkpoints written. `result` is ok or failed', ['keyspace', 'result']),
  kvorum_checkpoint_seconds_total: counter('Time spent writing checkpoints', ['keyspace']),
  kvorum_snapshots_total: counter('Snapshots between replicas. `event` is sent, received or failed', [
    'keyspace',
    'event',
  ]),
  // Other replicas.
  kvorum_peer_connected: gauge('1 while a link with the peer is up', ['peer']),
  kvorum_peer_frames_total: counter('Frames. `direction` is sent or received', ['peer', 'direction']),
  kvorum_peer_bytes_total: counter('Bytes of frames. `direction` is sent or received', ['peer', 'direction']),
  kvorum_peer_reconnects_total: counter('Times the link was opened again', ['peer']),
  kvorum_peer_closed_total: counter('Links closed or refused, by reason', ['peer', 'reason']),
  kvorum_peer_queue_bytes: gauge('Bytes waiting to be sent', ['peer']),
  kvorum_messages_total: counter(
    'Protocol messages. `event` is sent, dropped (no link took it), received, or foreign (no member says that)',
    ['event'],
  ),
  // The event loop and memory of the replica's thread.
  kvorum_turns_total: counter('Turns of the replica loop that had something to do', []),
  kvorum_event_loop_lag_seconds: gauge('Lateness of timers since the last scrape. `stat` is mean, p50, p99 or max', [
    'stat',
  ]),
  kvorum_event_loop_utilization_ratio: gauge('Share of time the event loop was busy since the last scrape', []),
  kvorum_heap_bytes: gauge('Memory of the thread. `kind` is used, total, external or array_buffers', ['kind']),
  kvorum_process_resident_bytes: gauge('Resident memory of the host process, all replicas together', []),
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

type NamesOf<Type extends MetricSpec['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

export type HistogramName = NamesOf<'histogram'>;
/** Metrics whose value is read when somebody scrapes. */
export type SampledName = NamesOf<'counter' | 'gauge'>;

export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof METRICS)[Name]['labels'][number], string>>;
/** The labels as an optional argument: left out for a metric that has none. */
export type LabelsArgument<Name extends MetricName> = (typeof METRICS)[Name]['labels'] extends readonly []
  ? []
  : [labels: LabelsOf<Name>];
