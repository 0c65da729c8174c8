import t from 'tap';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, options);
  network.run(3);
  return network;
}

/** A write that is committed. */
function write(network: Network, id = 'a'): void {
  network.propose(id);
  network.settle();
  network.run(2);
}

const outcome = (network: Network, id: string): ReturnType<Network['member']>['promotions'][number] | undefined =>
  network.member(id).promotions.at(-1);

t.test(
  'ap.md §1.3.5: an operator promotes a follower of a live leader; nothing is lost, not even what was open',
  async (t) => {
    const network = group('abcd', { promotion: 'manual' });
    write(network);
    network.isolate('a', 'b');
    network.propose('a'); // On a and b.
    network.settle();
    network.heal();
    network.promote('c');
    network.settle();
    t.equal(network.leader?.id, 'c');
    t.match(outcome(network, 'c'), {
      refused: null,
      accepted: { term: 130, index: 4 },
      required: 3,
      lossPossible: false,
    });
    network.run(3);
    t.equal(network.engine('a').leader, 'c');
    t.equal(network.engine('c').commitIndex, 4);
    t.same(
      network
        .engine('c')
        .epochs()
        .map(({ leader, startIndex, term }) => [term, leader, startIndex]),
      [
        [64, 'a', 1],
        [130, 'c', 4],
      ],
    );
    t.equal(network.checker.discarded, 0);
  },
);

t.test('ap.md §1.3.5: without P promises nobody is disturbed', async (t) => {
  const network = group('abcd', { promotion: 'manual' });
  network.isolate('a', 'b');
  network.run(2);
  network.promote('c');
  network.run(40);
  t.match(outcome(network, 'c'), { refused: 'not_enough_promises', promised: ['c', 'd'], required: 3 });
  t.equal(network.engine('c').term, 64, 'no ballot was taken');
  network.heal();
  network.run(4);
  t.equal(network.leader?.id, 'a');
  t.equal(network.engine('c').leader, 'a');
  t.ok(network.propose('a')?.accepted);
});

t.test('ap.md §1.3.5: the greatest log is adopted, by epoch and then by length', async (t) => {
  const network = group('abcd');
  network.isolate('a', 'b');
  for (let at = 0; at < 12; at++) network.propose('a'); // More than one message holds.
  network.settle();
  network.crash('a');
  network.heal();
  network.promote('c');
  network.run(40);
  t.equal(network.leader?.id, 'c');
  t.equal(network.engine('c').commitIndex, 14, 'what b had was fetched');
});

t.test('ap.md §1.3.3: what the owner of the greatest log has cut is fetched as a snapshot', async (t) => {
  const network = group('abcd', { promotion: 'manual' });
  network.isolate('c');
  for (let at = 0; at < 5; at++) write(network);
  network.checkpoint('b');
  network.propose('a');
  network.settle();
  network.crash('a');
  network.heal();
  network.promote('c');
  network.run(40);
  t.match(outcome(network, 'c'), { refused: null });
  t.equal(network.engine('c').commitIndex, 8);
  t.ok(network.engine('c').firstIndex > 6, 'from a snapshot');
});

t.test('ap.md §1.3.5: automatic: a leader that is gone is replaced, one that lives is not', async (t) => {
  const network = group('abc');
  network.run(100);
  t.equal(network.engine('a').term, 64, 'nobody stands while the leader is heard');
  network.lost = ({ from, to }) => [from, to].join() === 'a,c' || [from, to].join() === 'c,a';
  network.run(100);
  t.equal(network.engine('c').term, 64, 'c hears nothing, but b does, and P is two');
  t.equal(network.engine('a').role, 'leader');
  network.heal();
  network.crash('a');
  network.run(60);
  t.ok(network.leader);
  t.not(network.leader?.id, 'a');
  t.ok(network.propose(network.leader?.id ?? '')?.accepted);
});

t.test(
  'ap.md §1.3.5: manual: nobody replaces a leader by itself; one that comes back takes its place again',
  async (t) => {
    const network = group('abc', { promotion: 'manual' });
    write(network);
    network.crash('a');
    network.run(100);
    t.equal(network.leader, undefined);
    network.restart('a');
    network.run(3);
    t.equal(network.leader?.id, 'a');
    t.equal(network.engine('a').term, 128, 'with a new ballot: it may have sent what its disk lost');
    network.promote('b');
    network.run(3);
    network.crash('b');
    network.run(100);
    t.equal(network.leader, undefined, 'a led an older epoch only');
    network.restart('b');
    network.run(3);
    t.equal(network.leader?.id, 'b');
  },
);

t.test('ap.md §1.3.5: a promise is on disk before it is told, and holds after a crash', async (t) => {
  const network = group('abc', { promotion: 'manual' });
  network.isolate('a');
  network.promote('b');
  network.deliverAll();
  network.deliverAll();
  network.persist('b'); // Its own ballot.
  network.deliverAll(); // c is asked.
  t.equal(network.engine('c').term, 129);
  t.equal(network.wire.length, 0, 'c says nothing yet');
  network.persist('c');
  t.match(network.wire, [{ type: 'promiseResponse', ask: false, granted: true, term: 129 }]);
  network.crash('c');
  network.restart('c');
  t.equal(network.engine('c').term, 129);
  network.wire = [];
  network.heal();
  network.propose('a');
  network.deliverAll(({ to }) => to === 'c');
  network.persist('c');
  t.match(
    network.wire.filter(({ from }) => from === 'c').map(({ type }) => type),
    ['fenced'],
    'the old leader is refused',
  );
});

t.test('ap.md §1.3.5: a ballot whose epoch has begun is used up; before that a copy is answered again', async (t) => {
  const network = group('abc');
  const request = {
    type: 'promiseRequest',
    from: 'c',
    to: 'b',
    term: 130,
    ask: false,
    wanted: true,
    lastTerm: 64,
  } as const;
  const promises = (): number => network.wire.filter(({ type }) => type === 'promiseResponse').length;
  for (let copy = 0; copy < 2; copy++) {
    network.deliver(request as never);
    network.persist('b');
  }
  t.equal(promises(), 2);
  const entries = [{ index: 2, term: 130, kind: 'noop', payload: new Uint8Array(0) }];
  const head = { from: 'c', to: 'b', term: 130, prevIndex: 1, prevTerm: 64, commit: 1 };
  network.deliver({ type: 'appendRequest', ...head, entries } as never);
  network.persist('b');
  network.deliver(request as never);
  network.persist('b');
  t.equal(promises(), 2);
});

t.test('ap.md §1.3.5: a leader steps down before it answers anything that is under way', async (t) => {
  const network = group('abc');
  const accepted = network.propose('a')?.accepted;
  network.read('a');
  network.persist('a');
  network.deliverAll(({ to }) => to === 'b');
  network.persist('b'); // Its acknowledgement is on the way.
  const ack = network.wire.find(({ type }) => type === 'appendResponse');
  network.deliver({ type: 'fenced', from: 'c', to: 'a', term: 130 } as never);
  if (ack !== undefined) network.deliver(ack);
  t.equal(network.engine('a').role, 'follower');
  t.equal(network.engine('a').commitIndex, (accepted?.index ?? 0) - 1, 'its outcome is unknown to a');
  t.same(
    network.member('a').reads.map(({ refused }) => refused),
    ['not_leader'],
  );
});

t.test('ap.md §1.3.5: nothing of an older epoch is committed but by an entry of its own', async (t) => {
  const network = group('abcd', { promotion: 'manual', writeQuorum: 2 });
  network.isolate('a', 'b');
  network.propose('a');
  network.settle();
  network.crash('a');
  network.heal();
  network.promote('b');
  for (let at = 0; at < 4; at++) {
    network.deliverAll(({ type }) => type !== 'appendRequest');
    for (const id of 'bcd') network.persist(id);
  }
  t.equal(network.engine('b').role, 'leader');
  // c and d take the entry of the older epoch, and not the no-op.
  const [entry] = network.member('b').disk.entries.slice(1, 2);
  const appends = network.wire.filter(({ to, type }) => type === 'appendRequest' && to !== 'a');
  network.wire = [];
  for (const append of appends) {
    network.deliver({ ...append, prevIndex: 1, prevTerm: 64, entries: [entry] } as never);
    network.persist(append.to);
  }
  network.deliverAll();
  t.same(network.engine('b').acksOf(2 as never), { acks: 2, required: 2 });
  t.equal(network.engine('b').commitIndex, 1);
  network.run(2);
  t.equal(network.engine('b').commitIndex, 3);
});

t.test('a promotion that cannot begin says why', async (t) => {
  const network = group('abc');
  network.promote('a');
  t.match(outcome(network, 'a'), { refused: 'already_leader' });
  network.isolate('b');
  network.promote('b');
  network.promote('b');
  t.match(outcome(network, 'b'), { refused: 'busy' });
  network.run(31);
  t.match(outcome(network, 'b'), { refused: 'not_enough_promises', promised: ['b'], required: 2 });
});

t.test('the first epoch is left to the member that the topology names, for a while', (t) => {
  const late = new Network(['b', 'a', 'c'], 1);
  late.isolate('b'); // The others are there before it can be heard.
  late.run(25);
  t.equal(late.leader, undefined);
  late.heal();
  late.run(25);
  t.equal(late.leader?.id, 'b');
  const gone = new Network(['b', 'a', 'c', 'd'], 1, { writeQuorum: 2 });
  gone.member('b').alive = false;
  gone.run(120);
  t.ok(gone.leader !== undefined, 'not for ever');
  t.end();
});
