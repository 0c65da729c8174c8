import t from 'tap';
import type { GossipDigest } from '../../../../src/engines/leaderless/messages.js';
import { emptyDisk, incarnationOf, Network } from './network.js';

const A = incarnationOf('a', 1);

function behind(seed: number, engine: 'lww' | 'causal' = 'causal'): Network {
  const net = new Network(['a', 'b', 'c'], seed, { engine });
  net.write('c', 'mine=1');
  net.write('a', 'gone=1');
  net.run(60);
  net.checkpoint('c');
  net.crash('c');
  net.write('a', 'gone');
  for (let at = 0; at < 30; at++) net.write('a', `k${at}=${at}`);
  net.run(20);
  net.checkpoint('a');
  net.checkpoint('b');
  return net;
}

/** Everything is delivered, but a full sync does not come to its end. */
function settleWithoutSync(net: Network): void {
  for (let round = 0; round < 50; round++) {
    net.deliverAll();
    for (const { id } of net.members.values()) net.persist(id);
  }
}

t.test('ap.md §1.0.5: who lacks what no log holds any more takes the state, and then goes on by logs', (t) => {
  for (const engine of ['lww', 'causal'] as const) {
    const net = behind(1, engine);
    net.restart('c');
    settleWithoutSync(net);
    const { sync } = net.member('c');
    t.ok(sync);
    t.equal(net.engine('c').state, 'syncing');
    t.ok(net.engine('c').syncing, 'it does not count for levels');
    net.write('c', 'own=1');
    net.write('a', 'during=1');
    settleWithoutSync(net);
    t.equal(net.member('c').machine.live.get('own'), '1', 'own writes go on');
    t.notOk(net.member('c').machine.live.has('during'), 'those of others wait');
    net.finishSync('c');
    net.settle();
    t.ok(net.converged);
    t.equal(net.engine('c').state, 'ready');
    t.equal(net.member('a').machine.live.get('own'), '1');
    t.notOk(net.member('c').machine.live.has('gone'));
    t.equal(net.engine('c').status().counters.fullSyncsDone, 1);
    net.run(100);
    for (const { machine } of net.members.values()) t.equal(machine.tombstones, 0);
  }
  t.end();
});

t.test('ap.md §1.0.5: a failed attempt is repeated, later and later', (t) => {
  const net = behind(2);
  net.restart('c');
  settleWithoutSync(net);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    t.ok(net.member('c').sync, `attempt ${attempt}`);
    net.finishSync('c', false);
    let ticks = 0;
    for (; net.member('c').sync === null && ticks < 1000; ticks++) {
      for (const id of net.ids) net.tick(id);
      settleWithoutSync(net);
    }
    waits.push(ticks);
  }
  t.same(
    waits.map((ticks) => Math.round(ticks / 10)),
    [2, 4, 8, 16],
    'gossip intervals',
  );
  net.run(5);
  t.ok(net.converged);
  t.end();
});

t.test('ap.md §1.0.5: a new folder takes everything; what it has from logs and was deleted meanwhile goes', (t) => {
  const net = new Network(['a', 'b', 'c'], 3, { engine: 'lww' });
  net.write('b', 'k=1');
  net.run(20);
  net.write('a', 'k');
  net.run(100);
  t.equal(net.member('a').machine.tombstones, 0, 'the tombstone is gone everywhere');
  // The log that has the delete is cut, the one that has the write is not.
  const cut = new Map([[A, 1]]);
  for (const id of ['a', 'b']) net.step(id, { type: 'checkpointed', cut });
  net.crash('c');
  net.restart('c', emptyDisk(9));
  settleWithoutSync(net);
  net.finishSync('c', false);
  settleWithoutSync(net);
  t.equal(net.member('c').machine.live.get('k'), '1', 'by b’s log');
  for (let tick = 0; net.member('c').sync === null && tick < 100; tick++) {
    for (const id of net.ids) net.tick(id);
    settleWithoutSync(net);
  }
  t.equal(net.member('c').sync?.whole, true, 'only what is absent tells of the delete');
  net.settle();
  t.notOk(net.member('c').machine.live.has('k'), 'not resurrected');
  net.run(50);
  for (const { machine, mismatches } of net.members.values()) {
    t.notOk(machine.live.has('k'));
    t.equal(mismatches, 0);
  }
  t.end();
});

t.test('ap.md §1.0.5: who knows of everything that was collected takes only the difference', (t) => {
  const net = behind(4);
  net.restart('c');
  settleWithoutSync(net);
  t.equal(net.member('a').machine.collectedTo <= net.engine('c').closedTo, net.member('c').sync?.whole === false);
  t.equal(net.member('c').sync?.whole, false);
  t.ok((net.member('c').sync?.have.size ?? 0) > 0);
  net.settle();
  t.ok(net.converged);
  t.end();
});

t.test('ap.md §1.0.1 rule 2: what has come and is not durable yet is told of as more than the vector says', (t) => {
  const net = behind(6);
  net.restart('c');
  settleWithoutSync(net);
  const said = (): GossipDigest => {
    net.tick('c', 20);
    return net.log.findLast(
      (message): message is GossipDigest => message.type === 'gossipDigest' && message.from === 'c',
    )!;
  };
  const { sync } = net.member('c');
  t.same(said().pending, []);
  t.ok(said().root);
  net.step('c', { type: 'fullSyncReceived', from: sync!.from, vector: sync!.state.vector });
  t.same(said().pending, [A], 'of nothing else there is more');
  t.equal(said().vector.find(({ origin }) => origin === A)?.seq, net.engine('c').vector.get(A));
  t.equal(said().root, null, 'the state need not be that of the vector');
  net.settle();
  t.same(said().pending, []);
  t.ok(said().root);
  t.ok(net.converged);
  t.end();
});

t.test('a state that was pinned before more was collected is refused, and fetched whole', (t) => {
  const net = behind(5);
  net.restart('c');
  settleWithoutSync(net);
  const member = net.member('c');
  member.sync = { ...member.sync!, state: { ...member.sync!.state, collectedTo: 1000 } };
  net.finishSync('c');
  t.equal(net.engine('c').state, 'behind');
  for (let tick = 0; member.sync === null && tick < 100; tick++) {
    for (const id of net.ids) net.tick(id);
    settleWithoutSync(net);
  }
  t.equal(net.member('c').sync?.whole, true);
  net.settle();
  t.ok(net.converged);
  t.end();
});
