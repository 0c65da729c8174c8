import t from 'tap';
import type { OriginId, ReplicaId } from '../../../../src/base/brand.js';
import type { GossipDelta, LeaderlessMessage } from '../../../../src/engines/leaderless/messages.js';
import { incarnationOf, Network } from './network.js';

const A = incarnationOf('a', 1);
const B = incarnationOf('b', 2);

function deltas(log: readonly LeaderlessMessage[]): GossipDelta[] {
  return log.filter((message) => message.type === 'gossipDelta');
}

/** Bytes of batches in `log`. */
function payloadBytes(log: readonly LeaderlessMessage[]): number {
  return deltas(log)
    .flatMap(({ batches }) => batches)
    .reduce((sum, { encoded }) => sum + encoded.length, 0);
}

t.test('ap.md §1.0.4: writes reach everybody at once, and tombstones go when they are stable', (t) => {
  const net = new Network(['a', 'b', 'c'], 1, { engine: 'causal' });
  net.run(5);
  for (const id of ['a', 'b', 'c']) t.equal(net.engine(id).state, 'ready', id);
  net.write('a', 'x=1');
  net.write('b', 'y=1');
  net.settle();
  t.ok(net.converged, 'without a tick');
  net.write('c', 'x');
  net.settle();
  t.ok(net.converged);
  t.equal(net.member('a').machine.tombstones, 1);
  net.run(100);
  t.equal(net.member('a').machine.tombstones, 0);
  t.equal(net.engine('a').stable, 2);
  t.same(net.engine('a').status().stableBlockedBy, []);
  t.end();
});

t.test(
  'ap.md §1.1 catch-up: stop C, write on A and B, restart C: it gets what it lacks, once, without a write',
  (t) => {
    for (const engine of ['lww', 'causal'] as const) {
      const net = new Network(['a', 'b', 'c'], 2, { engine });
      net.write('c', 'c=0');
      net.run(20);
      net.crash('c');
      for (let at = 0; at < 300; at++) {
        net.write('a', `a${at}=${at}`);
        net.write('b', `b${at}=${at}`);
        if (at % 10 === 0) net.settle();
      }
      net.run(10);
      t.not(net.engine('a').vector.get(A), 0);
      const missing = ['a', 'b'].flatMap((id) => net.member(id).disk.logs.get(net.engine(id).origin)?.batches ?? []);
      const missingBytes = missing.reduce((sum, { encoded }) => sum + encoded.length, 0);
      net.log.length = 0;
      net.restart('c');
      t.equal(net.engine('c').state, 'starting');
      net.settle();
      t.ok(net.converged, 'on connect, before the first tick');
      t.equal(net.engine('c').state, 'ready');
      t.ok(payloadBytes(net.log) <= missingBytes * 1.1, `${payloadBytes(net.log)} bytes for ${missingBytes}`);
      net.log.length = 0;
      net.run(60);
      t.equal(deltas(net.log).length, 0, 'a second round has nothing to send');
      t.equal(net.engine('c').status().counters.duplicates, 0);
      for (const id of ['a', 'b', 'c']) t.equal(net.member(id).mismatches, 0);
    }
    t.end();
  },
);

t.test('ap.md §1.0.3: members relay: C catches up from B after A died', (t) => {
  const net = new Network(['a', 'b', 'c'], 3, { engine: 'causal' });
  net.run(5);
  net.crash('c');
  for (let at = 0; at < 50; at++) net.write('a', `k${at}=1`);
  net.settle();
  net.crash('a');
  net.restart('c');
  net.run(20);
  t.equal(net.engine('c').vector.get(A), 50);
  t.ok(net.converged);
  t.end();
});

t.test('ap.md §1.0.4: deltas keep to their budget, oldest first, and origins take turns', (t) => {
  const limits = { deltaBatches: 10, deltaBytes: 300 };
  const net = new Network(['a', 'b', 'c', 'd'], 4, { engine: 'lww', limits });
  net.run(5);
  net.crash('d');
  for (let at = 0; at < 200; at++) net.write('a', `a${at}=1`);
  for (let at = 0; at < 5; at++) net.write('b', `b${at}=1`);
  net.settle();
  net.crash('a');
  net.crash('b');
  net.log.length = 0;
  net.restart('d');
  net.settle();
  t.equal(net.engine('d').vector.get(A), 200);
  const sent = deltas(net.log).filter(({ from }) => from === 'c');
  for (const { batches } of sent) {
    t.ok(batches.length <= 10 && batches.reduce((sum, { encoded }) => sum + encoded.length, 0) <= 300);
  }
  const next = new Map<OriginId, number>();
  for (const { origin, seq } of sent.flatMap(({ batches }) => batches)) {
    t.equal(seq, (next.get(origin) ?? 0) + 1, 'no gap, nothing twice');
    next.set(origin, seq);
  }
  t.same([...new Set(sent[0]?.batches.map(({ origin }) => origin))].sort(), [A, B], 'breadth first');
  t.end();
});

t.test('what is on its way to a member is bounded, and what is lost comes again', (t) => {
  const net = new Network(['a', 'b'], 5, { engine: 'lww', limits: { inflightBytes: 500, deltaBytes: 200 } });
  net.run(5);
  net.lost = ({ type }) => type === 'gossipAck' || type === 'gossipDelta';
  for (let at = 0; at < 200; at++) net.write('a', `k${at}=1`);
  net.settle();
  t.ok(net.engine('a').status().counters.bytesSent <= 500 + 200, 'nobody answered, so nothing more was sent');
  t.equal(net.engine('a').status().members[0]?.lag, 200);
  net.heal();
  net.converge(60);
  t.equal(net.engine('a').status().members[0]?.lag, 0);
  t.end();
});

t.test('ap.md §1.2.3: what fell out of a full buffer is sent again as soon as it is asked for', (t) => {
  const net = new Network(['a', 'b'], 11, { engine: 'causal', limits: { bufferedBatches: 1 } });
  net.run(5);
  for (let at = 0; at < 60; at++) {
    net.write(at % 10 < 7 ? 'a' : 'b', `k${at}=1`);
    net.settle(); // Each depends on the one before.
  }
  net.crash('a');
  net.wipe('a');
  t.ok(net.converge(400) <= 40, 'and not each time after two gossip intervals of ten ticks');
  t.end();
});

t.test('all members come to one vector within a bounded number of rounds after a partition', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const net = new Network(['a', 'b', 'c', 'd', 'e'], seed, { engine: 'causal' });
    net.run(5);
    net.isolate('a', 'b');
    for (let at = 0; at < 20; at++) for (const id of net.ids) net.write(id, `${id}${at}=1`);
    net.run(40);
    t.notOk(net.converged);
    net.heal();
    // No link was cut: the first round after it has to find out.
    t.ok(net.converge(100) <= 80, `seed ${seed}`);
  }
  t.end();
});

t.test('the same events have the same effects', (t) => {
  const once = (): string => {
    const net = new Network(['a', 'b', 'c'], 6, { engine: 'causal' });
    for (let at = 0; at < 30; at++) {
      net.write((['a', 'b', 'c'] as const)[at % 3] as string, `k${at % 4}=${at}`, 'x');
      if (at === 10) net.crash('b');
      if (at === 20) net.restart('b');
      net.run(3);
    }
    return JSON.stringify(net.log, (_key, value: unknown) => (value instanceof Uint8Array ? [...value] : value));
  };
  t.equal(once(), once());
  t.end();
});

t.test('an acknowledgement leaves after the fsync, never before', (t) => {
  const net = new Network(['a', 'b'], 7, { engine: 'lww' });
  net.run(5);
  net.write('a', 'k=1');
  t.equal(net.wire.length, 0, 'nor does the write itself');
  net.persist('a');
  net.deliverAll();
  t.notOk(net.wire.some(({ type }) => type === 'gossipAck'));
  t.equal(net.member('b').machine.live.size, 0);
  net.persist('b');
  t.ok(net.wire.some(({ type }) => type === 'gossipAck'));
  t.equal(net.member('b').machine.live.get('k'), '1');
  t.same(net.engine('a').coverage([{ origin: A, seq: 1 }]), ['a']);
  net.settle();
  t.same(net.engine('a').coverage([{ origin: A, seq: 1 }]), ['a', 'b']);
  t.end();
});

t.test('ap.md §1.0.9: silence makes a member suspect, its return makes it alive; it stays a member', (t) => {
  const net = new Network(['a', 'b', 'c'], 8, { engine: 'lww' });
  net.run(300);
  t.same(net.engine('a').aliveMembers(), ['a', 'b', 'c']);
  net.lost = ({ from }) => from === 'c';
  net.run(300);
  t.same(net.engine('a').aliveMembers(), ['a', 'b']);
  t.same(net.engine('a').members, ['a', 'b', 'c']);
  net.heal();
  net.run(60);
  t.same(net.engine('a').aliveMembers(), ['a', 'b', 'c']);
  net.step('a', { type: 'peerDown', peer: 'c' as ReplicaId });
  t.same(net.engine('a').aliveMembers(), ['a', 'b'], 'a closed link needs no suspicion');
  t.end();
});

t.test('a link that did not take a message: the member is told what there is with the next tick', (t) => {
  const net = new Network(['a', 'b'], 9, { engine: 'lww', gossipTicks: 100 });
  net.run(5);
  net.lost = ({ type }) => type === 'gossipDelta';
  net.write('a', 'k=1');
  net.settle();
  net.heal();
  net.step('a', { type: 'dropped', peer: 'b' as ReplicaId });
  t.equal(net.wire.length, 0, 'not at once');
  net.run(1);
  t.ok(net.converged);
  t.end();
});

t.test('a batch that never arrives whole is not asked for in a tight loop', (t) => {
  const net = new Network(['a', 'b'], 10, { engine: 'lww' });
  net.run(5);
  net.lost = ({ type }) => type === 'gossipDelta';
  for (let at = 0; at < 6; at++) net.write('a', `k${at}=1`);
  net.settle();
  // As a receiver that drops what it could not apply.
  net.lost = (message) => {
    if (message.type !== 'gossipDelta' || message.batches.every(({ seq }) => seq !== 3)) return false;
    net.wire.push({ ...message, batches: message.batches.filter(({ seq }) => seq !== 3) });
    return true;
  };
  net.log.length = 0;
  net.run(100);
  t.equal(net.engine('b').vector.get(A), 2);
  t.ok(deltas(net.log).length < 100, `${deltas(net.log).length} deltas in ten gossip intervals`);
  net.heal();
  net.converge(50);
  t.end();
});
