import t from 'tap';
import type { MembershipChange } from '../../../../src/engines/raft/membership.js';
import { Network } from './network.js';
import { add, promote, remove } from './solo.js';

const ABC = ['a', 'b', 'c'] as const;

/** Asks `id`, lets everything arrive, and gives the outcome. */
function change(network: Network, id: string, wanted: MembershipChange): string {
  const asked = network.change(id, wanted);
  network.settle();
  const outcome = network.member(id).membershipOutcomes.find((known) => known.id === asked);
  return outcome?.refused ?? (outcome?.accepted ? 'accepted' : 'unanswered');
}

/** A new replica becomes a learner, catches up, and becomes a voter. */
function grow(network: Network, leader: string, id: string): void {
  network.join(id);
  if (change(network, leader, add(id)) !== 'accepted') throw new Error(`${id} is not added`);
  network.run(4);
  if (change(network, leader, promote(id)) !== 'accepted') throw new Error(`${id} is not promoted`);
  network.run(4);
}

function votersOn(network: Network, id: string): string {
  const { voters, outgoing, learners } = network.raft(id).membership.membership;
  return [voters, outgoing, learners].map((ids) => [...ids].sort().join('')).join('/');
}

t.test('M1, M6: a group grows from one voter to five and shrinks to one again', (t) => {
  const network = new Network(['a'], 61);
  network.elect('a');
  for (const id of ['b', 'c', 'd', 'e']) {
    grow(network, 'a', id);
    network.propose('a');
    network.settle();
  }
  t.equal(votersOn(network, 'a'), 'abcde//');
  for (const id of 'bcde') t.equal(votersOn(network, id), 'abcde//', id);
  for (const id of ['e', 'd', 'c', 'b']) {
    t.equal(change(network, 'a', remove(id)), 'accepted', `remove ${id}`);
    network.run(4);
  }
  t.equal(votersOn(network, 'a'), 'a//');
  t.strictSame([...network.raft('a').committedMembership.membership.removed].sort(), ['b', 'c', 'd', 'e']);
  const id = network.propose('a');
  network.settle();
  t.ok(network.member('a').proposals.find((outcome) => outcome.id === id)?.accepted);
  t.equal(network.raft('a').commitIndex, network.raft('a').lastIndex, 'alone it commits alone');
  t.end();
});

t.test('M7: a leader that is removed leads to the end, hands over and does not come back', (t) => {
  const network = new Network(ABC, 62);
  network.elect('a');
  network.recording = true;
  t.equal(change(network, 'a', remove('a')), 'accepted');
  network.settle();
  t.equal(network.raft('a').role, 'follower');
  t.equal(network.log.filter(({ type }) => type === 'timeoutNow').length, 1);
  t.ok(['b', 'c'].includes(network.leader?.id ?? ''));
  network.run(100);
  t.equal(network.raft('a').role, 'follower', 'it never campaigns again');
  t.equal(votersOn(network, 'b'), 'bc//');
  t.end();
});

t.test(
  'confchange_v1_add_single: a new member catches up by a snapshot, which says who belongs to the group (M9)',
  (t) => {
    const network = new Network(['a'], 63);
    network.elect('a');
    for (let at = 0; at < 6; at++) network.propose('a');
    grow(network, 'a', 'b');
    network.checkpoint('a');
    network.recording = true;
    grow(network, 'a', 'c');
    t.ok(network.log.some(({ type, to }) => type === 'snapshotChunk' && to === 'c'));
    for (const id of ABC) t.equal(votersOn(network, id), 'abc//', id);
    network.checkpoint('c');
    for (const id of ABC) network.crash(id);
    for (const id of ABC) network.restart(id);
    network.run(60);
    t.ok(network.leader);
    for (const id of ABC) t.equal(votersOn(network, id), 'abc//', `${id} after a restart`);
    t.end();
  },
);

t.test('confchange_v2_replace_leader: a new voter comes, the leader goes', (t) => {
  const network = new Network(ABC, 64);
  network.elect('a');
  grow(network, 'a', 'd');
  t.equal(change(network, 'a', remove('a')), 'accepted');
  network.run(2);
  const leader = network.leader?.id ?? '';
  t.ok(['b', 'c', 'd'].includes(leader));
  for (const id of ['b', 'c', 'd']) t.equal(votersOn(network, id), 'bcd//', id);
  const asked = network.propose(leader);
  network.settle();
  t.ok(network.member(leader).proposals.find(({ id }) => id === asked)?.accepted);
  t.equal(change(network, leader, add('a')), 'id_removed', 'M3');
  t.end();
});

t.test('a follower asks for a change, and is told when it was begun', (t) => {
  const network = new Network(ABC, 65);
  network.elect('a');
  t.equal(change(network, 'b', remove('c')), 'accepted');
  t.equal(votersOn(network, 'b'), 'ab//');
  t.equal(change(network, 'b', remove('c')), 'unknown_member');
  t.end();
});

t.test('M2: a change that only the old leader knew of is undone, and may be made again', (t) => {
  const network = new Network(ABC, 66);
  network.elect('a');
  network.isolate('a');
  const asked = network.change('a', remove('c'));
  network.settle();
  t.match(
    network.member('a').membershipOutcomes.find(({ id }) => id === asked),
    { accepted: { index: 2, term: 1 } },
    'begun, and nothing more was said',
  );
  t.equal(votersOn(network, 'a'), 'ab/abc/');
  network.elect('b');
  network.heal();
  network.run(6);
  t.equal(votersOn(network, 'a'), 'abc//');
  t.equal(change(network, 'b', remove('c')), 'accepted');
  network.run(2);
  t.equal(votersOn(network, 'a'), 'ab//');
  t.end();
});

t.test('M1: who leads next finishes a change whose first step is committed', (t) => {
  const network = new Network(ABC, 67);
  network.elect('a');
  grow(network, 'a', 'd');
  network.change('a', remove('d'));
  for (let round = 0; round < 20 && network.raft('a').committedMembership.membership.outgoing.length === 0; round++) {
    network.deliverAll('appendRequest');
    for (const id of ['b', 'c', 'd']) network.persist(id);
    network.persist('a');
    const [answer] = network.wire.splice(0, 1);
    if (answer !== undefined) network.deliver(answer);
  }
  t.equal(votersOn(network, 'a'), 'abc//', 'the final one is only in its log');
  network.wire = [];
  network.crash('a');
  network.elect('b');
  t.equal(votersOn(network, 'b'), 'abc//');
  t.strictSame(network.raft('b').committedMembership.membership.outgoing, []);
  t.strictSame(network.raft('b').committedMembership.membership.removed, ['d']);
  t.end();
});

t.test('M7: a removed leader that alone holds the final membership leads once more, to finish the change', (t) => {
  const network = new Network(['a', 'b'], 71);
  network.elect('a');
  network.change('a', remove('a'));
  for (let round = 0; round < 20 && network.raft('a').committedMembership.membership.outgoing.length === 0; round++) {
    network.deliverAll('appendRequest');
    network.persist('b');
    network.persist('a');
    const [answer] = network.wire.splice(0, 1);
    if (answer !== undefined) network.deliver(answer);
  }
  t.equal(votersOn(network, 'a'), 'b//');
  network.wire = [];
  network.isolate('a');
  network.run(60);
  t.equal(network.leader, undefined, 'a hears no voter, and b needs the vote of a');
  t.equal(votersOn(network, 'b'), 'b/ab/', 'which it cannot have: its log is shorter');
  network.heal();
  network.run(100);
  t.equal(network.leader?.id, 'b');
  t.equal(votersOn(network, 'b'), 'b//');
  t.strictSame(network.raft('b').committedMembership.membership.removed, ['a']);
  const { term } = network.raft('b');
  network.run(200);
  t.equal(network.leader?.id, 'b');
  t.equal(network.raft('b').term, term, 'and a is quiet from then on');
  t.end();
});

t.test('E5: a group of one that grew to two, and crashed at once, gets the vote of one who does not know it', (t) => {
  const network = new Network(['a'], 68);
  network.elect('a');
  network.join('b');
  change(network, 'a', add('b'));
  network.run(4);
  network.lost = () => true;
  network.change('a', promote('b'));
  network.persist('a');
  network.crash('a');
  network.heal();
  network.restart('a');
  t.equal(votersOn(network, 'a'), 'ab/a/');
  t.equal(votersOn(network, 'b'), 'a//b');
  network.run(60);
  t.equal(network.leader?.id, 'a');
  t.equal(votersOn(network, 'b'), 'ab//', 'and the change was finished');
  t.end();
});

t.test('M5: a follower is told that it is removed, and then forgotten', (t) => {
  const network = new Network(ABC, 70);
  network.elect('a');
  t.equal(change(network, 'a', remove('c')), 'accepted');
  network.run(10);
  const { committedMembership } = network.raft('c');
  t.strictSame(committedMembership.membership.removed, ['c']);
  network.propose('a');
  network.run(10);
  t.equal(network.raft('c').lastIndex, committedMembership.index, 'nothing more is sent to it');
  t.end();
});

t.test('M7: a removed follower that never learns of it disturbs nobody', (t) => {
  const network = new Network(ABC, 69);
  network.elect('a');
  network.isolate('c');
  network.run(30);
  t.equal(change(network, 'a', remove('c')), 'accepted');
  network.run(50); // Longer than the leader tries to tell c.
  const { term } = network.raft('a');
  network.heal();
  network.run(200);
  t.equal(votersOn(network, 'c'), 'abc//', 'nobody tells it');
  t.equal(network.leader?.id, 'a');
  t.equal(network.raft('a').term, term);
  t.equal(network.raft('c').role === 'leader', false);
  network.crash('a');
  network.run(100);
  t.equal(network.leader, undefined, 'b needs a, and c cannot win: b has what c lacks');
  network.restart('a');
  network.run(60);
  t.ok(['a', 'b'].includes(network.leader?.id ?? ''));
  t.end();
});

t.test('a learner serves reads and takes proposals as any follower', (t) => {
  const network = new Network(ABC, 70);
  network.elect('a');
  network.join('d');
  change(network, 'a', add('d'));
  network.run(4);
  const proposal = network.propose('d');
  const read = network.read('d');
  network.settle();
  t.ok(network.member('d').proposals.find(({ id }) => id === proposal)?.accepted);
  t.ok(network.member('d').reads.find(({ id }) => id === read)?.index);
  t.equal(network.raft('d').commitIndex, network.raft('a').commitIndex, 'and learns of its commit at once');
  t.end();
});

t.test('M8: a change goes on while a minority of both sets is gone, and stops nobody from leading', (t) => {
  const network = new Network(['a', 'b', 'c', 'd', 'e'], 71);
  network.elect('a');
  network.run(4);
  network.crash('e');
  network.run(30);
  t.equal(change(network, 'a', remove('e')), 'accepted', 'the dead one first');
  network.run(2);
  t.equal(votersOn(network, 'a'), 'abcd//');
  network.crash('d');
  network.run(30);
  t.equal(change(network, 'a', remove('c')), 'accepted', 'ab of abd');
  network.run(2);
  t.equal(votersOn(network, 'a'), 'abd//');
  t.equal(change(network, 'a', remove('b')), 'would_lose_quorum', 'a alone of ad');
  t.equal(network.leader?.id, 'a');
  t.end();
});
