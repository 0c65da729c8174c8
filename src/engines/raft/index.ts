import { assert, unreachable } from '../../base/assert.js';
import type { LogIndex } from '../../base/brand.js';
import type { RaftStatus } from '../engine.js';
import { advanceCommit } from './commit.js';
import { requestChange } from './change.js';
import { onSelfVotePersisted } from './election.js';
import type { HardState, RaftEffects, RaftEvent, RaftOptions } from './events.js';
import { checkAlways, checkInvariants, checkMemberships, createInvariantMemory } from './invariants.js';
import type { PlacedMembership } from './membership.js';
import { propose } from './proposals.js';
import { isVoter } from './quorum.js';
import type { Raft } from './raft.js';
import { flushReads, hasReadsToFlush, leaseValid, requestRead, voidLease } from './read-index.js';
import { receive } from './receive.js';
import { hasToReplicate, onUnreachable, replicate } from './replication.js';
import { onSnapshotAborted, onSnapshotInstalled, onSnapshotSent } from './snapshot.js';
import { activeSinceTick, createState, emptyOutbox, membershipOf, type RaftState } from './state.js';
import { hasQuorum, onTick } from './tick.js';
import { startTransfer } from './transfer.js';

export type { Raft } from './raft.js';

/** A member of a Raft group, as the storage recovered it. Throws InvariantViolation for options that cannot be. */
export function createRaft(options: RaftOptions): Raft {
  const state = createState(options);
  const memory = createInvariantMemory(state);
  return {
    step: (event) => step(state, event),
    drain: () => {
      const effects = drain(state);
      checkAlways(state, memory);
      if (effects.membership !== null) checkMemberships(state, memory);
      return effects;
    },
    checkInvariants: () => checkInvariants(state, memory),
    status: () => statusOf(state),
    termOf: (index) => state.log.termOf(index),
    membershipAt: (index) => state.memberships.at(index),
    get membership() {
      return state.memberships.latest;
    },
    get committedMembership() {
      return state.memberships.committed;
    },
    leaseValid: () => leaseValid(state),
    hasQuorumContact: () => (state.role === 'leader' ? hasQuorum(state) : state.leader !== null),
    get hasEffects() {
      return hasEffects(state);
    },
    get role() {
      return state.role;
    },
    get term() {
      return state.term;
    },
    get leader() {
      return state.leader;
    },
    get commitIndex() {
      return state.commit;
    },
    get appliedIndex() {
      return state.applied;
    },
    get lastIndex() {
      return state.log.lastIndex;
    },
    get firstIndex() {
      return state.log.firstIndex;
    },
    get persistedIndex() {
      return state.persistence.persistedIndex;
    },
    get logLost() {
      return state.logLost;
    },
  };
}

function step(state: RaftState, event: RaftEvent): void {
  switch (event.type) {
    case 'tick':
      return onTick(state);
    case 'stalled':
      return voidLease(state);
    case 'message':
      return receive(state, event.message);
    case 'propose':
      return propose(state, event.id, event.payload);
    case 'readIndex':
      return requestRead(state, event.id, event.lease);
    case 'persisted':
      return onPersisted(state, event.batch);
    case 'applied':
      return onApplied(state, event.index);
    case 'checkpointed':
      return onCheckpointed(state, event.index, event.cutIndex);
    case 'transfer':
      return startTransfer(state, event.target);
    case 'unreachable': {
      const progress = state.progress.get(event.peer);
      return progress === undefined ? undefined : onUnreachable(state, progress);
    }
    case 'changeMembership':
      return requestChange(state, event.id, event.change);
    case 'snapshotSent':
      return onSnapshotSent(state, event.peer, event.index, event.ok);
    case 'snapshotInstalled':
      return onSnapshotInstalled(state, { index: event.index, term: event.indexTerm }, event.membership);
    case 'snapshotAborted':
      return onSnapshotAborted(state);
    default:
      return unreachable(event);
  }
}

function onPersisted(state: RaftState, batch: number): void {
  const selfVote = state.persistence.complete(batch);
  if (selfVote !== null) onSelfVotePersisted(state, selfVote);
  advanceCommit(state); // R2: only now do we count ourselves.
}

function onApplied(state: RaftState, index: LogIndex): void {
  assert(index <= state.handedOut, 'only what was handed out is applied');
  if (index > state.applied) state.applied = index; // An installed snapshot may have overtaken it.
}

function onCheckpointed(state: RaftState, index: LogIndex, cutIndex: LogIndex): void {
  assert(cutIndex <= index && index <= state.applied, 'a checkpoint holds what is applied, and what is cut');
  state.log.cutPrefix(cutIndex);
  state.memberships.prune(index);
}

function hasEffects(state: RaftState): boolean {
  const { outbox } = state;
  return (
    outbox.messages.length > 0 ||
    outbox.afterPersist.length > 0 ||
    outbox.proposals.length > 0 ||
    outbox.reads.length > 0 ||
    outbox.membershipOutcomes.length > 0 ||
    outbox.sendSnapshots.length > 0 ||
    outbox.snapshotChunks.length > 0 ||
    outbox.changed ||
    state.memberships.latest !== state.toldMembership ||
    state.commit > state.handedOut ||
    state.persistence.hasWork(state.log) ||
    hasReadsToFlush(state) ||
    hasToReplicate(state)
  );
}

function drain(state: RaftState): RaftEffects {
  flushReads(state);
  replicate(state);
  const { outbox, log } = state;
  state.outbox = emptyOutbox();
  const persist = state.persistence.take(log, hardStateOf(state), state.memberships.pair, state.tick);
  const committed = state.commit > state.handedOut ? log.range((state.handedOut + 1) as LogIndex, state.commit) : [];
  state.handedOut = state.commit;
  const membership = tellMembership(state);
  // Field by field: a spread costs three times as much, and what reads the result becomes slower, too.
  return {
    messages: outbox.messages,
    afterPersist: outbox.afterPersist,
    proposals: outbox.proposals,
    reads: outbox.reads,
    membershipOutcomes: outbox.membershipOutcomes,
    sendSnapshots: outbox.sendSnapshots,
    snapshotChunks: outbox.snapshotChunks,
    membership,
    persist,
    committed,
    changed: outbox.changed ? statusOf(state) : null,
  };
}

/** Null when the driver knows already what is in force. */
function tellMembership(state: RaftState): PlacedMembership | null {
  const { latest } = state.memberships;
  if (latest === state.toldMembership) return null;
  state.toldMembership = latest;
  return latest;
}

function hardStateOf(state: RaftState): HardState {
  return { term: state.term, vote: state.vote, commit: state.commit };
}

function statusOf(state: RaftState): RaftStatus {
  const activeSince = activeSinceTick(state);
  return {
    engine: 'raft',
    role: state.role,
    membership: state.memberships.latest,
    voter: isVoter(membershipOf(state), state.self),
    term: state.term,
    leader: state.leader,
    commitIndex: state.commit,
    appliedIndex: state.applied,
    lastIndex: state.log.lastIndex,
    firstIndex: state.log.firstIndex,
    progress: [...state.progress.values()]
      .filter(({ leaving }) => leaving === null)
      .map((progress) => progress.status(activeSince)),
  };
}
