import t from 'tap';
import type { LogIndex, Term } from '../../../../src/base/brand.js';
import { openingOf, openingPayload, readOpening } from '../../../../src/engines/semisync/opening.js';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, { promotion: 'manual', ...options });
  network.run(3);
  return network;
}

const outcome = (network: Network, id: string): ReturnType<Network['member']>['promotions'][number] | undefined =>
  network.member(id).promotions.at(-1);

/** Every write takes all followers; one of them is gone for good, and one write is open. */
function stuck(ids: string): Network {
  const network = group(ids, { writeQuorum: ids.length - 1 });
  network.propose('a');
  network.run(2);
  network.crash(ids.at(-1) ?? '');
  network.propose('a');
  network.run(11); // Until it does not count as available.
  return network;
}

t.test(
  'where followers are gone for good, the leader is promoted again with a write quorum that is left',
  async (t) => {
    const network = stuck('abc');
    const refused = { reason: 'not_enough_replicas', available: 1, required: 2 } as const;
    t.match(network.propose('a')?.refused, refused);
    t.match(network.setQuorum('a', 1)?.refused, refused, 'the change itself takes what cannot be had (ap.md §1.3.4)');
    t.equal(network.engine('a').commitIndex, 2);
    network.promote('a', true, 1);
    network.run(3);
    t.match(outcome(network, 'a'), {
      refused: null,
      accepted: { term: 128, index: 4 },
      promised: ['a', 'b'],
      required: 2,
      lossPossible: false,
    });
    t.same(network.engine('a').quorumAt(4 as LogIndex), { index: 4, writeQuorum: 1, forcedTerm: 0 }, 'nothing is lost');
    t.equal(network.engine('a').commitIndex, 4, 'what was open is taken along: its own two followers are never found');
    t.ok(network.propose('a')?.accepted);
    network.run(3);
    t.equal(network.engine('a').commitIndex, 5);
    network.restart('c');
    network.run(5);
    t.same(network.member('c').state, network.member('a').state, 'who comes back after all catches up');
    t.same([...network.member('c').disk.lostWrites], []);
    t.notOk(network.checker.forced);
  },
);

t.test('the leader stops before it stands again: reads and writes that are under way have to wait', async (t) => {
  const network = stuck('abc');
  network.isolate('a');
  network.read('a');
  network.promote('a', true, 1);
  t.equal(network.engine('a').role, 'pre-candidate');
  t.match(network.member('a').reads.at(-1), { refused: 'not_leader' });
  t.match(network.propose('a')?.refused, { reason: 'not_leader' });
  network.run(40);
  t.match(outcome(network, 'a'), { refused: null, promised: ['a'], required: 2, lossPossible: true });
  t.equal(network.engine('a').commitIndex, 2, 'alone it acknowledges nothing');
});

t.test('a promotion sets the write quorum by force only, and only to what the group can have', async (t) => {
  const network = group('abc');
  for (const [force, writeQuorum] of [[false, 1] as const, [true, 3] as const, [true, 0] as const]) {
    network.promote('b', force, writeQuorum);
    t.match(outcome(network, 'b'), { refused: 'invalid', accepted: null }, `force ${force}, ${writeQuorum}`);
  }
  network.promote('a', true);
  t.match(outcome(network, 'a'), { refused: 'already_leader' }, 'without a write quorum there is nothing to do');
  t.equal(network.engine('a').term, 64);
});

t.test(
  'half of the members know the new write quorum before anything is acknowledged, as few as it may be',
  async (t) => {
    const network = group('abcde', { writeQuorum: 4 });
    network.promote('a', true, 1);
    network.lost = ({ to, type }) => type === 'appendRequest' && to !== 'b';
    network.run(5);
    t.match(outcome(network, 'a'), { refused: null, lossPossible: false });
    t.same(network.engine('a').acksOf(2 as LogIndex), { acks: 1, required: 2 });
    t.equal(network.engine('a').commitIndex, 1);
    network.lost = ({ to, type }) => type === 'appendRequest' && (to === 'd' || to === 'e');
    network.run(5);
    t.equal(network.engine('a').commitIndex, 2);
    network.isolate('a', 'b');
    network.propose('a');
    network.run(3);
    t.equal(network.engine('a').commitIndex, 3, 'from now on one follower is enough');
    network.promote('d');
    network.run(40);
    t.match(
      outcome(network, 'd'),
      { refused: 'not_enough_promises', required: 4 },
      'c tells the others: W is 1 (§1.3.4)',
    );
    network.heal();
    network.promote('d');
    network.run(5);
    t.match(outcome(network, 'd'), { refused: null, lossPossible: false });
  },
);

t.test('a write quorum that is raised so takes as many followers for the first entry, too', async (t) => {
  const network = group('abcde', { writeQuorum: 1 });
  network.promote('a', true, 3);
  network.lost = ({ to, type }) => type === 'appendRequest' && (to === 'd' || to === 'e');
  network.run(5);
  t.same(network.engine('a').acksOf(2 as LogIndex), { acks: 2, required: 3 });
  network.heal();
  network.run(5);
  t.equal(network.engine('a').commitIndex, 2);
  t.match(network.engine('a').status(), { writeQuorum: 3, promises: 3 });
});

t.test('whoever leads next takes along what was open as well: the new write quorum is in its log', async (t) => {
  const network = stuck('abcde');
  network.promote('a', true, 1);
  network.lost = ({ type }) => type === 'appendResponse';
  network.run(3);
  t.equal(network.engine('a').commitIndex, 2, 'it has not heard that the others have it');
  network.crash('a');
  network.heal();
  network.promote('b', true);
  network.run(40);
  t.match(outcome(network, 'b'), { refused: null, promised: ['b', 'c', 'd'], required: 4, lossPossible: true });
  t.equal(network.engine('b').commitIndex, 5, 'b, c and d have all of it; the write needed four followers');
  network.restart('a');
  network.run(5);
  t.same(network.member('a').state, network.member('b').state);
});

t.test('with too few promises the epoch says both: what may be missing, and the write quorum', async (t) => {
  const network = group('abcd', { writeQuorum: 2 });
  network.isolate('c', 'd');
  network.propose('a');
  network.run(2);
  network.promote('c', true, 1);
  network.run(40);
  t.match(outcome(network, 'c'), { refused: null, promised: ['c', 'd'], required: 3, lossPossible: true });
  t.same(network.engine('c').quorumAt(2 as LogIndex), { index: 2, writeQuorum: 1, forcedTerm: 130 });
  t.equal(network.engine('c').commitIndex, 2);
  network.checkpoint('c');
  for (const id of 'cd') {
    network.crash(id);
    network.restart(id);
    const { writeQuorum } = network.engine(id).quorumAt(network.engine(id).lastIndex);
    t.equal(writeQuorum, 1, `${id} knows it after a restart, from its log or its checkpoint`);
  }
});

t.test('how an epoch began is read back, and nothing else is read at all', async (t) => {
  for (const lossPossible of [true, false]) {
    for (const writeQuorum of [null, 0, 1, 5]) {
      const opening = { lossPossible, writeQuorum };
      const payload = openingPayload(opening);
      t.same(readOpening(payload, 5), opening);
      t.same(openingOf({ kind: 'noop', payload }), opening);
    }
  }
  t.equal(openingPayload({ lossPossible: false, writeQuorum: null }).length, 0, 'most epochs begin with nothing');
  for (const bytes of [[0], [2], [2, 1], [0, 6], [1, 1, 1]]) {
    t.equal(readOpening(Uint8Array.from(bytes), 5), null, bytes.join());
  }
  t.same(openingOf({ kind: 'commands', payload: Uint8Array.of(1, 1) }), { lossPossible: false, writeQuorum: null });
});

t.test('raft.md A7: a first entry that no leader writes never gets into the log', async (t) => {
  const network = group('abc');
  const { term } = network.engine('a');
  const entry = { index: 2 as LogIndex, term, kind: 'noop', payload: Uint8Array.of(0, 3) } as const;
  const head = { type: 'appendRequest', from: network.member('a').id, to: network.member('b').id, term } as const;
  const prev = { prevIndex: 1 as LogIndex, prevTerm: 64 as Term, commit: 0 as LogIndex };
  network.deliver({ ...head, ...prev, entries: [entry] });
  t.equal(network.engine('b').lastIndex, 1);
});
