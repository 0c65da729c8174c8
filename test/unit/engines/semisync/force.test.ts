import t from 'tap';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, { promotion: 'manual', ...options });
  network.run(3);
  return network;
}

/** Writes 2, 3, 4 are acknowledged by a with b, while c and d are away; then c leads by force. */
function lossy(cut = false): Network {
  const network = group('abcd');
  network.isolate('a', 'b');
  for (let at = 0; at < 3; at++) network.propose('a');
  network.settle();
  network.run(2);
  if (cut) for (const id of 'ab') network.checkpoint(id);
  network.isolate('c', 'd');
  network.promote('c', true);
  for (let at = 0; at < 35; at++)
    for (const id of 'cd') {
      network.tick(id);
      network.settle();
    }
  return network;
}

t.test('ap.md §1.3.5: force takes whoever answers in time, and says that this may lose writes', async (t) => {
  const network = lossy();
  t.match(network.member('c').promotions, [
    { refused: null, accepted: { term: 130, index: 2 }, promised: ['c', 'd'], required: 3, lossPossible: true },
  ]);
  t.equal(network.engine('c').commitIndex, 2, 'd is enough for W = 1');
  t.same([...network.checker.lost], ['2@64', '3@64', '4@64']);
});

t.test(
  'by force, too, nothing is acknowledged before half of the members know of it: the others may go on',
  async (t) => {
    const network = group('abcdef');
    network.isolate('c', 'd');
    t.ok(network.setQuorum('a', 3)?.accepted);
    network.settle();
    network.propose('a');
    network.run(3);
    t.equal(network.engine('a').commitIndex, 3);
    network.promote('c', true);
    network.run(35);
    t.match(network.member('c').promotions, [{ refused: null, promised: ['c', 'd'], required: 5, lossPossible: true }]);
    t.same(network.engine('c').acksOf(2 as never), { acks: 1, required: 2 }, 'W = 1 is not enough for the first entry');
    t.ok(network.propose('c')?.accepted);
    network.run(3);
    t.equal(network.engine('c').commitIndex, 1);
    // To them W is 3 and P is 4: they need neither c nor d, and lose nothing that anybody acknowledged.
    network.promote('b');
    network.run(5);
    t.match(network.member('b').promotions, [{ refused: null, required: 4, lossPossible: false }]);
    network.promote('e'); // With a ballot above the forced one.
    network.run(5);
    network.heal();
    network.run(10);
    t.equal(network.leader?.id, 'e');
    t.same(network.member('c').state, network.member('e').state);
    t.same(network.member('c').state.slice(0, 3), ['1@64', '2@64', '3@64']);
  },
);

t.test('ap.md §1.3.5: force with promises enough loses nothing, and says so', async (t) => {
  const network = group('abcd');
  network.crash('a');
  network.promote('c', true);
  network.run(3);
  t.match(network.member('c').promotions, [{ refused: null, promised: ['b', 'c', 'd'], lossPossible: false }]);
});

t.test(
  'ap.md §1.3.6: what was discarded is told by everybody who had it, exactly, with what was acknowledged',
  async (t) => {
    const network = lossy();
    network.heal();
    network.run(10);
    for (const id of 'ab') {
      t.same([...network.member(id).disk.lostWrites], ['2@64', '3@64', '4@64'], id);
      t.same(network.member(id).state, network.member('c').state, 'and replaced by a full sync');
      t.equal(network.engine(id).status().diverged, false);
    }
    t.same([...network.member('d').disk.lostWrites], []);
  },
);

t.test('ap.md §1.3.6: the tail that was never acknowledged is truncated, and told', async (t) => {
  const network = group('abc');
  network.isolate('a');
  network.propose('a');
  network.propose('a');
  network.settle();
  network.promote('b');
  network.run(5);
  network.heal();
  network.run(5);
  t.same([...network.member('a').disk.lostWrites], ['2@64', '3@64']);
  t.same(network.member('a').state, ['1@64', '2@129']);
  t.equal(network.checker.lost.size, 0, 'nothing that was acknowledged');
});

t.test('ap.md §1.3.6: what is in a checkpoint only is kept as a state', async (t) => {
  const network = lossy(true);
  network.heal();
  network.run(10);
  for (const id of 'ab') {
    t.ok(
      ['2@64', '3@64', '4@64'].every((key) => network.member(id).disk.lostWrites.has(key)),
      id,
    );
    t.same(network.member(id).state, network.member('c').state);
  }
});

t.test('who is rebuilt after force does not count towards P until it has what the leader has', async (t) => {
  const network = lossy();
  network.heal();
  network.lost = ({ type }) => type === 'snapshotChunk';
  network.run(4);
  t.equal(network.engine('a').status().diverged, true);
  t.same(network.member('a').disk.hardState, { term: 130, vote: null, commit: 4 });
  network.crash('a');
  network.restart('a');
  t.equal(network.engine('a').status().diverged, true, 'not even after a restart');
  network.promote('a');
  t.match(network.member('a').promotions, [{ refused: 'diverged' }]);
  network.crash('c');
  network.promote('d');
  network.run(35);
  t.match(network.member('d').promotions, [{ refused: 'not_enough_promises', promised: ['d'] }]);
  network.heal();
  network.restart('c');
  network.run(50);
  t.equal(network.leader?.id, undefined, 'c led last, but two of four are no P');
  network.promote('c', true);
  network.run(50);
  t.equal(network.leader?.id, 'c');
  t.match(network.member('c').promotions.at(-1), { lossPossible: true });
  t.equal(network.engine('a').status().diverged, false);
  t.same(network.member('a').disk.hardState?.vote, 'c');
});

t.test('by force even one that is being rebuilt leads: it may be all that is left', async (t) => {
  const network = lossy();
  network.heal();
  network.lost = ({ type }) => type === 'snapshotChunk';
  network.run(4);
  network.crash('c');
  network.crash('d');
  network.promote('b');
  t.match(network.member('b').promotions, [{ refused: 'diverged' }]);
  network.promote('b', true);
  network.run(40);
  t.match(network.member('b').promotions.at(-1), { refused: null, promised: ['b'], lossPossible: true });
  t.same(network.member('b').state.slice(0, 4), ['1@64', '2@64', '3@64', '4@64'], 'with its own history');
  network.heal();
  for (const id of 'cd') network.restart(id);
  network.run(60);
  const [first, ...others] = [...network.members.values()].map(({ state }) => state.join());
  t.ok(
    others.every((other) => other === first),
    'which is everybody’s now',
  );
  t.ok(network.member('c').disk.lostWrites.has('2@130'));
});
