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
