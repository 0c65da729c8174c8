import type { LogIndex, ReplicaId, Term } from '../../base/brand.js';
import { assert, unreachable } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { KvorumError } from '../../base/errors/error.js';
import { LIMITS } from '../../base/limits.js';
import type { MembershipOutcome, RaftEvent } from '../../engines/raft/events.js';
import type { MembershipChange } from '../../engines/raft/membership.js';
import type { Raft } from '../../engines/raft/raft.js';
import { effectOf, refusalError, sameAddresses, targetOf, type Refusal } from './membership-effect.js';
import type { MembershipRequest, MembershipResult } from '../router.js';
import type { MemberStats } from '../stats.js';

/** How often a change that could not be begun is asked for again. */
const RETRY_MS = 25;
/** How long a change waits for a leader, for links to one, or for another change to end, before it is refused. */
const REFUSED_MS_MAX = 5000;
/** How long an answer of a leader that is gone or deposed may still be on its way. */
const LATE_ANSWER_MS_MAX = 100;

export interface MembershipPathOptions {
  readonly clock: Clock;
  readonly stats: MemberStats;
  /** Asked for anew each time: a member that is formed begins with another engine. */
  raft(): Pick<
    Raft,
    'role' | 'term' | 'leader' | 'commitIndex' | 'committedMembership' | 'membership' | 'termOf' | 'status'
  >;
  /** Hands an event to the engine and makes sure that a turn drains it. */
  step(event: RaftEvent): void;
  /** The change as the engine is to be asked for it, or why it cannot be begun yet (raft.md M4: the folder is ours to know). */
  complete(change: MembershipChange): MembershipChange | Refusal;
}

type State =
  /** To be asked for at `atMs`. */
  | { readonly kind: 'waiting'; readonly atMs: number }
  /** The engine has it; after `untilMs` no answer is to be expected any more. */
  | {
      readonly kind: 'asked';
      readonly id: number;
      readonly leader: ReplicaId | null;
      readonly term: Term;
      readonly untilMs: number;
    }
  | { readonly kind: 'accepted'; readonly index: LogIndex; readonly term: Term }
  /** The leader says that it is done already: it is, once that is committed here. */
  | { readonly kind: 'settling' };

interface PendingChange {
  readonly request: MembershipRequest;
  readonly deadlineMs: number;
  /** Until then a refusal that passes by itself is not the answer. */
  readonly patientUntilMs: number;
  state: State;
  refused: KvorumError | null;
  /** True when an attempt that nobody answered for may have taken effect. */
  doubtful: boolean;
  readonly resolve: (result: MembershipResult) => void;
  readonly reject: (error: KvorumError) => void;
}

/**
 * Changes of membership, from the request to its answer: done is what is committed and no longer joint, not what was
 * merely appended (raft.md M2).
 *
 * A member only ever goes from unknown to learner to voter to removed, and never back (raft.md M3). So a change may be
 * asked for again whenever its fate is in doubt: the second attempt finds what the first one did.
 */
export class MembershipPath {
  readonly #options: MembershipPathOptions;
  readonly #pending = new Set<PendingChange>();
  #nextId = 1;
  /** Set when the member has stopped: what every later request is told. */
  #stopped: KvorumError | null = null;

  constructor(options: MembershipPathOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#pending.size;
  }

  change(request: MembershipRequest, timeoutMs: number): Promise<MembershipResult> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    if (this.#pending.size >= LIMITS.pendingMembershipChanges) {
      return Promise.reject(new KvorumError('busy', 'Too many changes of membership are waiting'));
    }
    const nowMs = this.#options.clock.monotonicMs();
    const deadlineMs = nowMs + timeoutMs;
    return new Promise((resolve, reject) => {
      const pending: PendingChange = {
        request,
        deadlineMs,
        patientUntilMs: Math.min(deadlineMs, nowMs + REFUSED_MS_MAX),
        state: { kind: 'waiting', atMs: nowMs },
        refused: null,
        doubtful: false,
        resolve,
        reject,
      };
      this.#pending.add(pending);
      this.#ask(pending, nowMs);
    });
  }

  /** Every attempt has an id of its own (raft.md L7). */
  #ask(pending: PendingChange, nowMs: number): void {
    const raft = this.#options.raft();
    const completed = this.#options.complete(changeOf(pending.request));
    if (typeof completed === 'string') {
      this.#onRefused(pending, completed, nowMs);
      return;
    }
    const id = this.#nextId++;
    pending.state = { kind: 'asked', id, leader: raft.leader, term: raft.term, untilMs: Number.POSITIVE_INFINITY };
    this.#options.step({ type: 'changeMembership', id, change: completed });
  }

  onOutcomes(outcomes: readonly MembershipOutcome[]): void {
    for (const { accepted, id, refused } of outcomes) {
      const pending = [...this.#pending].find(({ state }) => state.kind === 'asked' && state.id === id);
      if (pending === undefined) continue; // Given up, or asked for again meanwhile.
      if (accepted !== null) pending.state = { kind: 'accepted', ...accepted };
      else this.#onRefused(pending, refused ?? 'no_leader', this.#options.clock.monotonicMs());
    }
  }

  #onRefused(pending: PendingChange, refusal: Refusal, nowMs: number): void {
    const { request } = pending;
    const error = refusalError(refusal, request, this.#options.raft().status());
    pending.refused = error;
    switch (refusal) {
      case 'not_leader':
      case 'no_leader':
      case 'transferring':
      case 'busy':
      case 'change_pending':
        return this.#again(pending, pending.patientUntilMs, nowMs);
      case 'not_caught_up': {
        const awaited = request.op === 'promote' && request.untilCaughtUp;
        return this.#again(pending, awaited ? pending.deadlineMs : nowMs, nowMs);
      }
      case 'already_member':
        pending.state = { kind: 'settling' };
        return;
      case 'id_removed':
      case 'unknown_member':
        if (request.op !== 'remove') return this.#refuse(pending, error);
        if (refusal === 'id_removed' || pending.doubtful || this.#isRemoved(request.replica)) {
          pending.state = { kind: 'settling' };
          return;
        }
        return this.#refuse(pending, error);
      case 'would_lose_quorum':
      case 'last_voter':
        return this.#refuse(pending, error);
      default:
        return unreachable(refusal);
    }
  }

  #isRemoved(replica: ReplicaId): boolean {
    return this.#options.raft().committedMembership.membership.removed.includes(replica);
  }

  /** Nothing was begun: try again a little later, until `untilMs`. */
  #again(pending: PendingChange, untilMs: number, nowMs: number): void {
    const atMs = nowMs + RETRY_MS;
    pending.state = { kind: 'waiting', atMs };
    if (atMs > untilMs) this.#expire(pending);
  }

  /** Looks at everything that waits. Called after each drain and at each tick. */
  check(nowMs: number): void {
    for (const pending of this.#pending) {
      this.#advance(pending, nowMs);
      if (pending.deadlineMs <= nowMs && this.#pending.has(pending)) this.#expire(pending);
    }
  }

  #advance(pending: PendingChange, nowMs: number): void {
    const { state } = pending;
    switch (state.kind) {
      case 'waiting':
        if (state.atMs <= nowMs && nowMs < pending.deadlineMs) this.#ask(pending, nowMs);
        return;
      case 'asked':
        if (state.untilMs > nowMs) return;
        pending.doubtful = true;
        pending.state = { kind: 'waiting', atMs: nowMs };
        return;
      case 'accepted':
        return this.#watch(pending, state, nowMs);
      case 'settling':
        return this.#settle(pending, false);
      default:
        return unreachable(state);
    }
  }

  /** What was accepted may still be undone by another leader. It is decided when its index is committed. */
  #watch(pending: PendingChange, { index, term }: { index: LogIndex; term: Term }, nowMs: number): void {
    const raft = this.#options.raft();
    if (raft.commitIndex < index) return;
    const termThere = raft.termOf(index);
    if (termThere !== null && termThere !== term) {
      pending.state = { kind: 'waiting', atMs: nowMs }; // Certain that it was not done; once more, then.
      return;
    }
    const { index: committed, membership } = raft.committedMembership;
    if (committed < index || membership.outgoing.length > 0) return;
    if (termThere === term) this.#done(pending, true);
    else if (effectOf(pending.request, membership) === 'none') pending.state = { kind: 'waiting', atMs: nowMs };
    else this.#settle(pending, true);
  }

  /** By what is committed here, whoever did it. */
  #settle(pending: PendingChange, changed: boolean): void {
    const { request } = pending;
    const { membership } = this.#options.raft().committedMembership;
    if (membership.outgoing.length > 0) return;
    const effect = effectOf(request, membership);
    if (effect === 'none') return;
    if (effect === 'undone') {
      this.#refuse(pending, refusalError('id_removed', request, this.#options.raft().status()));
      return;
    }
    if (request.op === 'add' && !sameAddresses(request.member, membership)) {
      this.#refuse(pending, refusalError('already_member', request, this.#options.raft().status()));
      return;
    }
    this.#done(pending, changed || pending.doubtful);
  }

  #done(pending: PendingChange, changed: boolean): void {
    this.#take(pending);
    this.#options.stats.membershipChangesDone++;
    pending.resolve({ ...this.#options.raft().committedMembership, changed });
  }

  #refuse(pending: PendingChange, error: KvorumError): void {
    this.#take(pending);
    this.#options.stats.membershipChangesRefused++;
    pending.reject(error);
  }

  #expire(pending: PendingChange): void {
    if (pending.state.kind === 'waiting' && !pending.doubtful) {
      this.#refuse(pending, pending.refused ?? new KvorumError('no_leader'));
      return;
    }
    const { request, state } = pending;
    const where = state.kind === 'accepted' ? `It was accepted at index ${state.index}, and is` : 'It is';
    this.#unknown(
      pending,
      new KvorumError('outcome_unknown', `${where} not known to be committed: look at the members, or ask again`, {
        extra: { replica: targetOf(request) },
      }),
    );
  }

  #unknown(pending: PendingChange, error: KvorumError): void {
    this.#take(pending);
    this.#options.stats.membershipChangesUnknown++;
    pending.reject(error);
  }

  #take(pending: PendingChange): void {
    assert(this.#pending.delete(pending), 'a change is answered once');
  }

  /** This replica is known to be removed: by others, whose word is the last that it hears. */
  onRemoved(self: ReplicaId): void {
    for (const pending of this.#pending) {
      const { request, state } = pending;
      if (request.op === 'remove' && request.replica === self) this.#done(pending, true);
      else if (state.kind !== 'waiting' || pending.doubtful) this.#expire(pending);
      else this.#refuse(pending, new KvorumError('not_member', `${self} was removed from the cluster`));
    }
  }

  /** The link to `peer` is lost, and with it the answer to what was forwarded to it. */
  onPeerDown(peer: ReplicaId): void {
    this.#hurry(({ leader }) => leader === peer);
  }

  /** The group moved on to `term`: a leader of an older one begins nothing any more. */
  onTerm(term: Term): void {
    this.#hurry((asked) => asked.term < term);
  }

  #hurry(lost: (asked: Extract<State, { kind: 'asked' }>) => boolean): void {
    if (this.#pending.size === 0) return;
    const untilMs = this.#options.clock.monotonicMs() + LATE_ANSWER_MS_MAX;
    for (const pending of this.#pending) {
      const { state } = pending;
      if (state.kind === 'asked' && state.untilMs > untilMs && lost(state)) pending.state = { ...state, untilMs };
    }
  }

  /** The member stops for ever: `certain` for what was never begun, `unknown` for the rest. */
  failAll(unknown: KvorumError, certain: KvorumError): void {
    this.#stopped = certain;
    for (const pending of this.#pending) {
      if (pending.state.kind === 'waiting' && !pending.doubtful) this.#refuse(pending, certain);
      else this.#unknown(pending, unknown);
    }
  }
}

function changeOf(request: MembershipRequest): MembershipChange {
  return request.op === 'promote' ? { op: 'promote', replica: request.replica, folder: null } : request;
}
