import t from 'tap';
import { Network, type NetworkOptions } from './network.js';

function group(ids: string, options: NetworkOptions = {}): Network {
  const network = new Network(ids.split(''), 1, { promotion: 'manual', ...options });
  network.run(3);
  return network;
}

t.test('ap.md §1.3.3: a follower goes on where its log meets the leader’s, one probe per epoch', async (t) => {
  const network = group('abcd');
  // Epochs of a that only a knows, one after the other.
  for (let epoch = 0; epoch < 3; epoch++) {
    network.isolate('a');
    for (let at = 0; at < 5; at++) network.propose('a');
    network.settle();
    network.crash('a');
    network.restart('a');
    network.heal();
    network.run(3);
    network.run(2);
  }
  network.isolate('a');
  for (let at = 0; at < 5; at++) network.propose('a');
  network.settle();
  network.promote('b');
  network.run(5);
  network.heal();
  let rejected = 0;
  const deliver = network.deliver.bind(network);
  network.deliver = (message) => {
    if (message.type === 'appendResponse' && message.rejected) rejected++;
    deliver(message);
  };
  network.run(6);
  t.same(network.member('a').state, network.member('b').state);
  t.ok(rejected <= 2, `${rejected} rejections`);
});

t.test('ap.md §1.3.3: a full sync where the log was cut; in it a follower counts for nothing', async (t) => {
  const network = group('abc');
  network.crash('c');
  for (let at = 0; at < 5; at++) {
    network.propose('a');
    network.run(1);
  }
  network.run(2);
  network.checkpoint('a');
  network.restart('c');
  network.lost = ({ type }) => type === 'snapshotChunk';
  network.run(4);
  const follower = network
    .engine('a')
    .status()
    .followers.find(({ peer }) => peer === 'c');
  t.equal(follower?.state, 'fullsync');
  t.equal(network.engine('a').status().available, 1);
  network.heal();
  network.run(60);
  t.same(network.member('c').state, network.member('a').state);
  t.ok(network.engine('c').firstIndex > 6);
  t.equal(network.engine('a').status().available, 2);
});

t.test(
  'ap.md §1.3.3: where the leader looks too far back, the follower names the oldest place that it can compare',
  async (t) => {
    const network = group('abc');
    for (let at = 0; at < 5; at++) network.propose('a');
    network.run(3);
    network.checkpoint('b');
    network.promote('c');
    for (let at = 0; at < 8 && network.engine('c').role !== 'leader'; at++) {
      network.deliverAll(({ type }) => type !== 'appendRequest');
      for (const id of 'abc') network.persist(id);
    }
    network.wire = [];
    const nothing = { rejected: true, index: 6, hintIndex: 0, hintTerm: 0, diverged: false } as const;
    network.deliver({ type: 'appendResponse', from: 'b', to: 'c', term: 130, ...nothing } as never);
    t.match(network.wire, [{ type: 'appendRequest', to: 'b', prevIndex: 0 }]);
    network.settle();
    t.equal(network.engine('c').commitIndex, 7);
    t.equal(network.engine('b').lastIndex, 7, 'no full sync was needed');
    t.equal(network.engine('b').firstIndex, 7);
  },
);

t.test('raft.md S6: a snapshot that cannot be installed is sent again', async (t) => {
  const network = group('abc');
  network.crash('c');
  for (let at = 0; at < 5; at++) network.propose('a');
  network.run(3);
  network.checkpoint('a');
  network.restart('c');
  for (let at = 0; at < 6; at++) {
    for (const id of 'abc') network.tick(id);
    for (const id of 'abc') network.persist(id);
    network.deliverAll();
    if (network.member('c').finishing !== null) break;
  }
  t.ok(network.member('c').finishing);
  network.abortInstall('c');
  t.equal(network.engine('c').appliedIndex, 0);
  network.run(6);
  t.equal(network.engine('c').appliedIndex, 6);
});

t.test('raft.md C2: a follower takes over a commit index only as far as its log is known to match', async (t) => {
  const network = group('abc');
  network.isolate('a');
  for (let at = 0; at < 3; at++) network.propose('a');
  network.settle();
  network.promote('b');
  network.run(3);
  for (let at = 0; at < 3; at++) network.propose('b');
  network.run(3);
  t.equal(network.engine('b').commitIndex, 5);
  network.heal();
  const heartbeat = { type: 'epochHeartbeat', from: 'b', to: 'a', term: 129, round: 99, commit: 5, acked: 0 } as const;
  network.deliver({ ...heartbeat, vouchedCommit: 0, vouchedClock: 0 } as never);
  t.equal(network.engine('a').leader, 'b');
  t.ok(network.engine('a').commitIndex <= 1, 'its entries 2 to 4 are others');
  const probe = {
    type: 'appendRequest',
    from: 'b',
    to: 'a',
    term: 129,
    prevIndex: 1,
    prevTerm: 64,
    commit: 5,
  } as const;
  network.deliver({ ...probe, entries: [] } as never);
  t.equal(network.engine('a').commitIndex, 1, 'nor by what comes before them');
  network.wire = [];
  network.run(5);
  t.same(network.member('a').state, network.member('b').state);
});

t.test('raft.md C4: a disk that forgot what it acknowledged says nothing any more', async (t) => {
  const network = group('abc');
  for (let at = 0; at < 3; at++) network.propose('a');
  network.run(3);
  network.crash('b');
  const { disk } = network.member('b');
  disk.entries.length = 2;
  disk.hardState = { term: 64, vote: 'a', commit: 0 } as never;
  network.restart('b');
  network.tick('a', 2);
  network.deliverAll(({ type }) => type === 'epochHeartbeat');
  t.equal(network.engine('b').logLost, true);
  network.crash('a');
  network.promote('c');
  network.run(35);
  t.match(network.member('c').promotions, [{ refused: 'not_enough_promises', promised: ['c'] }], 'it does not count');
});

t.test('Appendix F 9: a leader that comes back empty does not use its ballot again', async (t) => {
  const network = group('abc', { promotion: 'auto' });
  for (let at = 0; at < 3; at++) network.propose('a');
  network.run(3);
  network.crash('a');
  const { disk } = network.member('a');
  disk.entries.length = 0;
  disk.hardState = null;
  network.restart('a');
  network.run(60);
  t.ok(network.leader && network.leader.engine.term > 64);
  t.equal(network.member('a').state.slice(0, 4).join(), '1@64,2@64,3@64,4@64', 'it has what the others have');
});

t.test(
  'raft.md A7: entries with gaps, of higher epochs, or with quorums that cannot be, never reach the log',
  async (t) => {
    const network = group('abc');
    const head = {
      type: 'appendRequest',
      from: 'a',
      to: 'b',
      term: 64,
      prevIndex: 1,
      prevTerm: 64,
      commit: 1,
    } as const;
    const entry = { index: 2, term: 64, kind: 'commands', payload: new Uint8Array(1) } as const;
    for (const bad of [
      { ...entry, index: 3 },
      { ...entry, term: 65 },
      { ...entry, term: 63 },
      { ...entry, kind: 'quorum', payload: Uint8Array.of(3) },
      { ...entry, kind: 'quorum', payload: new Uint8Array(0) },
    ]) {
      network.deliver({ ...head, entries: [bad] } as never);
      t.equal(network.engine('b').lastIndex, 1);
    }
    network.deliver({ ...head, from: 'c', entries: [entry] } as never);
    t.equal(network.engine('b').lastIndex, 1, 'nor those of one whose ballot it is not');
    network.deliver({ ...head, entries: [entry] } as never);
    t.equal(network.engine('b').lastIndex, 2);
  },
);
