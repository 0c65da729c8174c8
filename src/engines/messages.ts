import type { Entry } from './entry.js';
import type { LeaderlessMessage } from './leaderless/messages.js';
import type { RaftMessage } from './raft/messages.js';
import type { SemisyncMessage } from './semisync/messages.js';

/**
 * Whatever two members of one group say to each other; which of them depends on the group's engine. Four types are shared by
 * the engines with a log: of these, semisync's have some fields more.
 */
export type EngineMessage = RaftMessage | SemisyncMessage | LeaderlessMessage;

/** Engines that have a protocol of their own: `lww` and `causal` share one. */
export type Protocol = 'raft' | 'semisync' | 'leaderless';

const RAFT: readonly Protocol[] = ['raft'];
const SEMISYNC: readonly Protocol[] = ['semisync'];
const LEADERLESS: readonly Protocol[] = ['leaderless'];
const WITH_LOG: readonly Protocol[] = ['raft', 'semisync'];

const SPOKEN_BY: Readonly<Record<EngineMessage['type'], readonly Protocol[]>> = {
  appendRequest: WITH_LOG,
  appendResponse: WITH_LOG,
  snapshotChunk: WITH_LOG,
  snapshotChunkResponse: WITH_LOG,
  heartbeat: RAFT,
  heartbeatResponse: RAFT,
  voteRequest: RAFT,
  voteResponse: RAFT,
  timeoutNow: RAFT,
  readIndexRequest: RAFT,
  readIndexResponse: RAFT,
  forwardProposal: RAFT,
  forwardProposalResponse: RAFT,
  epochHeartbeat: SEMISYNC,
  epochHeartbeatResponse: SEMISYNC,
  promiseRequest: SEMISYNC,
  promiseResponse: SEMISYNC,
  fetchRequest: SEMISYNC,
  fetchResponse: SEMISYNC,
  fenced: SEMISYNC,
  gossipDelta: LEADERLESS,
  gossipAck: LEADERLESS,
  gossipDigest: LEADERLESS,
  needFullSync: LEADERLESS,
  fullSyncRequest: LEADERLESS,
  fullSyncItems: LEADERLESS,
  fullSyncEnd: LEADERLESS,
  fullSyncAck: LEADERLESS,
  versionProbe: LEADERLESS,
  versionAnswer: LEADERLESS,
  scrubLeaves: LEADERLESS,
  scrubItems: LEADERLESS,
};

export function protocolOf(engine: 'raft' | 'semisync' | 'lww' | 'causal'): Protocol {
  return engine === 'raft' || engine === 'semisync' ? engine : 'leaderless';
}

/**
 * False for what no member of such a group says: topologies disagree about the group's engine, or the sender is not one of
 * us. An engine must not see it: it takes types and kinds for granted.
 */
export function isSpokenBy(protocol: Protocol, message: EngineMessage): boolean {
  if (!SPOKEN_BY[message.type].includes(protocol)) return false;
  if (message.type !== 'appendRequest') return true;
  const foreign = protocol === 'raft' ? 'quorum' : 'membership';
  return !(message.entries as readonly Entry[]).some(({ kind }) => kind === foreign);
}
