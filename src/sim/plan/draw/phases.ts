/**
 * What was under way when the faults ended takes its time: a slow sync, or a snapshot or full sync of which a piece was
 * lost, which is noticed after ten seconds (replica/ordered/snapshot-sender.ts). Every liveness phase is longer than that.
 */
export const UNDER_WAY_MS = 14_000;
