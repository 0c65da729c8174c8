import t from 'tap';
import { Network } from './network.js';
import { Solo } from './solo.js';

const ABC = ['a', 'b', 'c'] as const;

function read(solo: Solo, id: number, lease = false): void {
  solo.raft.step({ type: 'readIndex', id, lease });
  solo.drain();
}

function ackRound(solo: Solo, from: string, readRound: number): void {
  solo.receive(from, solo.raft.term, 'heartbeatResponse', { readRound });
}

t.test('L1: no read index before an entry of the own term is committed', (t) => {
  const solo = new Solo({ terms: [1], commit: 1 }).lead('b');
  solo.sent('heartbeat');
  read(solo, 1);
  t.strictSame(solo.sent('heartbeat'), [], 'queued');
  solo.ack('b', 2);
  const round = solo.sent('heartbeat')[0]?.readRound ?? -1;
  t.ok(round > 0, 'starts at once with the commit of the no-op');
  t.strictSame(solo.reads, []);
  ackRound(solo, 'b', round);
  t.strictSame(solo.reads, [{ id: 1, index: 2, refused: null, lease: false }]);
  t.end();
});

t.test('L1: the queue of reads is bounded', (t) => {
  const solo = new Solo({ limits: { pendingReads: 2 } }).lead('b');
  for (const id of [1, 2, 3]) read(solo, id);
  t.match(solo.reads, [{ id: 3, refused: 'busy' }]);
  t.end();
});

t.test('a round under way gathers later reads into the next one', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  solo.sent('heartbeat');
  read(solo, 1);
  const first = solo.sent('heartbeat')[0]?.readRound ?? -1;
  read(solo, 2);
  read(solo, 3);
  t.strictSame(solo.sent('heartbeat'), []);
  ackRound(solo, 'c', first);
  t.strictSame(
    solo.reads.map(({ id }) => id),
    [1],
    'reads that came later need a later round',
  );
  const second = solo.sent('heartbeat')[0]?.readRound ?? -1;
  ackRound(solo, 'c', second);
  t.strictSame(
    solo.reads.map(({ id }) => id),
    [1, 2, 3],
  );
  t.end();
});

t.test('L2: answers to older rounds, and to rounds that never were, confirm nothing', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  solo.tick(2);
  const before = solo.sent('heartbeat')[0]?.readRound ?? -1;
  read(solo, 1);
  ackRound(solo, 'b', before);
  t.strictSame(solo.reads, []);
  ackRound(solo, 'b', 10_000);
  t.strictSame(solo.reads, []);
  ackRound(solo, 'x', solo.sent('heartbeat')[0]?.readRound ?? -1);
  t.strictSame(solo.reads, [], 'nor does a stranger');
  t.end();
});

t.test('a group of one answers at once', (t) => {
  const solo = new Solo({ voters: ['a'] }).tick(25);
  solo.persist();
  solo.persist();
  read(solo, 1);
  t.strictSame(solo.reads, [{ id: 1, index: 1, refused: null, lease: false }]);
  t.end();
});

t.test('L3: a partitioned old leader does not answer', (t) => {
  const network = new Network(ABC, 21);
  network.elect('a');
  network.isolate('a');
  network.read('a');
  network.elect('b');
  network.propose('b');
  network.settle();
  network.tick('a', 10);
  t.strictSame(network.member('a').reads, []);
  network.tick('a', 60);
  t.match(network.member('a').reads, [{ refused: 'no_leader' }]);
  t.end();
});

t.test('a follower asks the leader, and all reads of a turn share one request', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 1, readRound: 1 });
  for (const id of [1, 2]) solo.raft.step({ type: 'readIndex', id, lease: false });
  solo.drain();
  const requests = solo.sent('readIndexRequest');
  t.equal(requests.length, 1);
  solo.receive('b', 1, 'readIndexResponse', { id: requests[0]?.id ?? 0, ok: true, index: 1 });
  t.strictSame(
    solo.reads.map(({ id, index }) => [id, index]),
    [
      [1, 1],
      [2, 1],
    ],
  );
  t.end();
});

t.test('L7: after silence or a leader change a follower asks again, with a new id', (t) => {
  const solo = new Solo({ terms: [1] });
  solo.receive('b', 1, 'heartbeat', { commit: 1, readRound: 1 });
  read(solo, 1);
  const first = solo.sent('readIndexRequest')[0]?.id ?? 0;
  solo.tick(5);
  const second = solo.sent('readIndexRequest')[0]?.id ?? 0;
  t.not(second, 0);
  t.not(second, first);
  solo.receive('c', 2, 'heartbeat', { commit: 1, readRound: 1 });
  solo.persist();
  const third = solo.sent('readIndexRequest')[0];
  t.equal(third?.to, 'c');
  solo.receive('b', 1, 'readIndexResponse', { id: first, ok: true, index: 0 });
  solo.receive('c', 2, 'readIndexResponse', { id: second, ok: true, index: 0 });
  t.strictSame(solo.reads, [], 'L2: answers to attempts that were given up match nothing');
  solo.receive('c', 2, 'readIndexResponse', { id: third?.id ?? 0, ok: true, index: 1 });
  t.match(solo.reads, [{ id: 1, index: 1 }]);
  t.end();
});

t.test('L7: without a leader for an election timeout reads are refused', (t) => {
  const solo = new Solo({ terms: [1] });
  read(solo, 1);
  solo.tick(19);
  t.strictSame(solo.reads, []);
  solo.tick(1);
  t.match(solo.reads, [{ id: 1, refused: 'no_leader' }]);
  read(solo, 2);
  t.match(solo.reads[1], { id: 2, refused: 'no_leader' }, 'at once, once that is known');
  t.end();
});

t.test('a follower read is served as soon as its index is committed there, not with the next heartbeat', (t) => {
  const network = new Network(ABC, 22);
  network.elect('a');
  network.propose('a');
  network.settle();
  network.read('b');
  network.settle();
  t.match(network.member('b').reads, [{ index: 2 }]);
  t.equal(network.raft('b').commitIndex, 2);
  t.end();
});

t.test('a leader that steps down hands its reads to the next leader', (t) => {
  const network = new Network(ABC, 23);
  network.elect('a');
  network.isolate('a');
  network.read('a');
  network.elect('b');
  network.heal();
  network.run(5);
  t.match(network.member('a').reads, [{ index: 2, refused: null }]);
  t.end();
});

const LEASE = { options: { leaseReads: true } };

t.test('L4: the lease runs from the tick in which the round was sent', (t) => {
  const solo = new Solo(LEASE).lead('b');
  solo.ack('b', 1);
  t.equal(solo.raft.leaseValid(), false, 'no round was confirmed');
  solo.tick(2);
  const round = solo.sent('heartbeat').at(-1)?.readRound ?? -1;
  solo.tick(1);
  ackRound(solo, 'b', round);
  t.equal(solo.raft.leaseValid(), true);
  read(solo, 1, true);
  t.match(solo.reads, [{ id: 1, index: 1, lease: true }]);
  read(solo, 2, false);
  t.equal(solo.reads.length, 1, 'who asks for more gets a round');
  solo.tick(7);
  t.equal(solo.raft.leaseValid(), true, '8 ticks after it was sent');
  solo.tick(1);
  t.equal(solo.raft.leaseValid(), false, '0.9 of 10 ticks');
  t.end();
});

t.test('L5: the lease ends where a transfer begins, and never returns once the target was told', (t) => {
  const solo = new Solo(LEASE).lead('b');
  solo.ack('b', 1).tick(2);
  ackRound(solo, 'b', solo.sent('heartbeat').at(-1)?.readRound ?? -1);
  t.equal(solo.raft.leaseValid(), true);
  solo.raft.step({ type: 'transfer', target: 'b' as never });
  solo.drain();
  t.equal(solo.sent('timeoutNow').length, 1);
  t.equal(solo.raft.leaseValid(), false);
  for (let at = 0; at < 15; at++) {
    solo.tick(2);
    ackRound(solo, 'b', solo.sent('heartbeat').at(-1)?.readRound ?? -1);
  }
  t.equal(solo.raft.role, 'leader', 'the transfer was given up');
  t.equal(solo.raft.leaseValid(), false, 'but the target may still act on it');
  t.end();
});

t.test('L6: after a pause nothing of before renews the lease', (t) => {
  const solo = new Solo(LEASE).lead('b');
  solo.ack('b', 1).tick(2);
  const round = solo.sent('heartbeat').at(-1)?.readRound ?? -1;
  solo.raft.step({ type: 'stalled' });
  ackRound(solo, 'b', round);
  t.equal(solo.raft.leaseValid(), false);
  solo.tick(2);
  ackRound(solo, 'b', solo.sent('heartbeat').at(-1)?.readRound ?? -1);
  t.equal(solo.raft.leaseValid(), true);
  t.end();
});
