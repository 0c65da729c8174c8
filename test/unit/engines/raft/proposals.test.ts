import t from 'tap';
import { Network } from './network.js';
import { Solo } from './solo.js';

const ABC = ['a', 'b', 'c'] as const;

function propose(solo: Solo, id: number, bytes = 1): void {
  solo.raft.step({ type: 'propose', id, payload: new Uint8Array(bytes) });
  solo.drain();
}

t.test('the leader says where a proposal was appended', (t) => {
  const solo = new Solo().lead('b');
  propose(solo, 7);
  t.strictSame(solo.proposals, [{ id: 7, accepted: { index: 2, term: 1 }, refused: null }]);
  t.end();
});

t.test('beyond uncommittedBytes proposals are refused until something commits', (t) => {
  const solo = new Solo().lead('b');
  propose(solo, 1, 500);
  t.match(solo.proposals.at(-1), { id: 1, refused: null }, 'a single large batch passes');
  propose(solo, 2);
  t.match(solo.proposals.at(-1), { id: 2, accepted: null, refused: 'busy' });
  solo.persist();
  solo.ack('b', 2);
  propose(solo, 3);
  t.match(solo.proposals.at(-1), { id: 3, refused: null });
  t.end();
});

t.test('without a leader a proposal is refused', (t) => {
  const solo = new Solo();
  propose(solo, 1);
  t.match(solo.proposals, [{ id: 1, refused: 'no_leader' }]);
  t.end();
});

t.test('a follower forwards, learns where, and learns of the commit without waiting for a heartbeat', (t) => {
  const network = new Network(ABC, 31);
  network.elect('a');
  const id = network.propose('b');
  network.settle();
  t.strictSame(network.member('b').proposals, [{ id, accepted: { index: 2, term: 1 }, refused: null }]);
  t.equal(network.raft('b').commitIndex, 2);
  t.equal(network.raft('c').commitIndex, 1, 'the other follower waits for nothing and is not told yet');
  t.end();
});

t.test('forwarded proposals are bounded, and forgotten when they stay unanswered', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 0, readRound: 1 });
  for (const id of [1, 2, 3, 4]) propose(solo, id);
  t.match(solo.proposals, [{ id: 4, refused: 'busy' }]);
  for (let at = 0; at < 81; at++) {
    solo.tick();
    solo.receive('b', 1, 'heartbeat', { commit: 0, readRound: 1 });
  }
  propose(solo, 5);
  t.equal(solo.proposals.length, 1, 'there is room again');
  t.end();
});

t.test('a copy of a forwarded proposal is appended once', (t) => {
  const solo = new Solo().lead('b');
  const { term } = solo.raft;
  for (let copy = 0; copy < 3; copy++) {
    solo.receive('b', term, 'forwardProposal', { id: 77, kind: 'commands', payload: new Uint8Array(1) });
  }
  t.equal(solo.raft.lastIndex, 2);
  t.equal(solo.sent('forwardProposalResponse').length, 1);
  t.end();
});

t.test('a copy of an appended proposal is not refused later: refused means that nothing was appended', (t) => {
  const solo = new Solo().lead('b');
  const { term } = solo.raft;
  solo.receive('b', term, 'forwardProposal', { id: 77, kind: 'commands', payload: new Uint8Array(1) });
  solo.sent('forwardProposalResponse');
  solo.tick(21);
  t.equal(solo.raft.role, 'follower', 'nobody answers: it stepped down');
  t.equal(solo.raft.term, term);
  solo.receive('b', term, 'forwardProposal', { id: 77, kind: 'commands', payload: new Uint8Array(1) });
  t.strictSame(solo.sent('forwardProposalResponse'), []);
  solo.receive('b', term, 'forwardProposal', { id: 78, kind: 'commands', payload: new Uint8Array(1) });
  t.match(solo.sent('forwardProposalResponse'), [{ id: 78, refused: 'not_leader' }]);
  t.end();
});

t.test('the answer of a former leader still counts', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 0, readRound: 1 });
  propose(solo, 1);
  const { id } = solo.sent('forwardProposal')[0] ?? { id: 0 };
  solo.receive('c', 2, 'heartbeat', { commit: 0, readRound: 1 });
  solo.receive('b', 1, 'forwardProposalResponse', { id, refused: null, index: 2, entryTerm: 1 });
  t.strictSame(solo.proposals, [{ id: 1, accepted: { index: 2, term: 1 }, refused: null }]);
  t.end();
});
