import t from 'tap';
import type { ReplicaId } from '../../../../src/base/brand.js';
import { copyDisk, emptyDisk, incarnationOf, Network } from './network.js';

const A = incarnationOf('a', 1);

/** Writes of `a` until its folder is copied, and more that others know of. */
function rolledBack(seed: number, options: { readonly others?: boolean } = {}): Network {
  const net = new Network(['a', 'b', 'c'], seed, { engine: 'causal', startGraceTicks: 100 });
  for (let at = 0; at < 5; at++) net.write('a', `k${at}=old`);
  net.run(20);
  const copy = copyDisk(net.member('a').disk);
  for (let at = 0; at < 3; at++) net.write('a', `k${at}=new`);
  if (options.others === true) net.lost = ({ to }) => to === 'c';
  net.run(20);
  net.crash('a');
  net.heal();
  net.start('a', copy);
  return net;
}

t.test('ap.md §1.0.1 rule 2: a disk that went back in time is found out before a write', (t) => {
  const net = rolledBack(1);
  const parked = net.write('a', 'k9=after');
  t.notOk(net.member('a').written.has(parked), 'not before the others were heard');
  net.connect('a');
  net.settle();
  t.equal(net.member('a').renewals.length, 1);
  t.match(net.member('a').renewals[0], /others have 8 batches of a~0000000000000001, we 5/);
  t.not(net.engine('a').origin, A);
  const dot = net.member('a').written.get(parked)?.dot;
  t.same(dot, { origin: net.engine('a').origin, seq: 1 }, 'no position stands for two writes');
  net.converge(50);
  t.equal(net.engine('a').vector.get(A), 8, 'the forgotten writes are fetched back');
  for (const { machine } of net.members.values()) {
    t.equal(machine.live.get('k0'), 'new');
    t.equal(machine.live.get('k9'), 'after');
  }
  t.equal(net.engine('a').status().counters.renewals, 1);
  t.end();
});

t.test('ap.md §1.0.1 rule 2: all who can be reached are asked, not only the first', (t) => {
  const net = rolledBack(2, { others: true });
  net.lost = ({ from }) => from === 'b';
  net.connect('a');
  net.settle();
  t.notOk(net.engine('a').writable, 'c knows no more than we do; b may');
  net.heal();
  net.run(15);
  t.equal(net.member('a').renewals.length, 1);
  t.ok(net.engine('a').writable);
  net.converge(50);
  t.equal(net.engine('c').vector.get(A), 8);
  t.end();
});

t.test('ap.md §1.0.1 rule 2: who has a new folder speaks for nobody who is away', (t) => {
  const net = rolledBack(5);
  net.crash('b');
  net.wipe('c');
  net.connect('a');
  const parked = net.write('a', 'k9=after');
  net.run(60);
  t.notOk(net.engine('a').writable, 'nor does what it was just told by us');
  net.restart('b');
  net.run(20);
  t.equal(net.member('a').renewals.length, 1);
  t.equal(net.member('a').written.get(parked)?.dot?.origin, net.engine('a').origin);
  t.not(net.engine('a').origin, A);
  net.converge(50);
  t.equal(net.engine('c').vector.get(A), 8);
  t.end();
});

t.test('ap.md §1.0.1 rule 2: who holds more of us in memory than on its disk has another word to say', (t) => {
  const net = new Network(['a', 'b'], 6, { engine: 'causal', startGraceTicks: 100 });
  net.write('a', 'k=old');
  net.run(20);
  const copy = copyDisk(net.member('a').disk);
  net.write('a', 'k=new');
  net.persist('a');
  net.deliverAll();
  net.crash('a');
  net.start('a', copy);
  const parked = net.write('a', 'k9=after');
  net.connect('a');
  for (let at = 0; at < 30; at++) {
    net.tick('a');
    net.tick('b');
    net.deliverAll();
    net.persist('a');
  }
  t.equal(net.engine('b').vector.get(A), 1, 'its disk is slow');
  t.notOk(net.engine('a').writable);
  net.run(15);
  t.equal(net.member('a').renewals.length, 1);
  t.same(net.member('a').written.get(parked)?.dot, { origin: net.engine('a').origin, seq: 1 });
  t.not(net.engine('a').origin, A);
  net.converge(50);
  t.equal(net.member('a').machine.live.get('k'), 'new');
  t.end();
});

t.test('a start that nobody answers goes on alone after the grace', (t) => {
  const net = new Network(['a', 'b'], 3, { engine: 'lww', startGraceTicks: 30 });
  net.write('a', 'k=1');
  net.run(5);
  net.crash('b');
  net.crash('a');
  net.start('a', net.member('a').disk);
  const parked = net.write('a', 'k=2');
  net.tick('a', 29);
  t.equal(net.engine('a').state, 'starting');
  t.ok(net.engine('a').syncing);
  net.tick('a', 2);
  t.equal(net.engine('a').state, 'ready');
  net.settle();
  t.ok(net.member('a').written.get(parked)?.dot);
  t.equal(net.member('a').machine.live.get('k'), '2');
  t.end();
});

t.test('ap.md §1.0.1: a folder older than its last renewal learns of it', (t) => {
  const net = rolledBack(4);
  const older = copyDisk(net.member('a').disk);
  older.boot = 1;
  net.connect('a');
  net.converge(50);
  net.write('a', 'k=renewed');
  net.run(20);
  const renewed = net.engine('a').origin;
  net.crash('a');
  older.incarnation = 1;
  net.restart('a', older);
  net.run(40);
  t.equal(net.member('a').renewals.length, 2);
  t.ok(net.engine('a').origin > renewed);
  net.write('a', 'k=last');
  net.settle();
  t.equal(net.member('b').machine.live.get('k'), 'last');
  t.end();
});

t.test('a new folder whose clock went back comes after the former one, which never wrote', (t) => {
  const net = new Network(['a', 'b', 'c'], 7, { engine: 'causal' });
  net.write('a', 'k=1');
  net.run(30);
  const former = net.engine('c').origin;
  net.crash('c');
  net.restart('c', emptyDisk(2)); // The former one was the third.
  const parked = net.write('c', 'k=2');
  net.converge(100);
  t.ok(net.engine('c').origin > former, 'others would take its word for old');
  t.equal(net.member('c').written.get(parked)?.dot?.origin, net.engine('c').origin, 'nothing was written before');
  for (const { machine } of net.members.values()) t.equal(machine.live.get('k'), '2');
  t.end();
});

t.test('ap.md §1.0.6: a word with a clock that nobody can have counted to lets nobody begin to write', (t) => {
  const net = new Network(['a', 'b'], 21, { engine: 'causal' });
  for (let at = 0; at < 3; at++) net.write('b', `k${at}=old`);
  net.run(20);
  net.crash('a');
  net.wipe('a');
  net.wire = net.wire.filter(({ to, type }) => to !== 'a' || type !== 'gossipDigest');
  net.lost = ({ to }) => to === 'a';
  const word = net.log.findLast(({ from, type }) => from === 'b' && type === 'gossipDigest');
  if (word?.type !== 'gossipDigest') throw new Error('b has told something');
  t.notOk(word.syncing);
  net.deliver({ ...word, round: word.round + 1000, counter: 2 ** 51, clock: 2 ** 51 });
  net.run(5);
  t.notOk(net.engine('a').writable);
  net.heal();
  net.step('a', { type: 'peerUp', peer: 'b' as ReplicaId });
  net.step('b', { type: 'peerUp', peer: 'a' as ReplicaId });
  net.run(40);
  t.ok(net.engine('a').writable, 'the true one does');
  t.ok(net.engine('a').counter >= net.engine('b').durableCounter);
  t.end();
});
