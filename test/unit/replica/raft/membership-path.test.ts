import t from 'tap';
import { assertDefined } from '../../../../src/base/assert.js';
import { logIndex, replicaId, term, type LogIndex, type ReplicaId, type Term } from '../../../../src/base/brand.js';
import { KvorumError, isKvorumError } from '../../../../src/base/errors/error.js';
import type { RaftStatus, PeerProgress } from '../../../../src/engines/engine.js';
import type { RaftEvent } from '../../../../src/engines/raft/events.js';
import type { MemberInfo, Membership, MembershipChange } from '../../../../src/engines/raft/membership.js';
import type { Raft } from '../../../../src/engines/raft/raft.js';
import type { Refusal } from '../../../../src/replica/raft/membership-effect.js';
import { MembershipPath } from '../../../../src/replica/raft/membership-path.js';
import type { MembershipRequest, MembershipResult } from '../../../../src/replica/router.js';
import { createMemberStats } from '../../../../src/replica/stats.js';
import { voters } from '../../../fixtures/membership.js';

const N4 = replicaId('n4');
const INFO: MemberInfo = { id: N4, folder: null, peer: '10.0.0.4:1', http: null, redis: null, region: null };
const ADD: MembershipRequest = { op: 'add', member: INFO };
const PROMOTE: MembershipRequest = { op: 'promote', replica: N4, untilCaughtUp: false };
const REMOVE: MembershipRequest = { op: 'remove', replica: N4 };
const BEFORE = voters('n1', 'n2', 'n3');
const LEARNING: Membership = { ...BEFORE, learners: [N4], members: [...BEFORE.members, INFO] };
const GONE: Membership = { ...BEFORE, removed: [N4] };

/** The path over an engine whose state the test sets, and a clock that the test moves. */
class Harness {
  nowMs = 1000;
  term = term(2);
  leader: ReplicaId | null = replicaId('n1');
  commitIndex = logIndex(10);
  committed: Membership = BEFORE;
  committedAt = logIndex(0);
  progress: PeerProgress[] = [];
  readonly terms = new Map<LogIndex, Term>();
  readonly asked: { readonly id: number; readonly change: MembershipChange }[] = [];
  refuseLocally: Refusal | null = null;
  readonly stats = createMemberStats();
  readonly path = new MembershipPath({
    clock: { monotonicMs: () => this.nowMs, wallMs: () => this.nowMs },
    stats: this.stats,
    raft: () => this.#raft(),
    step: (event: RaftEvent) => {
      if (event.type === 'changeMembership') this.asked.push(event);
    },
    complete: (change) => this.refuseLocally ?? change,
  });

  #raft(): Omit<Raft, 'step' | 'drain'> {
    const placed = { index: this.committedAt, membership: this.committed };
    const status: Partial<RaftStatus> = { lastIndex: logIndex(500), progress: this.progress, membership: placed };
    return {
      term: this.term,
      leader: this.leader,
      commitIndex: this.commitIndex,
      committedMembership: placed,
      membership: placed,
      termOf: (index: LogIndex) => this.terms.get(index) ?? null,
      status: () => status,
    } as unknown as Omit<Raft, 'step' | 'drain'>;
  }

  /** The result, or the code of the refusal; undefined while there is neither. */
  start(
    request: MembershipRequest,
    timeoutMs = 5000,
  ): { settled: () => Promise<MembershipResult | KvorumError | null> } {
    let outcome: MembershipResult | KvorumError | null = null;
    this.path.change(request, timeoutMs).then(
      (result) => (outcome = result),
      (error: unknown) => (outcome = error as KvorumError),
    );
    return {
      settled: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        return outcome;
      },
    };
  }

  get lastAsked(): { readonly id: number; readonly change: MembershipChange } {
    return assertDefined(this.asked.at(-1), 'the engine was asked');
  }

  refuse(refused: Refusal): void {
    this.path.onOutcomes([{ id: this.lastAsked.id, accepted: null, refused }]);
  }

  accept(index: number, of = this.term): void {
    this.path.onOutcomes([{ id: this.lastAsked.id, accepted: { index: logIndex(index), term: of }, refused: null }]);
  }

  /** The entry at `index` is committed; it is of `of`. */
  commit(index: number, membership: Membership, of: Term | null = this.term): void {
    this.commitIndex = logIndex(index);
    if (of !== null) this.terms.set(logIndex(index), of);
    this.committed = membership;
    this.committedAt = logIndex(index);
    this.path.check(this.nowMs);
  }

  pass(milliseconds: number): void {
    this.nowMs += milliseconds;
    this.path.check(this.nowMs);
  }
}

async function code(change: ReturnType<Harness['start']>): Promise<string> {
  const outcome = await change.settled();
  if (outcome === null) return 'waits';
  return isKvorumError(outcome) ? outcome.code : outcome.changed ? 'done' : 'unchanged';
}

t.test('done is what is committed, not what was appended (raft.md M2)', async (t) => {
  const harness = new Harness();
  const change = harness.start(ADD);
  t.same(harness.lastAsked.change, ADD);
  harness.accept(11);
  t.equal(await code(change), 'waits');
  harness.commit(11, LEARNING);
  t.match(await change.settled(), { changed: true, index: 11, membership: { learners: ['n4'] } });
  t.match(harness.stats, { membershipChangesDone: 1, membershipChangesRefused: 0 });
});

t.test('a joint membership is half way', async (t) => {
  const harness = new Harness();
  const change = harness.start(PROMOTE);
  harness.accept(11);
  const joint = { ...LEARNING, learners: [], voters: [...BEFORE.voters, N4], outgoing: BEFORE.voters };
  harness.commit(11, joint);
  t.equal(await code(change), 'waits');
  harness.commit(12, { ...joint, outgoing: [] });
  t.equal(await code(change), 'done');
});

t.test('a change that another leader undid is asked for again', async (t) => {
  const harness = new Harness();
  const change = harness.start(ADD);
  harness.accept(11);
  harness.term = term(3);
  harness.path.onTerm(harness.term);
  harness.commit(11, BEFORE, term(3));
  harness.pass(0);
  t.equal(harness.asked.length, 2, 'with an id of its own (raft.md L7)');
  t.not(harness.asked[0]?.id, harness.asked[1]?.id);
  harness.accept(12);
  harness.commit(12, LEARNING);
  t.equal(await code(change), 'done');
});

t.test('where a snapshot took the entry’s place, the membership decides', async (t) => {
  const harness = new Harness();
  const kept = harness.start(ADD);
  harness.accept(11);
  harness.commit(40, LEARNING, null);
  t.equal(await code(kept), 'done');
  const lost = harness.start(REMOVE);
  harness.accept(41);
  harness.commit(60, LEARNING, null);
  harness.pass(0);
  t.equal(await code(lost), 'waits');
  t.equal(harness.asked.length, 3, 'it is not there: once more');
});

t.test('an answer that got lost is asked for again, and finds what the first did', async (t) => {
  const harness = new Harness();
  const change = harness.start(ADD);
  harness.path.onPeerDown(replicaId('n1'));
  harness.pass(50);
  t.equal(harness.asked.length, 1, 'the answer may be on its way');
  harness.pass(100);
  harness.pass(0);
  t.equal(harness.asked.length, 2);
  harness.refuse('already_member');
  t.equal(await code(change), 'waits', 'it is not committed here');
  harness.commit(11, LEARNING);
  t.equal(await code(change), 'done');
  const removal = harness.start(REMOVE);
  harness.term = term(3);
  harness.path.onTerm(harness.term);
  harness.pass(150);
  harness.pass(0);
  harness.refuse('unknown_member');
  t.equal(await code(removal), 'waits', 'the first attempt may have removed it');
  harness.commit(12, GONE);
  t.equal(await code(removal), 'done');
});

t.test('what is done already is done', async (t) => {
  const harness = new Harness();
  harness.committed = LEARNING;
  const add = harness.start(ADD);
  harness.refuse('already_member');
  harness.pass(0);
  t.equal(await code(add), 'unchanged');
  const elsewhere = harness.start({ op: 'add', member: { ...INFO, peer: '10.0.0.9:1' } });
  harness.refuse('already_member');
  harness.pass(0);
  t.match(await elsewhere.settled(), { code: 'already_member', extra: { member: { peer: '10.0.0.4:1' } } });
  harness.committed = GONE;
  const remove = harness.start(REMOVE);
  harness.refuse('unknown_member');
  harness.pass(0);
  t.equal(await code(remove), 'unchanged');
});

t.test('refusals that pass by themselves are waited for, the others are told at once', async (t) => {
  const harness = new Harness();
  for (const refusal of ['no_leader', 'not_leader', 'transferring', 'change_pending', 'busy'] as const) {
    const change = harness.start(ADD);
    harness.refuse(refusal);
    t.equal(await code(change), 'waits', refusal);
    harness.pass(30);
    harness.accept(11);
    harness.commit(11, LEARNING);
    t.equal(await code(change), 'done', refusal);
  }
  for (const refusal of ['unknown_member', 'would_lose_quorum', 'last_voter', 'not_caught_up'] as const) {
    const change = harness.start(PROMOTE);
    harness.refuse(refusal);
    t.equal(await code(change), refusal);
  }
  const removed = harness.start(ADD);
  harness.refuse('id_removed');
  t.match(await removed.settled(), { code: 'id_removed', message: /never used again/ });
});

t.test('patience ends', async (t) => {
  const harness = new Harness();
  const change = harness.start(ADD, 60_000);
  for (let turn = 0; turn < 300 && harness.path.pending > 0; turn++) {
    harness.refuse('change_pending');
    harness.pass(30);
  }
  t.equal(await code(change), 'change_pending', 'certain that nothing was begun');
  t.ok(harness.nowMs < 1000 + 5500);
});

t.test('a promotion may wait until the learner has caught up (raft.md M6)', async (t) => {
  const harness = new Harness();
  const progress = { peer: N4, state: 'probe', nextIndex: logIndex(101), inflightMessages: 0 } as const;
  harness.progress = [{ ...progress, matchIndex: logIndex(100), recentlyActive: true }];
  const impatient = harness.start(PROMOTE);
  harness.refuse('not_caught_up');
  t.match(await impatient.settled(), {
    code: 'not_caught_up',
    message: 'n4 has 100 of 500 log entries (lag 400)',
    extra: { match_index: 100, last_index: 500, lag: 400, active: true },
  });
  const patient = harness.start({ ...PROMOTE, untilCaughtUp: true }, 60_000);
  for (let turn = 0; turn < 1000; turn++) {
    harness.refuse('not_caught_up');
    harness.pass(30);
  }
  t.equal(await code(patient), 'waits', 'after thirty seconds');
  harness.accept(501);
  harness.commit(501, { ...LEARNING, learners: [], voters: [...BEFORE.voters, N4] });
  t.equal(await code(patient), 'done');
  harness.refuseLocally = 'not_caught_up';
  t.equal(await code(harness.start(PROMOTE)), 'not_caught_up', 'not connected: its folder is not known (raft.md M4)');
});

t.test('at the deadline it is told what is certain, and what is not', async (t) => {
  const harness = new Harness();
  const asked = harness.start(ADD, 100);
  harness.pass(101);
  t.equal(await code(asked), 'outcome_unknown', 'the leader may have begun it');
  const accepted = harness.start(ADD, 100);
  harness.accept(11);
  harness.pass(101);
  t.match(await accepted.settled(), { code: 'outcome_unknown', message: /accepted at index 11/ });
  harness.accept(12);
  t.equal(harness.path.pending, 0, 'a late answer is nobody’s');
  const refused = harness.start(ADD, 100);
  harness.refuse('no_leader');
  harness.pass(101);
  harness.refuse('no_leader');
  t.equal(await code(refused), 'no_leader');
  t.match(harness.stats, { membershipChangesUnknown: 2, membershipChangesRefused: 1 });
});

t.test('a replica that is removed on its own word is told by others', async (t) => {
  const harness = new Harness();
  const own = harness.start({ op: 'remove', replica: replicaId('n2') });
  const other = harness.start(ADD);
  harness.accept(11);
  const waiting = harness.start(PROMOTE);
  harness.refuse('change_pending');
  harness.path.onRemoved(replicaId('n2'));
  t.equal(await code(own), 'done');
  t.equal(await code(other), 'outcome_unknown');
  t.equal(await code(waiting), 'not_member');
});

t.test('a member that stops answers everybody, once', async (t) => {
  const harness = new Harness();
  const asked = harness.start(ADD);
  const waiting = harness.start(REMOVE);
  harness.refuse('no_leader');
  harness.path.failAll(new KvorumError('storage_failed'), new KvorumError('draining'));
  t.equal(await code(asked), 'storage_failed');
  t.equal(await code(waiting), 'draining');
  t.equal(await code(harness.start(ADD)), 'draining');
});

t.test('changes that wait are bounded', async (t) => {
  const harness = new Harness();
  for (let at = 0; at < 16; at++) harness.start(ADD);
  t.equal(await code(harness.start(ADD)), 'busy');
});
