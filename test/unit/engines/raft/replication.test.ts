import t from 'tap';
import type { LogIndex, Term } from '../../../../src/base/brand.js';
import { Network } from './network.js';
import { Solo, entriesOf } from './solo.js';

const ABC = ['a', 'b', 'c'] as const;

function propose(solo: Solo, count: number, bytes = 1): void {
  for (let id = 0; id < count; id++) solo.raft.step({ type: 'propose', id, payload: new Uint8Array(bytes) });
  solo.drain();
}

function toB(solo: Solo) {
  return solo.sent('appendRequest').filter(({ to }) => to === 'b');
}

function progressOf(solo: Solo, peer: string) {
  return solo.raft.status().progress.find((progress) => progress.peer === peer);
}

t.test('all proposals of one turn leave in one append per follower and one write', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  solo.sent('appendRequest');
  propose(solo, 5);
  t.strictSame(
    toB(solo).map(({ entries }) => entries.length),
    [5],
  );
  t.equal(solo.last?.persist?.entries.length, 5);
  t.end();
});

t.test('a commit does not cost a message to followers that wait for nothing', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1).ack('c', 1);
  solo.sent('appendRequest');
  propose(solo, 1);
  solo.persist();
  solo.sent('appendRequest');
  solo.ack('b', 2).ack('c', 2);
  t.equal(solo.raft.commitIndex, 2);
  t.strictSame(solo.sent('appendRequest'), []);
  t.end();
});

t.test('appends are limited in entries and in bytes; one larger entry goes alone', (t) => {
  const limits = { appendEntries: 3, appendBytes: 100, uncommittedBytes: 10_000 };
  const solo = new Solo({ limits: { ...limits, inflightMessages: 100 } }).lead('b');
  solo.ack('b', 1);
  solo.sent('appendRequest');
  for (const bytes of [1, 1, 1, 1, 60, 60, 500, 1]) propose(solo, 1, bytes);
  solo.receive('b', solo.raft.term, 'appendResponse', { rejected: true, index: 9, hintIndex: 1, hintTerm: 1 });
  const [probe] = toB(solo).slice(-1);
  t.equal(probe?.entries.length, 3, 'a probe carries one append');
  solo.ack('b', 4);
  t.strictSame(
    toB(solo).map(({ entries }) => entries.map(({ payload }) => payload.length)),
    [[1, 60], [60], [500], [1]],
  );
  t.end();
});

t.test('A4: the window holds appends back in messages, and an acknowledgement frees it by index', (t) => {
  const solo = new Solo({ limits: { inflightMessages: 2 } }).lead('b');
  solo.ack('b', 1);
  solo.sent('appendRequest');
  for (let at = 0; at < 4; at++) propose(solo, 1);
  t.equal(toB(solo).length, 2);
  solo.ack('b', 3);
  t.equal(toB(solo).length, 1, 'entries 4 and 5 in one');
  t.match(progressOf(solo, 'b'), { inflightMessages: 1, matchIndex: 3, nextIndex: 6 });
  t.end();
});

t.test('the window holds appends back in bytes', (t) => {
  const limits = { inflightBytes: 100, appendBytes: 50, uncommittedBytes: 10_000, inflightMessages: 50 };
  const solo = new Solo({ limits }).lead('b');
  solo.ack('b', 1);
  solo.sent('appendRequest');
  for (let at = 0; at < 9; at++) propose(solo, 1, 50);
  t.equal(toB(solo).length, 2);
  t.end();
});

t.test('A4: with a full window an empty append still goes out on a heartbeat response', (t) => {
  const solo = new Solo({ limits: { inflightMessages: 1 } }).lead('b');
  solo.ack('b', 1);
  propose(solo, 1);
  propose(solo, 1);
  solo.sent('appendRequest');
  solo.receive('b', solo.raft.term, 'heartbeatResponse', { readRound: 0 });
  t.match(toB(solo), [{ entries: { length: 0 }, prevIndex: 2 }]);
  solo.receive('b', solo.raft.term, 'appendResponse', { rejected: true, index: 2, hintIndex: 1, hintTerm: 1 });
  t.match(toB(solo), [{ entries: { length: 2 }, prevIndex: 1 }], 'what was lost is sent again');
  t.end();
});

t.test('A3: stale rejections change nothing, and next stays above match', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  propose(solo, 3);
  solo.ack('b', 4);
  solo.sent('appendRequest');
  solo.receive('b', solo.raft.term, 'appendResponse', { rejected: true, index: 2, hintIndex: 0, hintTerm: 0 });
  t.match(progressOf(solo, 'b'), { state: 'replicate', matchIndex: 4, nextIndex: 5 });
  t.end();
});

t.test('A5: a lost link means that what was in flight is sent again', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 1);
  propose(solo, 2);
  solo.sent('appendRequest');
  solo.raft.step({ type: 'unreachable', peer: 'b' as never });
  solo.drain();
  t.match(toB(solo), [{ prevIndex: 1, entries: { length: 2 } }]);
  propose(solo, 1);
  t.equal(toB(solo).length, 0, 'one probe at a time');
  t.end();
});

t.test('without disks, a follower that comes back empty is served from the start', (t) => {
  const solo = new Solo({ options: { volatile: true } }).lead('b');
  solo.ack('b', 1).ack('c', 1);
  propose(solo, 2);
  solo.persist();
  solo.ack('b', 3).ack('c', 3);
  t.equal(solo.raft.commitIndex, 3);
  solo.sent('appendRequest');
  solo.raft.step({ type: 'unreachable', peer: 'b' as never });
  propose(solo, 1);
  t.match(progressOf(solo, 'b'), { state: 'probe', matchIndex: 0 });
  const [probe] = toB(solo);
  solo.receive('b', solo.raft.term, 'appendResponse', {
    rejected: true,
    index: probe?.prevIndex ?? 0,
    hintIndex: 0,
    hintTerm: 0,
  });
  t.match(toB(solo), [{ prevIndex: 0, entries: { length: 4 } }]);
  t.end();
});

t.test('an acknowledgement beyond the own log is not counted', (t) => {
  const solo = new Solo().lead('b');
  solo.ack('b', 99);
  t.equal(solo.raft.commitIndex, 0);
  t.match(progressOf(solo, 'b'), { matchIndex: 0 });
  t.end();
});

t.test('probe_and_replicate: the logs of figure 7 converge with at most one probe per term', (t) => {
  // Raft paper figure 7: what each follower holds when the leader of term 8 comes to power.
  const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const logs: Record<string, number[]> = {
    a: leader,
    b: [1, 1, 1, 4, 4, 5, 5, 6, 6],
    c: [1, 1, 1, 4],
    d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    e: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    f: [1, 1, 1, 4, 4, 4, 4],
    g: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  };
  const payloads = new Map<string, Uint8Array>();
  const network = new Network(Object.keys(logs), 2, { limits: { appendEntries: 64 } }, (id, disk) => {
    for (const entry of entriesOf(logs[id] ?? [])) {
      const key = `${entry.index}@${entry.term}`;
      const payload = payloads.get(key) ?? entry.payload;
      payloads.set(key, payload);
      disk.entries.push({ ...entry, payload });
    }
    disk.hardState = { term: 7 as Term, vote: null, commit: 0 as LogIndex };
  });
  network.recording = true;
  for (let at = 0; at < 60 && network.raft('a').role !== 'leader'; at++) {
    network.tick('a');
    network.settle();
  }
  network.run(6);
  for (const [id, member] of network.members) {
    t.equal(member.raft.lastIndex, 11, `${id} has the leader's log`);
    t.equal(member.raft.commitIndex, 11);
    t.equal(member.raft.termOf(10 as LogIndex), 6);
    const rejections = network.log.filter((message) => message.type === 'appendResponse' && message.from === id);
    const probes = rejections.filter((message) => message.type === 'appendResponse' && message.rejected).length;
    t.ok(probes <= 3, `${id}: ${probes} probes`);
  }
  t.end();
});

t.test('heartbeat_resp_recovers_from_probing: a lost probe does not stop replication', (t) => {
  const network = new Network(ABC, 12);
  network.elect('a');
  network.step('a', { type: 'unreachable', peer: 'b' as never });
  network.lost = ({ type, to }) => type === 'appendRequest' && to === 'b';
  network.propose('a');
  network.settle();
  network.heal();
  network.run(3);
  t.equal(network.raft('b').commitIndex, network.raft('a').commitIndex);
  t.equal(
    network
      .raft('a')
      .status()
      .progress.find(({ peer }) => peer === 'b')?.state,
    'replicate',
  );
  t.end();
});

t.test('replicate_pause: a follower that lost a full window catches up', (t) => {
  const network = new Network(ABC, 13);
  network.elect('a');
  network.lost = ({ type, to }) => type === 'appendRequest' && to === 'b';
  for (let at = 0; at < 12; at++) network.propose('a');
  network.settle();
  network.heal();
  network.run(4);
  t.equal(network.raft('b').commitIndex, 13);
  t.end();
});

t.test('lagging_commit: a follower whose acknowledgement came last still learns the commit index', (t) => {
  const network = new Network(ABC, 14);
  network.elect('a');
  network.lost = ({ type, from }) => type === 'appendResponse' && from === 'c';
  network.propose('a');
  network.settle();
  t.equal(network.raft('a').commitIndex, 2);
  network.heal();
  network.run(4);
  t.equal(network.raft('c').commitIndex, 2);
  t.end();
});

t.test('entries that no quorum has are overwritten by the next leader, on disk too', (t) => {
  const network = new Network(ABC, 15);
  network.elect('a');
  network.isolate('a');
  network.propose('a');
  network.propose('a');
  network.persist('a');
  network.elect('b');
  network.propose('b');
  network.settle();
  network.heal();
  network.run(4);
  const [a, b] = [network.member('a'), network.member('b')];
  t.equal(a.raft.role, 'follower');
  t.strictSame(
    a.disk.entries.map(({ index, term }) => [index, term]),
    b.disk.entries.map(({ index, term }) => [index, term]),
  );
  t.end();
});
