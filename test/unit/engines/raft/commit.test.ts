import t from 'tap';
import { Solo } from './solo.js';

t.test('C1: an older-term entry is not committed by counting (Raft paper figure 8)', (t) => {
  const solo = new Solo({ terms: [1, 2], term: 3 }).lead('b');
  t.equal(solo.raft.role, 'leader');
  t.equal(solo.raft.lastIndex, 3, 'a no-op opens the term');
  solo.ack('b', 2);
  t.equal(solo.raft.commitIndex, 0, 'entry 2 of term 2 is on a majority, and yet not committed');
  solo.ack('b', 3);
  t.equal(solo.raft.commitIndex, 3, 'the no-op commits it along');
  t.end();
});

t.test('C2: a follower commits only up to what is known to match this leader', (t) => {
  const solo = new Solo({ terms: [1, 1, 1, 1] });
  solo.append('b', 2, [2, 1], [], 4);
  t.equal(solo.raft.commitIndex, 2, 'entries 3 and 4 may be of another history');
  t.equal(solo.raft.lastIndex, 4, 'and stay, for nothing contradicts them');
  t.end();
});

t.test('C3: a heartbeat carries min(match, commit)', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  t.equal(solo.raft.commitIndex, 1);
  solo.sent('heartbeat');
  solo.tick(2);
  t.strictSame(
    solo.sent('heartbeat').map(({ to, commit }) => [to, commit]),
    [
      ['b', 1],
      ['c', 0],
    ],
  );
  t.end();
});

t.test('C4: a member whose disk forgot what it acknowledged neither votes nor acknowledges', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 5, readRound: 1 });
  t.equal(solo.raft.logLost, true);
  t.equal(solo.raft.commitIndex, 0);
  solo.append('b', 1, [1, 1], [1], 2);
  t.strictSame(solo.persist(), [], 'no acknowledgement');
  solo.tick(40);
  t.equal(solo.raft.role, 'follower', 'no campaign');
  solo.receive('c', 9, 'voteRequest', { preVote: false, lastIndex: 9, lastTerm: 9, transfer: false });
  solo.persist();
  t.equal(solo.sent('voteResponse')[0]?.granted, false, 'no vote');
  t.end();
});

t.test('R2: the leader sends before its disk is done, but counts itself only after', (t) => {
  const solo = new Solo({ voters: ['a', 'b', 'c', 'd', 'e'] }).lead('b', 'c');
  solo.ack('b', 1).ack('c', 1);
  t.equal(solo.raft.commitIndex, 1);
  solo.sent('appendRequest');
  solo.raft.step({ type: 'propose', id: 1, payload: new Uint8Array(1) });
  solo.drain();
  t.equal(
    solo.sent('appendRequest').filter(({ entries }) => entries.length > 0).length,
    2,
    'sent to those that follow',
  );
  solo.ack('b', 2).ack('c', 2);
  t.equal(solo.raft.commitIndex, 1, 'two of five: our own copy is not durable');
  solo.persist();
  t.equal(solo.raft.commitIndex, 2);
  t.end();
});

t.test('R2: a majority without the leader commits although its own disk is slow', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1).ack('c', 1);
  solo.raft.step({ type: 'propose', id: 1, payload: new Uint8Array(1) });
  solo.drain();
  solo.ack('b', 2).ack('c', 2);
  t.equal(solo.raft.commitIndex, 2);
  t.equal(solo.raft.persistedIndex, 1);
  t.end();
});

t.test('R2: a group of one answers only after its disk', (t) => {
  const solo = new Solo({ voters: ['a'] });
  solo.tick(25);
  t.equal(solo.raft.role, 'candidate', 'its own vote counts when it is durable');
  solo.persist();
  t.equal(solo.raft.role, 'leader');
  t.equal(solo.raft.commitIndex, 0);
  solo.persist();
  t.equal(solo.raft.commitIndex, 1);
  t.end();
});

t.test('R5: a write that completes late does not vouch for entries overwritten meanwhile (ABA)', (t) => {
  const solo = new Solo({ term: 1 });
  solo.append('b', 2, [0, 0], [2, 2]);
  const first = solo.batch;
  solo.append('c', 3, [0, 0], [3]);
  const second = solo.batch;
  solo.append('b', 4, [0, 0], [2, 2]); // The content of the first write again, by a leader of term 4.
  t.equal(solo.raft.termOf(solo.raft.lastIndex), 2);
  solo.persist(first);
  t.equal(solo.raft.persistedIndex, 0, 'what was written first is not on the disk any more');
  solo.persist(second);
  t.equal(solo.raft.persistedIndex, 0);
  solo.persist();
  t.equal(solo.raft.persistedIndex, 2);
  t.end();
});

t.test('R3: the commit index alone never costs a write', (t) => {
  const solo = new Solo({ terms: [1, 1] });
  solo.append('b', 1, [2, 1], [], 2);
  t.equal(solo.raft.commitIndex, 2);
  t.equal(solo.last?.persist, null);
  t.end();
});

t.test('C6: what was known to be committed is handed out again after a restart', (t) => {
  const solo = new Solo({ terms: [1, 1, 1], commit: 2 });
  t.strictSame(
    solo.committed.map(({ index }) => index),
    [1, 2],
  );
  t.end();
});
