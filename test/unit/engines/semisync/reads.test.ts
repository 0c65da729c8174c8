import t from 'tap';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, { promotion: 'manual', ...options });
  network.run(3);
  return network;
}

t.test('ap.md §1.3.5: a strong read waits until the ballot is confirmed', async (t) => {
  const network = group('abcdef', { writeQuorum: 2 });
  network.read('a');
  t.same(network.member('a').reads, []);
  network.deliverAll(({ type }) => type === 'epochHeartbeat');
  const answers = network.wire.filter(({ type }) => type === 'epochHeartbeatResponse');
  const [first, second] = answers;
  t.equal(answers.length, 5, 'they wait for no disk');
  if (first === undefined || second === undefined) return;
  network.deliver(first);
  t.same(network.member('a').reads, [], 'P is four of six: two followers must confirm');
  network.deliver(first);
  t.same(network.member('a').reads, [], 'a copy is not a second one');
  network.deliver(second);
  t.match(network.member('a').reads, [{ index: 1, refused: null }]);
});

t.test('raft.md L1: none before the no-op of the epoch is committed', async (t) => {
  const network = group('abc');
  network.promote('b');
  for (let at = 0; at < 8 && network.engine('b').role !== 'leader'; at++) {
    network.deliverAll();
    network.persist('b');
    network.persist('c');
  }
  t.equal(network.engine('b').role, 'leader');
  network.read('b');
  t.same(network.member('b').reads, []);
  network.settle();
  t.match(network.member('b').reads, [{ index: 2, refused: null }]);
});

t.test('reads that nobody confirms are refused; followers confirm none', async (t) => {
  const network = group('abc', { limits: { pendingReads: 2 } });
  network.read('b');
  t.match(network.member('b').reads, [{ index: null, refused: 'not_leader' }]);
  network.isolate('a');
  for (let at = 0; at < 3; at++) network.read('a');
  t.match(network.member('a').reads, [{ refused: 'busy' }]);
  network.run(85);
  t.same(
    network.member('a').reads.map(({ refused }) => refused),
    ['busy', 'unconfirmed', 'unconfirmed'],
  );
});

t.test('ap.md §1.3.7: bounded staleness is counted in the follower’s own time, from a confirmed round', async (t) => {
  const network = group('abc');
  network.run(8);
  const fresh = network.engine('b').stalenessTicks();
  t.ok(fresh <= 6, `${fresh} ticks: a round trip, and a heartbeat more`);
  network.lost = ({ to, type }) => to === 'b' && type === 'appendRequest';
  network.propose('a');
  network.run(20);
  t.equal(network.engine('b').stalenessTicks() >= 15, true, 'heartbeats alone do not make it fresh');
  network.heal();
  network.run(8);
  t.ok(network.engine('b').stalenessTicks() <= 6);
  network.tick('a', 2);
  const [heartbeat] = network.wire.filter(({ to, type }) => type === 'epochHeartbeat' && to === 'b');
  network.step('b', { type: 'stalled' });
  t.equal(network.engine('b').stalenessTicks(), Number.POSITIVE_INFINITY, 'a pause takes it away');
  t.ok(heartbeat);
  if (heartbeat !== undefined) network.deliver(heartbeat);
  t.equal(network.engine('b').stalenessTicks(), Number.POSITIVE_INFINITY, 'and what was vouched for before it');
  network.run(8);
  t.ok(network.engine('b').stalenessTicks() <= 6);
  network.crash('b');
  network.restart('b');
  t.equal(network.engine('b').stalenessTicks(), Number.POSITIVE_INFINITY);
});

t.test('ap.md §1.3.7: a leader that was replaced vouches for nothing', async (t) => {
  const network = group('abcde', { writeQuorum: 2 });
  network.run(8);
  network.isolate('a', 'b'); // b goes on hearing its leader.
  network.promote('c');
  network.run(20);
  t.equal(network.leader?.id, 'c');
  t.equal(network.engine('b').leader, 'a');
  t.ok(network.engine('b').stalenessTicks() >= 19, 'it takes three of five to confirm');
});
