/** Plain counters of one member, read by src/observe on scrape. What the engine counts is in its status. */
export interface LeaderlessStats {
  writesDone: number;
  writesRefused: number;
  writesUnknown: number;
  batchesApplied: number;
  commandsApplied: number;
  readsServed: number;
  readsRefused: number;
  readRepairs: number;
  dependencyWaits: number;
  dependencyWaitMs: number;
  dependencyTimeouts: number;
  checkpoints: number;
  checkpointMs: number;
  checkpointsFailed: number;
  fullSyncsSent: number;
  fullSyncsReceived: number;
  fullSyncsFailed: number;
  scrubs: number;
  integrityMismatches: number;
  itemsRepaired: number;
  tombstonesCollected: number;
}

export function createLeaderlessStats(): LeaderlessStats {
  return {
    writesDone: 0,
    writesRefused: 0,
    writesUnknown: 0,
    batchesApplied: 0,
    commandsApplied: 0,
    readsServed: 0,
    readsRefused: 0,
    readRepairs: 0,
    dependencyWaits: 0,
    dependencyWaitMs: 0,
    dependencyTimeouts: 0,
    checkpoints: 0,
    checkpointMs: 0,
    checkpointsFailed: 0,
    fullSyncsSent: 0,
    fullSyncsReceived: 0,
    fullSyncsFailed: 0,
    scrubs: 0,
    integrityMismatches: 0,
    itemsRepaired: 0,
    tombstonesCollected: 0,
  };
}
