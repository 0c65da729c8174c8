import t from 'tap';
import type { LogIndex } from '../../../../src/base/brand.js';
import { Network } from './network.js';

/** A group whose leader `a` has opened its first epoch. */
function group(ids: string, options: ConstructorParameters<typeof Network>[2] = {}): Network {
  const network = new Network(ids.split(''), 1, options);
  network.run(3);
  return network;
}

const acksTo = (network: Network, ...from: string[]): void =>
  network.deliverAll((message) => message.type === 'appendResponse' && from.includes(message.from));
const appends = (network: Network): void => network.deliverAll(({ type }) => type === 'appendRequest');

t.test('ap.md §1.3.1: the member that the topology names leads the first epoch', async (t) => {
  const network = group('abc');
  t.equal(network.leader?.id, 'a');
  t.equal(network.engine('a').term, 64);
  t.same(network.engine('b').leader, 'a');
  t.same(network.engine('a').epochs(), [{ term: 64, leader: 'a', startIndex: 1 }]);
});

t.test('ap.md §1.3.2: committed with W durable followers, the leader not among them', async (t) => {
  const network = group('abcd', { writeQuorum: 2 });
  network.propose('a');
  const index = network.engine('a').lastIndex;
  network.persist('a');
  appends(network);
  t.equal(network.engine('a').commitIndex, index - 1, 'its own disk does not count');
  network.persist('b');
  acksTo(network, 'b');
  t.same(network.engine('a').acksOf(index), { acks: 1, required: 2 });
  t.equal(network.engine('a').commitIndex, index - 1);
  network.persist('c');
  acksTo(network, 'c');
  t.equal(network.engine('a').commitIndex, index);
});

t.test('ap.md §1.3.5: an acknowledged write is on the leader’s disk too', async (t) => {
  const network = group('abc');
  network.propose('a');
  appends(network);
  network.persist('b');
  network.persist('c');
  acksTo(network, 'b', 'c');
  t.equal(network.engine('a').commitIndex, network.engine('a').lastIndex - 1, 'both followers have it');
  network.persist('a');
  t.equal(network.engine('a').commitIndex, network.engine('a').lastIndex);
});

t.test(
  'ap.md §1.3.2: a write is refused before it is appended where too few followers can acknowledge it',
  async (t) => {
    const network = group('abcd', { writeQuorum: 2 });
    network.crash('b');
    t.ok(network.propose('a')?.accepted, 'b may still answer');
    network.settle();
    network.run(11);
    t.equal(network.engine('a').status().available, 2);
    t.ok(network.propose('a')?.accepted);
    network.settle();
    network.crash('c');
    network.run(11);
    const before = network.engine('a').lastIndex;
    t.same(network.propose('a')?.refused, { reason: 'not_enough_replicas', available: 1, required: 2 });
    t.same(
      network.setQuorum('a', 1)?.refused?.reason,
      'not_enough_replicas',
      'nor is the quorum lowered by less than it',
    );
    t.equal(network.engine('a').lastIndex, before);
    network.restart('c');
    network.run(4);
    t.ok(network.propose('a')?.accepted, 'as soon as it follows again');
    t.same(network.propose('b')?.refused, undefined, 'b is dead');
    t.same(network.propose('d')?.refused, { reason: 'not_leader' });
  },
);

t.test('ap.md §1.3.7: a follower whose disk stands still is not available, though it answers heartbeats', async (t) => {
  const network = group('ab');
  network.propose('a');
  for (let at = 0; at < 12; at++) {
    network.tick('a');
    network.persist('a');
    network.deliverAll();
  }
  t.same(network.engine('a').status().followers[0]?.state, 'lagging');
  t.same(network.propose('a')?.refused?.reason, 'not_enough_replicas');
  network.persist('b');
  network.run(2);
  t.equal(network.engine('a').status().followers[0]?.state, 'online');
});

t.test('ap.md §1.3.2: a deadline changes nothing: never silently asynchronous', async (t) => {
  const network = group('ab');
  network.isolate('b');
  const accepted = network.propose('a')?.accepted;
  network.run(50);
  t.equal(network.engine('a').commitIndex, (accepted?.index ?? 0) - 1);
  t.same(network.engine('a').acksOf(accepted?.index ?? (0 as LogIndex)), { acks: 0, required: 1 });
  network.heal();
  network.run(4);
  t.equal(network.engine('a').commitIndex, accepted?.index, 'it may commit later');
});

t.test('ap.md §1.3.2: write quorum 0 only where it is allowed, and then the leader’s disk is enough', async (t) => {
  t.throws(() => group('abc', { writeQuorum: 0 }), /followers that a write can wait for/);
  t.same(group('abc').setQuorum('a', 0)?.refused, { reason: 'invalid' });
  const network = group('abc', { allowAsync: true, writeQuorum: 0 });
  network.isolate('a');
  t.ok(network.propose('a')?.accepted);
  network.persist('a');
  t.equal(network.engine('a').commitIndex, network.engine('a').lastIndex);
  t.equal(network.engine('a').status().promises, 3, 'and a promotion needs everybody');
});

t.test('ap.md §1.3.4: a change is committed with the quorum before it; later entries take the new one', async (t) => {
  const network = group('abcd', { writeQuorum: 3 });
  t.same(network.setQuorum('a', 4)?.refused, { reason: 'invalid' });
  t.same(network.setQuorum('a', 1.5)?.refused, { reason: 'invalid' });
  t.same(network.setQuorum('b', 1)?.refused, { reason: 'not_leader' });
  const change = network.setQuorum('a', 1);
  t.equal(change?.before, 3);
  network.propose('a');
  const index = network.engine('a').lastIndex;
  network.persist('a');
  appends(network);
  network.persist('b');
  acksTo(network, 'b');
  t.equal(
    network.engine('a').commitIndex,
    index - 2,
    'the write would have its one follower, the change not its three',
  );
  network.persist('c');
  network.persist('d');
  acksTo(network, 'c');
  t.equal(network.engine('a').commitIndex, index - 2);
  acksTo(network, 'd');
  t.equal(network.engine('a').commitIndex, index);
  t.equal(network.engine('a').quorumAt(index).writeQuorum, 1);
});

t.test('a leader takes no more than limits.uncommittedBytes, nor more than 16 open changes', async (t) => {
  const network = group('ab', { limits: { uncommittedBytes: 100 } });
  t.ok(network.propose('a', 500)?.accepted, 'one alone always passes');
  t.same(network.propose('a', 1)?.refused, { reason: 'busy' });
  network.settle();
  t.ok(network.propose('a', 90)?.accepted);
  network.settle();
  for (let at = 0; at < 16; at++) t.ok(network.setQuorum('a', 1)?.accepted);
  t.same(network.setQuorum('a', 1)?.refused, { reason: 'busy' });
});

t.test('a group of one commits with its own disk', async (t) => {
  const network = group('a', { writeQuorum: 1 });
  t.equal(network.engine('a').role, 'leader');
  network.propose('a');
  network.persist('a');
  t.equal(network.engine('a').commitIndex, 2);
});

t.test('raft.md R7: a leader whose disk stands still steps down, and takes its place again', async (t) => {
  const network = group('abc', { diskStallTicks: 20, promotion: 'manual' });
  network.propose('a');
  for (let at = 0; at < 20; at++) {
    network.tick('a');
    network.deliverAll();
  }
  t.equal(network.engine('a').role, 'follower');
  network.run(40);
  t.equal(network.leader?.id, 'a');
  t.equal(network.engine('a').commitIndex, network.engine('a').lastIndex, 'with what it had appended');
});
