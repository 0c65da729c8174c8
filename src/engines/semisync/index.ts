import { assert, unreachable } from '../../base/assert.js';
import { indexAfter, type LogIndex } from '../../base/brand.js';
import { ownerOf } from './ballot.js';
import { onBallotPersisted, promote } from './candidacy.js';
import { advanceCommit, followersWith, requiredAcks } from './commit.js';
import type { HardState, SemisyncEffects, SemisyncEvent, SemisyncOptions, SemisyncPersist } from './events.js';
import { onAppliedFreshness, voidFreshness } from './freshness.js';
import { checkAlways, checkInvariants, createInvariantMemory } from './invariants.js';
import type { SemisyncEntry } from './messages.js';
import { openingOf } from './opening.js';
import { propose, setQuorum } from './proposals.js';
import { QUORUM_RULES, type QuorumRules } from './quorum.js';
import { flushReads, hasReadsToFlush, requestRead } from './reads.js';
import { receive } from './receive.js';
import { hasToReplicate, onUnreachable, replicate } from './replication.js';
import type { EpochStart, Semisync, SemisyncStatus } from './semisync.js';
import { onSnapshotAborted, onSnapshotInstalled, onSnapshotSent } from './snapshot.js';
import { availableFollowers, createState, emptyOutbox, type SemisyncState } from './state.js';
import { onTick } from './tick.js';

export type { Semisync } from './semisync.js';

/** A member of a leader-follower group, as the storage recovered it. `rules`: see QuorumRules. */
export function createSemisync(options: SemisyncOptions, rules: QuorumRules = QUORUM_RULES): Semisync {
  const state = createState(options, rules);
  const memory = createInvariantMemory(state);
  return {
    step: (event) => step(state, event),
    drain: () => {
      const effects = drain(state);
      checkAlways(state, memory);
      return effects;
    },
    checkInvariants: () => checkInvariants(state, memory),
    status: () => statusOf(state),
    termOf: (index) => state.log.termOf(index),
    quorumAt: (index) => state.quorums.after(index),
    bringsQuorum: (index) => bringsQuorum(state.log.at(index)),
    acksOf: (index) => ({ acks: followersWith(state, index), required: requiredAcks(state, index) }),
    epochs: () => epochsOf(state),
    stalenessTicks: () => state.tick - state.freshness.freshTick,
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

function step(state: SemisyncState, event: SemisyncEvent): void {
  switch (event.type) {
    case 'tick':
      return onTick(state);
    case 'stalled':
      return voidFreshness(state);
    case 'message':
      return receive(state, event.message);
    case 'propose':
      return propose(state, event.id, event.payload);
    case 'setQuorum':
      return setQuorum(state, event.id, event.writeQuorum);
    case 'readIndex':
      return requestRead(state, event.id);
    case 'promote':
      return promote(state, { id: event.id, force: event.force, writeQuorum: event.writeQuorum ?? null });
    case 'persisted':
      return onPersisted(state, event.batch);
    case 'applied':
      return onApplied(state, event.index);
    case 'checkpointed':
      return onCheckpointed(state, event.index, event.cutIndex);
    case 'unreachable': {
      const progress = state.progress.get(event.peer);
      return progress === undefined ? undefined : onUnreachable(state, progress);
    }
    case 'snapshotSent':
      return onSnapshotSent(state, event.peer, event.index, event.ok);
    case 'snapshotInstalled':
      return onSnapshotInstalled(state, event);
    case 'snapshotAborted':
      return onSnapshotAborted(state);
    default:
      return unreachable(event);
  }
}

function onPersisted(state: SemisyncState, batch: number): void {
  const ballot = state.persistence.complete(batch);
  if (ballot !== null) onBallotPersisted(state, ballot);
  advanceCommit(state); // Nothing is acknowledged before it is on our own disk.
}

function onApplied(state: SemisyncState, index: LogIndex): void {
  assert(index <= state.handedOut, 'only what was handed out is applied');
  if (index > state.applied) state.applied = index; // An installed snapshot may have overtaken it.
  onAppliedFreshness(state);
}

function onCheckpointed(state: SemisyncState, index: LogIndex, cutIndex: LogIndex): void {
  assert(cutIndex <= index && index <= state.applied, 'a checkpoint holds what is applied, and what is cut');
  state.log.cutPrefix(cutIndex);
  state.quorums.prune(index);
}

/** A change, or the first entry of an epoch that an operator began with a write quorum of his own. */
function bringsQuorum(entry: SemisyncEntry): boolean {
  return entry.kind === 'quorum' || openingOf(entry).writeQuorum !== null;
}

function hasEffects(state: SemisyncState): boolean {
  const { outbox } = state;
  return (
    outbox.messages.length > 0 ||
    outbox.afterPersist.length > 0 ||
    outbox.proposals.length > 0 ||
    outbox.quorumChanges.length > 0 ||
    outbox.reads.length > 0 ||
    outbox.promotions.length > 0 ||
    outbox.discarded.length > 0 ||
    outbox.sendSnapshots.length > 0 ||
    outbox.snapshotChunks.length > 0 ||
    outbox.changed ||
    state.commit > state.handedOut ||
    state.persistence.hasWork(state.log) ||
    hasReadsToFlush(state) ||
    hasToReplicate(state)
  );
}

function drain(state: SemisyncState): SemisyncEffects {
  flushReads(state);
  replicate(state);
  const { outbox, log } = state;
  state.outbox = emptyOutbox();
  const persist = takePersist(state);
  const committed = state.commit > state.handedOut ? log.range(indexAfter(state.handedOut), state.commit) : [];
  state.handedOut = state.commit;
  return {
    messages: outbox.messages,
    persist,
    afterPersist: outbox.afterPersist,
    committed,
    proposals: outbox.proposals,
    quorumChanges: outbox.quorumChanges,
    reads: outbox.reads,
    promotions: outbox.promotions,
    discarded: outbox.discarded,
    sendSnapshots: outbox.sendSnapshots,
    snapshotChunks: outbox.snapshotChunks,
    changed: outbox.changed ? statusOf(state) : null,
  };
}

function takePersist(state: SemisyncState): SemisyncPersist | null {
  const taken = state.persistence.take(state.log, hardStateOf(state), null, state.tick);
  if (taken === null) return null;
  const { batch, entries, hardState, mustSync } = taken;
  return { batch, hardState, entries, mustSync };
}

function hardStateOf({ commit, members, rebuilding, term }: SemisyncState): HardState {
  return { term, vote: rebuilding ? null : ownerOf(members, term), commit };
}

function epochsOf({ log, members }: SemisyncState): readonly EpochStart[] {
  const epochs: EpochStart[] = [];
  for (let at = log.firstIndex; at <= log.lastIndex; at = indexAfter(at)) {
    const { index, term } = log.at(at);
    const leader = ownerOf(members, term);
    if (leader !== null && epochs.at(-1)?.term !== term) epochs.push({ term, leader, startIndex: index });
  }
  return epochs;
}

function statusOf(state: SemisyncState): SemisyncStatus {
  const { followers, log, options, progress, quorums, role, rules, tick } = state;
  const writeQuorum = quorums.latest.writeQuorum;
  const known = Math.min(quorums.after(state.commit).writeQuorum, writeQuorum);
  return {
    engine: 'semisync',
    role,
    term: state.term,
    leader: state.leader,
    commitIndex: state.commit,
    appliedIndex: state.applied,
    lastIndex: log.lastIndex,
    firstIndex: log.firstIndex,
    writeQuorum,
    promises: rules.promises(followers, known),
    diverged: state.diverged || state.rebuilding,
    available: role === 'leader' ? availableFollowers(state) : 0,
    followers: [...progress.values()].map((each) => each.status(tick, options.maxLagTicks)),
  };
}
