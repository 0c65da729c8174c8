import t from 'tap';
import type { LogIndex, ReplicaId } from '../../../../src/base/brand.js';
import { CATCH_UP_ENTRIES_MAX } from '../../../../src/engines/raft/change.js';
import { membershipCodec } from '../../../../src/wire/membership-codec.js';
import { add, infoOf, membershipEntry, membershipOf, promote, remove, Solo, type SoloOptions } from './solo.js';

/** `a` leads `abc`, and its no-op is committed. */
function leading(options: SoloOptions = {}): Solo {
  const solo = new Solo(options).lead('b');
  return solo.ack('b', solo.raft.lastIndex).ack('c', solo.raft.lastIndex);
}

/** Everything that is in the log becomes durable here and on `peers`, in order. */
function commit(solo: Solo, ...peers: string[]): Solo {
  solo.persist();
  for (const peer of peers) solo.ack(peer, solo.raft.lastIndex);
  return solo;
}

/** Time passes, the disk works, and `peers` live. */
function pass(solo: Solo, ticks: number, ...peers: string[]): void {
  for (let at = 0; at < ticks; at++) {
    solo.persist();
    solo.tick();
    for (const peer of peers) solo.receive(peer, solo.raft.term, 'heartbeatResponse', { readRound: 0 });
  }
}

function inForce(solo: Solo): Record<string, string> {
  const { voters, outgoing, learners, removed } = solo.raft.membership.membership;
  const letters = (ids: readonly string[]): string => ids.join('');
  return {
    voters: letters(voters),
    outgoing: letters(outgoing),
    learners: letters(learners),
    removed: letters(removed),
  };
}

/** `d` is a learner that has everything. */
function withLearner(): Solo {
  const solo = leading();
  solo.change(add('d'));
  commit(solo, 'b', 'c', 'd');
  return solo;
}

t.test('M2: a change is in force when it is appended, and on disk in the same unit as its entry (R4)', (t) => {
  const solo = leading();
  t.equal(solo.change(add('d'), 5), null);
  t.match(solo.membershipOutcomes, [{ id: 5, accepted: { index: 2, term: 1 }, refused: null }]);
  t.match(inForce(solo), { voters: 'abc', learners: 'd' });
  t.match(solo.memberships, [{ index: 2, membership: { learners: ['d'] } }]);
  t.equal(solo.raft.committedMembership.index, 0);
  const { persist } = solo.last ?? {};
  t.match(persist?.entries, [{ index: 2, kind: 'membership' }]);
  t.match(persist?.memberships, { committed: { index: 0 }, latest: { index: 2 } });
  commit(solo, 'b');
  t.equal(solo.raft.committedMembership.index, 2);
  t.match(solo.last?.persist?.memberships, { committed: { index: 2 }, latest: { index: 2 } }, 'the commit is recorded');
  t.equal(solo.memberships.length, 1, 'a commit puts nothing else into force');
  t.end();
});

t.test('M1: no change before an entry of the own term is committed', (t) => {
  const solo = new Solo().lead('b');
  t.equal(solo.change(add('d')), 'change_pending');
  solo.ack('b', 1);
  t.equal(solo.change(add('d')), null);
  t.end();
});

t.test('M1: no change while another is not committed', (t) => {
  const solo = leading();
  solo.change(add('d'));
  t.equal(solo.change(add('e')), 'change_pending');
  commit(solo, 'b');
  t.equal(solo.change(add('e')), null);
  t.end();
});

t.test('M1: no change while two sets decide', (t) => {
  const solo = leading();
  solo.change(remove('c'));
  t.match(inForce(solo), { voters: 'ab', outgoing: 'abc' });
  t.equal(solo.change(add('d')), 'change_pending');
  commit(solo, 'b');
  t.match(inForce(solo), { voters: 'ab', outgoing: '' }, 'the final one is appended without being asked for');
  t.equal(solo.change(add('d')), 'change_pending', 'and is a change of its own until it is committed');
  commit(solo, 'b');
  t.equal(solo.change(add('d')), null);
  t.end();
});

t.test('no change during a transfer of leadership, and a joint membership waits for its end', (t) => {
  const solo = leading();
  solo.change(remove('c'));
  solo.raft.step({ type: 'transfer', target: 'b' as ReplicaId });
  solo.drain();
  t.equal(solo.change(add('d')), 'transferring');
  commit(solo, 'b');
  t.equal(solo.raft.committedMembership.index, 2);
  t.match(inForce(solo), { outgoing: 'abc' }, 'the target of the transfer would lack the next entry');
  pass(solo, 20, 'b');
  t.match(inForce(solo), { outgoing: '' }, 'the transfer failed');
  t.end();
});

t.test('add: members and removed ids are refused (M3)', (t) => {
  const solo = withLearner();
  t.equal(solo.change(add('d')), 'already_member');
  t.equal(solo.change(add('b')), 'already_member');
  t.equal(solo.change(remove('d')), null, 'a learner goes in one step');
  t.match(inForce(solo), { voters: 'abc', outgoing: '', learners: '', removed: 'd' });
  commit(solo, 'b');
  t.equal(solo.change(add('d')), 'id_removed');
  t.equal(solo.change(remove('d')), 'unknown_member');
  t.equal(solo.change(promote('d')), 'unknown_member');
  t.end();
});

t.test('promote: two sets decide, then the new one; the folder is recorded (M4)', (t) => {
  const solo = withLearner();
  t.equal(solo.change(promote('d', 'folder-of-d')), null);
  t.match(inForce(solo), { voters: 'abcd', outgoing: 'abc', learners: '' });
  t.match(solo.raft.membership.membership.members, [{}, {}, {}, { ...infoOf('d'), folder: 'folder-of-d' }]);
  commit(solo, 'b', 'd');
  t.match(inForce(solo), { voters: 'abcd', outgoing: '' });
  t.equal(solo.raft.membership.membership.members.length, 4);
  t.end();
});

t.test('promote: only a learner', (t) => {
  const solo = withLearner();
  t.equal(solo.change(promote('b')), 'already_member');
  t.equal(solo.change(promote('x')), 'unknown_member');
  t.end();
});

t.test('M6: a learner that was never started is not promoted', (t) => {
  const solo = leading();
  solo.change(add('d'));
  commit(solo, 'b');
  t.equal(solo.change(promote('d')), 'not_caught_up');
  solo.receive('d', 1, 'heartbeatResponse', { readRound: 0 });
  t.equal(solo.change(promote('d')), 'not_caught_up', 'it lives, but has nothing');
  solo.ack('d', 2);
  t.equal(solo.change(promote('d')), null);
  t.end();
});

t.test('M6: a learner that lags is not promoted until it has all but a few entries', (t) => {
  const solo = new Solo({ limits: { uncommittedBytes: 1 << 20, inflightMessages: 1000 } }).lead('b');
  solo.ack('b', 1);
  solo.change(add('d'));
  commit(solo, 'b', 'd');
  for (let at = 0; at <= CATCH_UP_ENTRIES_MAX; at++) {
    solo.raft.step({ type: 'propose', id: at, payload: new Uint8Array(1) });
    solo.drain();
  }
  commit(solo, 'b');
  t.equal(solo.change(promote('d')), 'not_caught_up');
  solo.ack('d', 3);
  t.equal(solo.change(promote('d')), null);
  t.end();
});

t.test('M6: a learner that has fallen silent is not promoted', (t) => {
  const solo = withLearner();
  pass(solo, 30, 'b');
  t.equal(solo.change(promote('d')), 'not_caught_up');
  t.end();
});

t.test(
  'remove: the id of a voter is used up by the final membership only, so an undone change costs nothing (M3)',
  (t) => {
    const solo = leading();
    solo.change(remove('c'));
    t.match(inForce(solo), { voters: 'ab', outgoing: 'abc', removed: '' });
    t.equal(solo.raft.membership.membership.members.length, 3, 'it is a member until the end');
    solo.appendEntries(
      'b',
      2,
      [1, 1],
      [{ index: 2 as LogIndex, term: 2 as never, kind: 'noop', payload: new Uint8Array(0) }],
    );
    t.match(inForce(solo), { voters: 'abc', outgoing: '', removed: '' });
    t.end();
  },
);

t.test('remove: nobody who is no member, and never the last voter', (t) => {
  const solo = new Solo({ voters: ['a'] }).lead();
  t.equal(solo.change(remove('x')), 'unknown_member');
  t.equal(solo.change(remove('a')), 'last_voter');
  t.end();
});

t.test('M8: a change that leaves fewer than a majority of voters alive is refused', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  t.equal(solo.change(remove('b')), 'would_lose_quorum', 'c has not been heard of since the election');
  t.equal(solo.change(remove('c')), null, 'the dead one may go');
  t.end();
});

t.test('M8: also the set of before must still be heard of', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd', 'e'] }).lead('b', 'c');
  solo.ack('b', 1).ack('c', 1);
  t.equal(solo.raft.commitIndex, 1);
  t.equal(solo.change(remove('b')), 'would_lose_quorum', 'a and c are no majority of acde');
  t.equal(solo.change(remove('e')), null);
  t.end();
});

t.test('C5: while two sets decide, an entry is committed by majorities of both', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd', 'e'] }).lead('b', 'c', 'd', 'e');
  for (const peer of ['b', 'c', 'd', 'e']) solo.ack(peer, 1);
  solo.change(remove('e'));
  solo.persist();
  solo.ack('b', 2).ack('e', 2);
  t.equal(solo.raft.commitIndex, 1, 'abe is a majority of abcde and not of abcd');
  solo.ack('c', 2);
  t.equal(solo.raft.commitIndex, 2);
  t.end();
});

t.test('C5: while two sets decide, the new set alone commits nothing', (t) => {
  const solo = withLearner();
  solo.change(promote('d'));
  solo.persist();
  const { lastIndex } = solo.raft;
  solo.ack('d', lastIndex);
  t.not(solo.raft.commitIndex, lastIndex, 'ad is no majority of abc');
  solo.ack('b', lastIndex);
  t.equal(solo.raft.commitIndex, lastIndex, 'abd is one of abcd, ab of abc');
  t.end();
});

t.test('the final membership is not held up by a backlog of proposals', (t) => {
  const solo = leading({ limits: { uncommittedBytes: 10 } });
  solo.change(remove('c'));
  solo.persist();
  solo.raft.step({ type: 'propose', id: 1, payload: new Uint8Array(500) });
  solo.drain();
  solo.ack('b', 2);
  t.match(inForce(solo), { voters: 'ab', outgoing: '' });
  t.end();
});

t.test('learners: get everything and count nowhere', (t) => {
  const solo = withLearner();
  solo.sent('heartbeat');
  solo.raft.step({ type: 'propose', id: 1, payload: new Uint8Array(1) });
  solo.drain();
  t.ok(solo.sent('appendRequest').some(({ to, entries }) => to === 'd' && entries.length === 1));
  solo.persist();
  solo.ack('d', 3);
  t.equal(solo.raft.commitIndex, 2, 'C5: no commit');
  solo.raft.step({ type: 'readIndex', id: 1, lease: false });
  solo.drain();
  const [heartbeat] = solo.sent('heartbeat').filter(({ to }) => to === 'd');
  t.ok(heartbeat);
  solo.receive('d', 1, 'heartbeatResponse', { readRound: heartbeat?.readRound ?? 0 });
  t.strictSame(solo.reads, [], 'L2: no confirmation');
  pass(solo, 30, 'd');
  t.equal(solo.raft.role, 'follower', 'check-quorum: no majority');
  t.end();
});

t.test('status: learners have progress', (t) => {
  const solo = withLearner();
  t.match(solo.raft.status(), { voter: true, membership: { index: 2 } });
  t.match(
    solo.raft.status().progress.find(({ peer }) => peer === 'd'),
    { state: 'replicate', matchIndex: 2 },
  );
  t.end();
});

t.test('transfer: never to a learner, and never to a voter on its way out', (t) => {
  const solo = withLearner();
  solo.raft.step({ type: 'propose', id: 1, payload: new Uint8Array(1) });
  solo.drain();
  solo.persist();
  solo.ack('d', 3);
  solo.raft.step({ type: 'transfer', target: 'd' as ReplicaId });
  solo.drain();
  solo.raft.step({ type: 'transfer', target: null });
  solo.drain();
  t.strictSame(solo.sent('timeoutNow'), [], 'the learner is the most advanced');
  solo.ack('b', 3);
  t.match(solo.sent('timeoutNow'), [{ to: 'b' }]);
  const other = leading();
  other.change(remove('c'));
  other.raft.step({ type: 'transfer', target: 'c' as ReplicaId });
  other.drain();
  commit(other, 'c');
  t.strictSame(other.sent('timeoutNow'), []);
  t.end();
});

t.test('M7: a leader that is removed does not count itself, and leads until the change is committed', (t) => {
  const solo = leading();
  solo.change(remove('a'));
  solo.persist();
  solo.ack('b', 2);
  t.equal(solo.raft.commitIndex, 1, 'ab is a majority of abc, b alone is none of bc');
  solo.ack('c', 2);
  t.match(inForce(solo), { voters: 'bc', outgoing: '', removed: 'a' });
  solo.persist();
  solo.ack('b', 3);
  t.equal(solo.raft.commitIndex, 2, 'a and b have it, but a is none of bc');
  t.equal(solo.raft.role, 'leader');
  solo.ack('c', 3);
  t.equal(solo.raft.commitIndex, 3);
  t.match(solo.sent('timeoutNow'), [{ term: 1 }], 'it hands over');
  t.equal(solo.raft.role, 'follower');
  t.match(solo.raft.status(), { voter: false });
  solo.tick(100);
  t.equal(solo.raft.role, 'follower', 'and never stands again');
  solo.receive('b', 1, 'timeoutNow', {});
  t.equal(solo.raft.role, 'follower', 'not even when asked');
  t.end();
});

t.test('M7: it waits until a voter has everything, and gives up after an election timeout', (t) => {
  for (const catchesUp of [true, false]) {
    const solo = leading();
    solo.change(remove('a'));
    commit(solo, 'b', 'c');
    solo.raft.step({ type: 'propose', id: 1, payload: new Uint8Array(1) });
    solo.drain();
    solo.persist();
    solo.ack('b', 3).ack('c', 3);
    t.equal(solo.raft.commitIndex, 3);
    t.equal(solo.raft.role, 'leader', 'entry 4 is only here');
    t.strictSame(solo.sent('timeoutNow'), []);
    if (catchesUp) {
      solo.ack('c', 4);
      t.strictSame(solo.sent('timeoutNow'), [], 'the one that it chose is asked');
      solo.ack('b', 4);
      t.match(solo.sent('timeoutNow'), [{ to: 'b' }]);
    } else pass(solo, 20, 'b', 'c');
    t.equal(solo.raft.role, 'follower');
  }
  t.end();
});

t.test('a forwarded change is begun once, and refused in words (M1)', (t) => {
  const solo = leading();
  const { term } = solo.raft;
  const payload = membershipCodec.encodeChange(add('d'));
  for (let copy = 0; copy < 2; copy++)
    solo.receive('b', term, 'forwardProposal', { id: 9, kind: 'membership', payload });
  const answers = solo.sent('forwardProposalResponse');
  t.equal(answers.length, 1, 'a copy is neither begun nor refused');
  t.match(answers, [{ id: 9, refused: null, index: 2, entryTerm: 1 }]);
  t.equal(solo.raft.lastIndex, 2);
  solo.receive('b', term, 'forwardProposal', { id: 10, kind: 'membership', payload });
  t.match(solo.sent('forwardProposalResponse'), [{ id: 10, refused: 'change_pending', index: 0 }]);
  t.end();
});

t.test('a forwarded change that does not decode is ignored', (t) => {
  const solo = leading();
  for (const bytes of [[], [255, 255], [10, 0], [26, 200, 1]]) {
    solo.receive('b', 1, 'forwardProposal', { id: bytes.length, kind: 'membership', payload: new Uint8Array(bytes) });
  }
  t.equal(solo.raft.lastIndex, 1);
  t.strictSame(solo.sent('forwardProposalResponse'), []);
  t.end();
});

t.test('M5: a leader serves no request of one that is no member', (t) => {
  const solo = leading();
  solo.receive('x', 1, 'forwardProposal', { id: 1, kind: 'commands', payload: new Uint8Array(1) });
  solo.receive('x', 9, 'readIndexRequest', { id: 1 });
  t.equal(solo.raft.lastIndex, 1);
  t.equal(solo.raft.role, 'leader', 'nor does its term depose us');
  solo.change(add('d'));
  solo.receive('d', 1, 'forwardProposal', { id: 1, kind: 'commands', payload: new Uint8Array(1) });
  t.equal(solo.raft.lastIndex, 3, 'learners are members');
  t.end();
});

t.test('M1: a new leader finishes the change that it finds, once its own term has begun', (t) => {
  const joint = membershipOf('ab', { outgoing: 'abc' });
  for (const committed of [0, 2]) {
    const solo = new Solo({ term: 1 });
    solo.appendEntries('b', 1, [0, 0], [membershipEntry(1, 1, joint)], 0);
    solo.append('b', 1, [1, 1], [1], committed);
    solo.persist();
    solo.lead('b');
    t.equal(solo.raft.role, 'leader');
    solo.tick(3);
    t.match(inForce(solo), { outgoing: 'abc' }, 'nothing yet');
    t.equal(solo.raft.lastIndex, 3);
    solo.persist();
    solo.ack('b', 3);
    t.equal(solo.raft.commitIndex, 3);
    t.match(inForce(solo), { voters: 'ab', outgoing: '', removed: 'c' });
    t.equal(solo.raft.lastIndex, 4);
  }
  t.end();
});

t.test('L4, C5: while two sets decide, reads and leases take majorities of both', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd', 'e'], options: { leaseReads: true } }).lead('b', 'c', 'd', 'e');
  for (const peer of ['b', 'c', 'd', 'e']) solo.ack(peer, 1);
  solo.change(remove('e'));
  solo.persist();
  pass(solo, 2);
  t.equal(solo.raft.leaseValid(), false);
  solo.raft.step({ type: 'readIndex', id: 1, lease: false });
  solo.drain();
  const readRound = Math.max(...solo.sent('heartbeat').map((heartbeat) => heartbeat.readRound));
  for (const peer of ['b', 'e']) solo.receive(peer, 1, 'heartbeatResponse', { readRound });
  t.equal(solo.raft.leaseValid(), false, 'abe is no majority of abcd');
  t.strictSame(solo.reads, []);
  solo.receive('c', 1, 'heartbeatResponse', { readRound });
  t.equal(solo.raft.leaseValid(), true);
  t.match(solo.reads, [{ id: 1, refused: null }]);
  t.end();
});

t.test('C5: while two sets decide, a leader that hears no majority of the old one steps down', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd'] }).lead('b', 'c', 'd');
  for (const peer of ['b', 'c', 'd']) solo.ack(peer, 1);
  t.equal(solo.change(remove('d')), null);
  pass(solo, 30, 'b', 'c');
  t.equal(solo.raft.role, 'leader');
  pass(solo, 30, 'b');
  t.equal(solo.raft.role, 'follower', 'ab is a majority of abc and not of abcd');
  t.end();
});
