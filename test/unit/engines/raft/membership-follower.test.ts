import t from 'tap';
import type { LogIndex, ReplicaId, Term } from '../../../../src/base/brand.js';
import { UNKNOWN_MEMBERSHIP } from '../../../../src/engines/raft/membership.js';
import { membershipCodec } from '../../../../src/wire/membership-codec.js';
import { add, membershipEntry, membershipOf, remove, Solo, type SoloOptions } from './solo.js';

const FRESH = { lastIndex: 9, lastTerm: 9, transfer: false } as const;
const NOBODY: SoloOptions = { options: { membership: UNKNOWN_MEMBERSHIP } };

/** A follower whose log holds `abc` losing `c`: the joint membership at 2 and the final one at 3, nothing committed. */
function changing(): Solo {
  const solo = new Solo();
  solo.append('b', 1, [0, 0], [1]);
  const joint = membershipEntry(2, 1, membershipOf('ab', { outgoing: 'abc' }));
  const final = membershipEntry(3, 1, membershipOf('ab', { removed: 'c' }));
  solo.appendEntries('b', 1, [1, 1], [joint]);
  solo.appendEntries('b', 1, [2, 1], [final]);
  return solo;
}

t.test('M2: a membership is in force on a follower when it is in its log, long before it is committed', (t) => {
  const solo = changing();
  t.match(solo.memberships, [{ index: 2, membership: { outgoing: ['a', 'b', 'c'] } }, { index: 3 }]);
  t.equal(solo.raft.membership.index, 3);
  t.equal(solo.raft.committedMembership.index, 0);
  t.match(solo.last?.persist, {
    memberships: { committed: { index: 0 }, latest: { index: 3 } },
    entries: [{ index: 3 }],
  });
  t.end();
});

t.test('M2: a truncated membership is taken back, on disk in the same unit (R4)', (t) => {
  for (const [conflict, left] of [
    [3, 2],
    [2, 0],
  ] as const) {
    const solo = changing();
    solo.persist();
    solo.append('c', 2, [conflict - 1, 1], [2]);
    t.equal(solo.raft.membership.index, left);
    t.match(solo.memberships.at(-1), { index: left }, 'the driver is told');
    t.match(solo.last?.persist, { memberships: { latest: { index: left } }, entries: [{ index: conflict, term: 2 }] });
  }
  t.end();
});

t.test('M2: a membership that is undone and put in force again within one turn is told once, and as it is', (t) => {
  const solo = changing();
  const before = solo.memberships.length;
  const joint = membershipEntry(2, 2, membershipOf('bc', { outgoing: 'abc' }));
  solo.appendEntries('c', 2, [1, 1], [joint]);
  t.equal(solo.memberships.length, before + 1);
  t.match(solo.memberships.slice(before), [{ index: 2, membership: { voters: ['b', 'c'] } }]);
  t.end();
});

t.test('M2: what the commit index covers is committed, and that is recorded', (t) => {
  const solo = changing();
  solo.receive('b', 1, 'heartbeat', { commit: 2, readRound: 1 });
  t.equal(solo.raft.committedMembership.index, 2);
  t.match(solo.last?.persist, { memberships: { committed: { index: 2 }, latest: { index: 3 } } });
  t.strictSame(solo.last?.persist?.entries, []);
  t.end();
});

t.test('A7: a membership that cannot be read, or makes no sense, never enters the log', (t) => {
  const twice = membershipCodec.encode(membershipOf('abb'));
  const both = membershipCodec.encode(membershipOf('ab', { learners: 'b' }));
  const back = membershipCodec.encode(membershipOf('ab', { removed: 'b' }));
  const nobody = membershipCodec.encode(UNKNOWN_MEMBERSHIP);
  for (const payload of [new Uint8Array([255]), twice, both, back, nobody]) {
    const solo = new Solo();
    const entry = { index: 1 as LogIndex, term: 1 as Term, kind: 'membership', payload } as const;
    solo.appendEntries('b', 1, [0, 0], [entry]);
    t.equal(solo.raft.lastIndex, 0);
    t.strictSame(
      solo.persist().filter(({ type }) => type === 'appendResponse'),
      [],
    );
  }
  t.end();
});

t.test('C5: an election in a joint membership takes majorities of both sets', (t) => {
  const solo = new Solo();
  solo.appendEntries('b', 1, [0, 0], [membershipEntry(1, 1, membershipOf('abcd', { outgoing: 'abc' }))]);
  solo.persist();
  solo.tick(25);
  t.equal(solo.raft.role, 'pre-candidate');
  t.strictSame(
    solo.sent('voteRequest').map(({ to }) => to),
    ['b', 'c', 'd'],
  );
  solo.receive('d', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'pre-candidate', 'ad is no majority of either');
  solo.receive('b', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'candidate');
  solo.persist();
  solo.receive('x', 2, 'voteResponse', { preVote: false, granted: true });
  solo.receive('b', 2, 'voteResponse', { preVote: false, granted: true });
  t.equal(solo.raft.role, 'candidate', 'E7: x is nobody; ab is a majority of abc only');
  solo.receive('c', 2, 'voteResponse', { preVote: false, granted: true });
  t.equal(solo.raft.role, 'leader');
  t.end();
});

t.test('C5: an election in a joint membership is not won by the new set alone', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd'] });
  solo.appendEntries('b', 1, [0, 0], [membershipEntry(1, 1, membershipOf('abc', { outgoing: 'abcd' }))]);
  solo.persist();
  solo.tick(25);
  solo.receive('b', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'pre-candidate', 'ab is a majority of abc and not of abcd');
  solo.receive('d', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'candidate');
  t.end();
});

t.test('M7: a voter of the old set stands for election until it knows that the change is done, and no longer', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c'] });
  solo.appendEntries('b', 1, [0, 0], [membershipEntry(1, 1, membershipOf('bc', { outgoing: 'abc' }))]);
  solo.persist();
  t.match(solo.raft.status(), { voter: true });
  solo.tick(25);
  t.equal(solo.raft.role, 'pre-candidate');
  solo.appendEntries('b', 1, [1, 1], [membershipEntry(2, 1, membershipOf('bc', { removed: 'a' }))]);
  solo.persist();
  t.match(solo.raft.status(), { voter: false });
  solo.tick(25);
  t.equal(solo.raft.role, 'pre-candidate', 'nobody else may hold the final membership');
  solo.receive('b', 2, 'voteResponse', { preVote: true, granted: true });
  t.equal(solo.raft.role, 'pre-candidate', 'it does not count itself');
  solo.append('b', 1, [2, 1], [1], 2);
  solo.persist();
  solo.tick(100);
  t.equal(solo.raft.role, 'follower');
  t.match(solo.raft.status(), { voter: false, leader: null });
  t.end();
});

t.test('a learner follows, does not stand for election, and ignores timeoutNow', (t) => {
  const solo = new Solo(NOBODY);
  solo.appendEntries('b', 1, [0, 0], [membershipEntry(1, 1, membershipOf('bc', { learners: 'a' }))], 1);
  t.equal(solo.raft.leader, 'b');
  t.equal(solo.raft.commitIndex, 1);
  t.match(solo.raft.status(), { voter: false });
  solo.persist();
  solo.receive('b', 1, 'timeoutNow', {});
  t.equal(solo.raft.role, 'follower');
  solo.tick(100);
  t.equal(solo.raft.role, 'follower');
  t.equal(solo.raft.leader, null, 'it has noticed that nobody leads');
  t.strictSame(solo.sent('voteRequest'), []);
  t.end();
});

t.test('E5: campaign_learner_must_vote: a learner that was promoted without knowing it votes', (t) => {
  const solo = new Solo(NOBODY);
  solo.appendEntries('b', 1, [0, 0], [membershipEntry(1, 1, membershipOf('bc', { learners: 'a' }))], 1);
  solo.persist();
  solo.tick(25);
  solo.receive('c', 2, 'voteRequest', { preVote: true, ...FRESH });
  solo.receive('c', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist(), [
    { type: 'voteResponse', preVote: true, granted: true },
    { type: 'voteResponse', preVote: false, granted: true },
  ]);
  solo.receive('b', 2, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist(), [{ type: 'voteResponse', granted: false }], 'once per term, as everybody');
  t.end();
});

t.test('a replica that nobody told of a membership is passive: it follows and votes when asked', (t) => {
  const solo = new Solo(NOBODY);
  solo.tick(100);
  t.equal(solo.raft.role, 'follower');
  t.strictSame(solo.now, []);
  t.match(solo.change(add('a')), 'no_leader');
  solo.receive('c', 1, 'voteRequest', { preVote: false, ...FRESH });
  t.match(solo.persist(), [{ type: 'voteResponse', granted: true }], 'E5');
  solo.append('c', 1, [0, 0], [1, 1], 1);
  t.equal(solo.raft.leader, 'c');
  t.equal(solo.raft.commitIndex, 1);
  t.equal(solo.raft.status().voter, false);
  t.strictSame(solo.raft.membership.membership, UNKNOWN_MEMBERSHIP);
  t.end();
});

t.test('a leader that our membership does not list is followed: its own is newer', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.append('x', 2, [1, 1], [2]);
  t.equal(solo.raft.leader, 'x');
  t.equal(solo.raft.lastIndex, 2);
  t.end();
});

t.test(
  'M7: the vote request of a replica that was removed, and does not know, changes nothing while we have a leader',
  (t) => {
    const solo = changing();
    solo.receive('b', 1, 'heartbeat', { commit: 3, readRound: 1 });
    solo.persist();
    for (const preVote of [true, false]) solo.receive('c', 9, 'voteRequest', { preVote, ...FRESH });
    t.equal(solo.raft.term, 1);
    t.strictSame(solo.persist(), []);
    t.end();
  },
);

t.test('a change is forwarded to the leader, and its answer is the outcome', (t) => {
  const solo = new Solo({ terms: [1] });
  t.equal(solo.change(add('d'), 1), 'no_leader');
  solo.receive('b', 1, 'heartbeat', { commit: 0, readRound: 1 });
  solo.membershipOutcomes = [];
  for (const id of [2, 3, 4, 5]) solo.change(remove('c'), id);
  t.match(solo.membershipOutcomes, [{ id: 5, refused: 'busy' }], 'forwards are bounded');
  const forwards = solo.sent('forwardProposal');
  t.match(forwards, [{ kind: 'membership', to: 'b' }, {}, {}]);
  t.strictSame(membershipCodec.decodeChange(forwards[0]?.payload ?? new Uint8Array()), remove('c'));
  const [first, second] = forwards.map(({ id }) => id);
  const answers = [
    { id: first ?? 0, refused: null, index: 2, entryTerm: 1 },
    { id: second ?? 0, refused: 'would_lose_quorum', index: 0, entryTerm: 0 },
  ] as const;
  for (const answer of [...answers, ...answers]) solo.receive('b', 1, 'forwardProposalResponse', answer);
  t.strictSame(solo.membershipOutcomes.slice(1), [
    { id: 2, accepted: { index: 2, term: 1 }, refused: null },
    { id: 3, accepted: null, refused: 'would_lose_quorum' },
  ]);
  t.strictSame(solo.proposals, [], 'it is no proposal');
  t.end();
});

t.test('who does not lead refuses a forwarded change', (t) => {
  const solo = new Solo({ terms: [1] });
  const payload = membershipCodec.encodeChange({ op: 'remove', replica: 'c' as ReplicaId });
  solo.receive('c', 1, 'forwardProposal', { id: 1, kind: 'membership', payload });
  t.match(solo.sent('forwardProposalResponse'), [{ id: 1, refused: 'not_leader' }]);
  t.end();
});

t.test('M9: a snapshot brings the membership of its index; what follows in an agreeing log stays', (t) => {
  const installed = (solo: Solo, index: number, indexTerm: number): Solo => {
    const placed = { index: 2 as LogIndex, membership: membershipOf('ab', { outgoing: 'abc' }) };
    solo.raft.step({
      type: 'snapshotInstalled',
      from: 'b' as ReplicaId,
      index: index as LogIndex,
      indexTerm: indexTerm as Term,
      membership: placed,
    });
    solo.drain();
    return solo;
  };
  const agreeing = installed(changing(), 2, 1);
  t.equal(agreeing.raft.membership.index, 3);
  t.equal(agreeing.raft.committedMembership.index, 2);
  t.match(agreeing.last?.persist?.memberships, { committed: { index: 2 }, latest: { index: 3 } });
  const other = installed(changing().receive('b', 2, 'heartbeat', { commit: 0, readRound: 1 }), 2, 2);
  t.equal(other.raft.lastIndex, 2);
  t.equal(other.raft.membership.index, 2, 'S5: the final one of another history is gone');
  t.match(other.last?.persist?.memberships, { committed: { index: 2 }, latest: { index: 2 } });
  const fresh = installed(new Solo({ ...NOBODY, term: 2 }), 4, 2);
  t.match(fresh.raft.status(), { voter: true });
  t.match(fresh.memberships, [{ index: 2 }]);
  t.end();
});

t.test('M9: a snapshot that does not know what the group was formed with does not make us forget it', (t) => {
  const solo = new Solo({ term: 2 });
  const membership = { index: 0 as LogIndex, membership: UNKNOWN_MEMBERSHIP };
  const [index, indexTerm] = [4 as LogIndex, 2 as Term];
  solo.raft.step({ type: 'snapshotInstalled', from: 'b' as ReplicaId, index, indexTerm, membership });
  solo.drain();
  t.equal(solo.raft.commitIndex, 4);
  t.match(solo.raft.status(), { voter: true });
  t.end();
});
