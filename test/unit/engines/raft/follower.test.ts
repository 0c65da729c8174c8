import t from 'tap';
import type { RaftMessage } from '../../../../src/engines/raft/messages.js';
import { entriesOf, Solo } from './solo.js';

t.test('R1: an acknowledgement waits for the disk', (t) => {
  const solo = new Solo();
  solo.append('b', 1, [0, 0], [1, 1], 1);
  t.equal(solo.sent('appendResponse').length, 0);
  const [response] = solo.persist();
  t.match(response, { type: 'appendResponse', rejected: false, index: 2, term: 1 });
  t.end();
});

t.test('R1: a copy of an append is not acknowledged before the first is durable', (t) => {
  const solo = new Solo();
  solo.append('b', 1, [0, 0], [1]);
  solo.append('b', 1, [0, 0], [1]);
  t.equal(solo.last?.persist, null, 'nothing new to write');
  t.equal(solo.sent('appendResponse').length, 0);
  t.equal(solo.persist().length, 2, 'both are released by the first write');
  t.end();
});

t.test('R1: what is overwritten before it reached the disk is not acknowledged', (t) => {
  const solo = new Solo({ terms: [1] });
  const append = (from: string, term: number): void => {
    const entries = entriesOf([term], 1);
    const position = { prevIndex: 1, prevTerm: 1, commit: 0 };
    const message = { type: 'appendRequest', from, to: 'a', term, ...position, entries } as unknown as RaftMessage;
    solo.raft.step({ type: 'message', message });
  };
  // One turn: after a pause, for example, both are in the sockets.
  append('b', 1);
  append('c', 2);
  solo.drain();
  t.match(solo.persist(), [{ to: 'c', term: 2, rejected: false, index: 2 }], 'b is told nothing of its entry');
  t.end();
});

t.test('R1: a rejection waits too, for it shows a term', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.append('b', 5, [7, 4], [5]);
  t.equal(solo.sent('appendResponse').length, 0);
  t.match(solo.persist()[0], { rejected: true, term: 5 });
  t.end();
});

t.test('R1: a heartbeat response waits only while its term is not durable', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 3, 'heartbeat', { commit: 0, readRound: 1 });
  t.equal(solo.sent('heartbeatResponse').length, 0, 'term 3 is new');
  solo.persist();
  t.equal(solo.sent('heartbeatResponse').length, 1);
  solo.receive('b', 3, 'heartbeat', { commit: 0, readRound: 2 });
  t.equal(solo.sent('heartbeatResponse')[0]?.readRound, 2, 'now it leaves at once');
  t.end();
});

t.test('A1: a delayed append does not delete what came after it', (t) => {
  const solo = new Solo();
  solo.append('b', 1, [0, 0], [1, 1, 1], 0);
  solo.append('b', 1, [0, 0], [1]);
  t.equal(solo.raft.lastIndex, 3);
  solo.append('b', 1, [1, 1], [1]);
  t.equal(solo.raft.lastIndex, 3);
  t.match(
    solo.persist().map((message) => message.type === 'appendResponse' && message.index),
    [3, 1, 2],
    'each vouches for what its request covered',
  );
  t.end();
});

t.test('A1: a conflict removes the entry and everything after it', (t) => {
  const solo = new Solo({ terms: [1, 1, 1, 1] });
  solo.append('b', 2, [1, 1], [1, 2]);
  t.equal(solo.raft.lastIndex, 3);
  t.equal(solo.raft.termOf(solo.raft.lastIndex), 2);
  t.strictSame(
    solo.last?.persist?.entries.map(({ index, term }) => [index, term]),
    [[3, 2]],
    'only what is new is written, and overwrites',
  );
  t.end();
});

t.test('A2: a rejection names the last position where the logs may agree', (t) => {
  const solo = new Solo({ terms: [1, 1, 1, 2, 2] });
  solo.append('b', 6, [9, 5], []);
  t.match(solo.persist()[0], { rejected: true, index: 9, hintIndex: 5, hintTerm: 2 });
  solo.append('b', 6, [5, 1], []);
  t.match(solo.persist()[0], { rejected: true, index: 5, hintIndex: 3, hintTerm: 1 });
  t.end();
});

t.test('A7: entries with a gap, or out of order, never enter the log', (t) => {
  const solo = new Solo({ terms: [1] });
  const [one, two] = [
    { index: 2, term: 1, kind: 'commands', payload: new Uint8Array(0) },
    { index: 4, term: 1, kind: 'commands', payload: new Uint8Array(0) },
  ];
  solo.receive('b', 1, 'appendRequest', { prevIndex: 1, prevTerm: 1, commit: 0, entries: [one, two] as never });
  t.equal(solo.raft.lastIndex, 1);
  t.strictSame(solo.persist(), [], 'nothing is vouched for');
  t.end();
});

t.test('an append before the commit index is answered with the commit index', (t) => {
  const solo = new Solo({ terms: [1, 1, 1], commit: 3 });
  solo.append('b', 2, [0, 0], [1], 0);
  t.match(solo.persist()[0], { rejected: false, index: 3 });
  t.equal(solo.raft.lastIndex, 3);
  t.end();
});

t.test('messages for others, or from oneself, change nothing', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.append('a', 9, [1, 1], [9]);
  solo.raft.step({
    type: 'message',
    message: { type: 'heartbeat', from: 'b', to: 'c', term: 9, commit: 1, readRound: 1 } as never,
  });
  t.equal(solo.raft.term, 1);
  t.equal(solo.raft.hasEffects, false);
  t.end();
});

t.test('R7: a follower behind a stalled disk does not campaign until the disk is back', (t) => {
  const solo = new Solo();
  solo.append('b', 1, [0, 0], [1]);
  solo.tick(60);
  t.equal(solo.raft.role, 'follower');
  t.equal(solo.raft.leader, null);
  solo.persist();
  solo.tick(2);
  t.equal(solo.raft.role, 'pre-candidate');
  t.end();
});
