import t from 'tap';
import type { OriginId, ReplicaId } from '../../../../src/base/brand.js';
import type { Requirement } from '../../../../src/engines/leaderless/events.js';
import { copyDisk, emptyDisk, incarnationOf, Network } from './network.js';

const A = incarnationOf('a', 1);
const B = incarnationOf('b', 2);

function at(count: number, ...members: string[]): Requirement {
  return [{ members: members as ReplicaId[], count }];
}

function result(net: Network, id: string, request: number): string | undefined {
  return net.member(id).ensured.get(request)?.result;
}

t.test('ap.md §1.2.5: a session waits for what it has seen, which is fetched at once', (t) => {
  const net = new Network(['a', 'b', 'c'], 1, { engine: 'causal' });
  net.run(5);
  net.lost = ({ to, type }) => to === 'c' && type === 'gossipDelta';
  net.write('a', 'k=1');
  net.settle();
  const seen = [{ origin: A, seq: 1 }];
  const request = net.ensure('c', seen);
  t.equal(result(net, 'c', request), undefined);
  net.heal();
  net.settle();
  t.equal(result(net, 'c', request), 'covered');
  t.same(net.member('c').ensured.get(request)?.missing, []);
  t.equal(result(net, 'c', net.ensure('c', seen)), 'covered', 'at once, when it is here');
  t.end();
});

t.test('a session is served by another member when the origin is gone', (t) => {
  const net = new Network(['a', 'b', 'c'], 2, { engine: 'lww' });
  net.run(5);
  net.lost = ({ to, type }) => to === 'c' && type === 'gossipDelta';
  net.write('a', 'k=1');
  net.settle();
  net.crash('a');
  net.heal();
  const request = net.ensure('c', [{ origin: A, seq: 1 }]);
  net.settle();
  t.equal(result(net, 'c', request), 'covered', 'b has it, and was asked at once');
  t.end();
});

t.test('ap.md §1.2.5: lost is only what nobody can ever bring', (t) => {
  const net = new Network(['a', 'b', 'c'], 3, { engine: 'causal' });
  net.write('a', 'k=1');
  net.run(5);
  const beyond = net.ensure('b', [{ origin: A, seq: 2 }]);
  t.equal(result(net, 'b', beyond), undefined, 'not before its origin was asked');
  net.settle();
  t.equal(result(net, 'b', beyond), 'lost', 'it has never written that');
  t.same(net.member('b').ensured.get(beyond)?.missing, [{ origin: A, seq: 2 }]);
  t.equal(result(net, 'a', net.ensure('a', [{ origin: A, seq: 9 }])), 'lost', 'nor have we, who would know');
  const stranger = net.ensure('b', [{ origin: 'z~1' as OriginId, seq: 1 }]);
  net.settle();
  t.equal(result(net, 'b', stranger), 'lost', 'nobody has ever heard of it');
  net.crash('a');
  const unreachable = net.ensure('b', [{ origin: A, seq: 2 }]);
  const unknown = net.ensure('b', [{ origin: 'z~1' as OriginId, seq: 1 }]);
  net.run(60);
  t.equal(result(net, 'b', unreachable), undefined, 'its origin may still bring it');
  t.equal(result(net, 'b', unknown), undefined, 'and somebody who is away may know it');
  net.restart('a', emptyDisk(9));
  net.run(60);
  t.equal(result(net, 'b', unreachable), 'lost', 'the folder is gone, and all the others have less');
  t.equal(result(net, 'b', unknown), 'lost');
  t.end();
});

t.test('ap.md §1.2.5: an owner that was set back does not speak for a member that is away', (t) => {
  const net = new Network(['a', 'b', 'c'], 9, { engine: 'causal', startGraceTicks: 10 });
  net.write('a', 'k=1');
  net.run(20);
  const copy = copyDisk(net.member('a').disk);
  net.lost = ({ to }) => to === 'b';
  net.write('a', 'k=2');
  net.run(20);
  t.equal(net.engine('c').vector.get(A), 2);
  net.crash('c');
  net.crash('a');
  net.heal();
  net.restart('a', copy); // It has written one batch, as far as it knows, and c cannot tell it of the other.
  net.run(60);
  t.ok(net.engine('a').writable);
  const request = net.ensure('b', [{ origin: A, seq: 2 }]);
  net.run(60);
  t.equal(result(net, 'b', request), undefined, 'c has it');
  net.restart('c');
  net.run(60);
  t.equal(result(net, 'b', request), 'covered');
  t.end();
});

t.test('ap.md §1.2.5: an owner that was set back does not speak for itself before it has heard everybody', (t) => {
  const net = new Network(['a', 'b', 'c'], 12, { engine: 'causal', startGraceTicks: 10 });
  net.write('a', 'k=1');
  net.run(20);
  const copy = copyDisk(net.member('a').disk);
  net.lost = ({ to }) => to === 'b';
  net.write('a', 'k=2');
  net.run(20);
  net.crash('a');
  net.lost = ({ from, to }) => from === 'c' || to === 'c';
  net.restart('a', copy);
  net.run(60);
  t.ok(net.engine('a').writable, 'it goes on without c');
  const request = net.ensure('a', [{ origin: A, seq: 2 }]);
  net.run(20);
  t.equal(result(net, 'a', request), undefined, 'c has it');
  net.heal();
  net.run(60);
  t.equal(result(net, 'a', request), 'covered');
  t.end();
});

t.test('ap.md §1.2.5: what the former life of an owner sent may still arrive', (t) => {
  const net = new Network(['a', 'b', 'c'], 13, { engine: 'lww', startGraceTicks: 10 });
  net.write('a', 'k=1');
  net.run(20);
  const copy = copyDisk(net.member('a').disk);
  net.write('a', 'k=2');
  net.persist('a');
  const late = net.wire.filter(({ to, type }) => to === 'c' && type === 'gossipDelta');
  t.equal(late.length, 1);
  net.crash('a');
  net.lost = ({ from, to }) => (from === 'a' && to === 'c') || (from === 'c' && to === 'a');
  net.restart('a', copy);
  net.run(60);
  t.ok(net.engine('a').writable, 'it goes on without c');
  const request = net.ensure('b', [{ origin: A, seq: 2 }]);
  net.run(60);
  t.equal(result(net, 'b', request), undefined, 'c says that it has nothing, and is about to get it');
  for (const message of late) net.deliver(message);
  net.run(20);
  t.equal(result(net, 'b', request), 'covered');
  net.heal();
  net.run(60);
  t.not(net.engine('a').origin, A);
  t.end();
});

t.test('ap.md §1.2.5: what nobody has is lost once its owner, set back, has heard everybody', (t) => {
  const net = new Network(['a', 'b', 'c'], 14, { engine: 'causal', startGraceTicks: 10 });
  net.write('a', 'k=1');
  net.run(20);
  const copy = copyDisk(net.member('a').disk);
  net.write('a', 'k=2');
  net.persist('a');
  net.crash('a');
  net.lost = ({ from, to }) => (from === 'a' && to === 'c') || (from === 'c' && to === 'a');
  net.restart('a', copy);
  net.run(60);
  const seen = [{ origin: A, seq: 2 }];
  const requests = [net.ensure('a', seen), net.ensure('b', seen)] as const;
  net.run(60);
  t.equal(result(net, 'a', requests[0]), undefined);
  t.equal(result(net, 'b', requests[1]), undefined);
  net.heal();
  net.run(40);
  t.equal(net.engine('a').origin, A, 'nobody knows more of it');
  t.equal(result(net, 'a', requests[0]), 'lost');
  t.equal(result(net, 'b', requests[1]), 'lost');
  t.end();
});

t.test('ap.md §1.2.5: nothing is lost while a member has it in memory', (t) => {
  const net = new Network(['a', 'b', 'c'], 10, { engine: 'lww' });
  net.run(20);
  net.lost = ({ to, type }) => to === 'c' && type === 'gossipDelta';
  net.write('a', 'k=1');
  net.persist('a');
  net.deliverAll();
  const request = net.ensure('c', [{ origin: A, seq: 1 }]);
  net.crash('a');
  net.wipe('a');
  for (let tick = 0; tick < 60; tick++) {
    for (const id of ['a', 'b', 'c']) net.tick(id);
    net.deliverAll();
    for (const id of ['a', 'c']) net.persist(id);
  }
  t.equal(net.engine('b').vector.get(A), undefined, 'its disk takes long');
  t.not(net.engine('a').origin, A);
  t.equal(result(net, 'c', request), undefined, 'b is about to have it');
  net.heal();
  net.run(40);
  t.equal(result(net, 'c', request), 'covered');
  t.end();
});

t.test('ap.md §1.2.5: nothing is lost by the word of a member that could still get it', (t) => {
  const net = new Network(['a', 'b', 'c'], 11, { engine: 'lww' });
  net.run(20);
  net.lost = ({ type }) => type === 'gossipDelta';
  net.write('a', 'k=1');
  net.persist('a');
  const request = net.ensure('c', [{ origin: A, seq: 1 }]);
  for (let round = 0; round < 5; round++) net.deliverAll(); // b says that it has nothing.
  net.lost = ({ from, to, type }) => to === 'c' && (from === 'b' || type === 'gossipDelta');
  net.run(40);
  t.equal(net.engine('b').vector.get(A), 1);
  net.crash('a');
  net.lost = ({ from, to, type }) => type === 'gossipDelta' || (from === 'b' && to === 'c');
  net.wipe('a');
  net.run(40);
  t.ok(net.engine('a').writable);
  t.equal(result(net, 'c', request), undefined, 'b has got it since');
  net.heal();
  net.run(40);
  t.equal(result(net, 'c', request), 'covered');
  t.end();
});

t.test('a write that has just been made elsewhere is not lost because an older word says so', (t) => {
  const net = new Network(['a', 'b'], 4, { engine: 'lww' });
  net.run(5);
  net.lost = ({ type }) => type === 'gossipDelta';
  net.step('a', { type: 'dropped', peer: 'b' as ReplicaId });
  for (let tick = 0; tick < 12; tick++) net.tick('a');
  const stale = net.wire; // a says that it has written nothing.
  t.ok(stale.some(({ type }) => type === 'gossipDigest'));
  net.wire = [];
  net.write('a', 'k=1');
  net.persist('a');
  const request = net.ensure('b', [{ origin: A, seq: 1 }]);
  for (const message of stale) net.deliver(message);
  t.equal(result(net, 'b', request), undefined);
  net.heal();
  net.run(40);
  t.equal(result(net, 'b', request), 'covered');
  t.end();
});

t.test('ap.md §1.1 levels: a write counts a member when it is durable there', (t) => {
  const net = new Network(['a', 'b', 'c'], 5, { engine: 'lww' });
  net.run(5);
  net.write('a', 'k=1');
  const dot = [{ origin: A, seq: 1 }];
  const quorum = net.ensure('a', dot, at(2, 'a', 'b', 'c'));
  const all = net.ensure('a', dot, at(3, 'a', 'b', 'c'));
  net.persist('a');
  net.deliverAll();
  net.deliverAll();
  t.equal(result(net, 'a', quorum), undefined, 'received is not durable');
  net.persist('b');
  net.deliverAll();
  t.equal(result(net, 'a', quorum), 'covered');
  t.equal(result(net, 'a', all), undefined);
  net.persist('c');
  net.deliverAll();
  t.equal(result(net, 'a', all), 'covered');
  t.end();
});

t.test('ap.md §1.1 read repair: whole ranges of the original writes are sent to those who were read', (t) => {
  const net = new Network(['a', 'b', 'c'], 6, { engine: 'lww' });
  net.run(5);
  net.lost = ({ to }) => to === 'c';
  for (let each = 1; each <= 5; each++) net.write('a', `k=${each}`);
  net.settle();
  net.crash('a');
  net.heal();
  const request = net.ensure('b', [{ origin: A, seq: 5 }], at(2, 'b', 'c'));
  net.settle();
  t.equal(result(net, 'b', request), 'covered');
  t.equal(net.member('c').machine.live.get('k'), '5');
  t.equal(net.engine('c').status().counters.gaps, 0);
  t.end();
});

t.test('requests that wait are bounded, and one that was released is never answered', (t) => {
  const net = new Network(['a', 'b'], 7, { engine: 'lww', limits: { ensures: 2 } });
  net.run(5);
  net.lost = ({ type }) => type === 'gossipDelta';
  net.write('b', 'k=1');
  net.settle();
  const dot = [{ origin: B, seq: 1 }];
  const [one, two, three] = [net.ensure('a', dot), net.ensure('a', dot), net.ensure('a', dot)];
  t.equal(result(net, 'a', three), 'busy');
  net.step('a', { type: 'release', id: one });
  net.heal();
  net.run(30);
  t.equal(result(net, 'a', two), 'covered');
  t.equal(result(net, 'a', one), undefined);
  t.end();
});

t.test('ap.md §1.2.5: an answer to a former life of ours says nothing about what was asked since', (t) => {
  const net = new Network(['a', 'b', 'c'], 8, { engine: 'causal' });
  net.write('a', 'k=1');
  net.run(30);
  const word = net.log.findLast(({ from, to, type }) => from === 'a' && to === 'c' && type === 'gossipDigest');
  t.equal(word?.type, 'gossipDigest', 'a has spoken to c');
  if (word?.type !== 'gossipDigest') return;
  net.lost = ({ to }) => to === 'c';
  net.write('a', 'k=2');
  net.settle();
  const request = net.ensure('c', [{ origin: A, seq: 2 }]);
  // Rounds are numbered from a random number in each life: those of the one before may be higher.
  net.step('c', { type: 'message', message: { ...word, round: word.round + 1, answers: 2 ** 33 } });
  net.settle();
  t.equal(result(net, 'c', request), undefined, 'it may have been written since');
  net.heal();
  net.run(40);
  t.equal(result(net, 'c', request), 'covered');
  t.end();
});
