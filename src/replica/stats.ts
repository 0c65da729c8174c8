/** Plain counters of one member, read by src/observe on scrape: counting costs an addition, not a library call. */
export interface MemberStats {
  proposalsCommitted: number;
  proposalsRefused: number;
  proposalsUnknown: number;
  entriesApplied: number;
  commandsApplied: number;
  readsServed: number;
  readRounds: number;
  readsRefused: number;
  leaderChanges: number;
  elections: number;
  membershipChangesDone: number;
  membershipChangesRefused: number;
  membershipChangesUnknown: number;
  checkpoints: number;
  checkpointMs: number;
  checkpointsFailed: number;
  snapshotsSent: number;
  snapshotsReceived: number;
  snapshotsFailed: number;
}

export function createMemberStats(): MemberStats {
  return {
    proposalsCommitted: 0,
    proposalsRefused: 0,
    proposalsUnknown: 0,
    entriesApplied: 0,
    commandsApplied: 0,
    readsServed: 0,
    readRounds: 0,
    readsRefused: 0,
    leaderChanges: 0,
    elections: 0,
    membershipChangesDone: 0,
    membershipChangesRefused: 0,
    membershipChangesUnknown: 0,
    checkpoints: 0,
    checkpointMs: 0,
    checkpointsFailed: 0,
    snapshotsSent: 0,
    snapshotsReceived: 0,
    snapshotsFailed: 0,
  };
}

export interface ReplicaStats {
  turns: number;
  logAppends: number;
  messagesSent: number;
  messagesDropped: number;
  messagesReceived: number;
  /** Of these, dropped: no member of a group with such an engine says that. */
  messagesForeign: number;
}

export function createReplicaStats(): ReplicaStats {
  return {
    turns: 0,
    logAppends: 0,
    messagesSent: 0,
    messagesDropped: 0,
    messagesReceived: 0,
    messagesForeign: 0,
  };
}
