import t from 'tap';
import type { LogIndex, Term } from '../../../../src/base/brand.js';
import { Network } from './network.js';
import { Solo, entriesOf } from './solo.js';
import { formedBy } from '../../../fixtures/membership.js';

const ABC = ['a', 'b', 'c'] as const;

function chunk(solo: Solo, index: number, sequence: number, last: boolean, indexTerm = 2): void {
  solo.receive('b', 2, 'snapshotChunk', { streamId: 1, index, indexTerm, sequence, last, data: new Uint8Array(1) });
}

function lagging(seed: number): Network {
  const network = new Network(ABC, seed);
  network.elect('a');
  network.crash('c');
  for (let at = 0; at < 6; at++) network.propose('a');
  network.settle();
  network.checkpoint('a');
  network.restart('c');
  return network;
}

t.test('a follower whose entries were cut away catches up by a snapshot', (t) => {
  const network = lagging(41);
  network.run(6);
  t.equal(network.raft('c').commitIndex, 7);
  t.equal(network.raft('c').firstIndex, 8);
  t.match(
    network
      .raft('a')
      .status()
      .progress.find(({ peer }) => peer === 'c'),
    { state: 'replicate', matchIndex: 7 },
  );
  network.propose('a');
  network.settle();
  t.equal(network.raft('c').lastIndex, 8);
  t.end();
});

t.test('S1: the acknowledgement alone ends the snapshot', (t) => {
  const network = lagging(42);
  network.lost = ({ type }) => type === 'snapshotChunkResponse';
  network.run(6);
  t.match(
    network
      .raft('a')
      .status()
      .progress.find(({ peer }) => peer === 'c'),
    { state: 'replicate', matchIndex: 7 },
  );
  t.end();
});

t.test('S2: slow_follower_after_compaction: who is still within the log needs no snapshot', (t) => {
  const network = new Network(ABC, 43);
  network.elect('a');
  network.crash('c');
  for (let at = 0; at < 6; at++) network.propose('a');
  network.settle();
  network.checkpoint('a', 6);
  network.recording = true;
  network.restart('c');
  network.run(6);
  t.equal(network.raft('c').commitIndex, 7);
  t.equal(network.log.filter(({ type }) => type === 'snapshotChunk').length, 0);
  t.end();
});

t.test('S12: a member that is down gets no snapshot', (t) => {
  const network = new Network(ABC, 44);
  network.elect('a');
  network.crash('c');
  network.run(30);
  for (let at = 0; at < 6; at++) network.propose('a');
  network.settle();
  network.checkpoint('a');
  network.recording = true;
  network.step('a', { type: 'unreachable', peer: 'c' as never });
  network.propose('a');
  network.run(10);
  t.equal(network.log.filter(({ type }) => type === 'snapshotChunk').length, 0);
  network.restart('c');
  network.run(6);
  t.equal(network.raft('c').commitIndex, 8);
  t.end();
});

t.test('a failed stream is tried again when the follower answers a heartbeat, not in a tight loop', (t) => {
  const network = lagging(45);
  network.lost = ({ type }) => type === 'snapshotChunk';
  network.run(30);
  network.recording = true;
  network.run(60);
  const streams = network.log.filter((message) => message.type === 'snapshotChunk' && message.sequence === 0);
  t.ok(streams.length >= 1 && streams.length <= 3, `${streams.length} attempts`);
  network.heal();
  network.run(60);
  t.equal(network.raft('c').commitIndex, network.raft('a').commitIndex);
  t.end();
});

t.test('S5: a snapshot that contradicts the log replaces all of it', (t) => {
  const solo = new Solo({ terms: [1, 1, 1, 1], term: 2 });
  chunk(solo, 3, 0, true);
  t.equal(solo.last?.snapshotChunks.length, 1);
  solo.raft.step({
    type: 'snapshotInstalled',
    from: 'b' as never,
    index: 3 as LogIndex,
    indexTerm: 2 as Term,
    membership: formedBy('a', 'b', 'c'),
  });
  solo.drain();
  t.equal(solo.raft.lastIndex, 3);
  t.equal(solo.raft.termOf(3 as LogIndex), 2);
  t.equal(solo.raft.commitIndex, 3);
  t.match(solo.persist(), [{ type: 'appendResponse', rejected: false, index: 3 }]);
  t.end();
});

t.test('S5: a snapshot that the log agrees with keeps what follows', (t) => {
  const solo = new Solo({ terms: [1, 1, 2, 2], term: 2 });
  chunk(solo, 3, 0, true);
  solo.raft.step({
    type: 'snapshotInstalled',
    from: 'b' as never,
    index: 3 as LogIndex,
    indexTerm: 2 as Term,
    membership: formedBy('a', 'b', 'c'),
  });
  solo.drain();
  t.equal(solo.raft.lastIndex, 4);
  t.equal(solo.raft.firstIndex, 4);
  t.equal(solo.raft.persistedIndex, 4);
  t.end();
});

t.test('S3, S5: a checkpoint ahead of the log, or at odds with it, is where a restarted member begins', (t) => {
  const recovered = {
    hardState: { term: 4 as Term, vote: null, commit: 0 as LogIndex },
    baseIndex: 0 as LogIndex,
    baseTerm: 0 as Term,
  };
  for (const terms of [
    [1, 1],
    [1, 1, 1, 1, 1, 1],
  ]) {
    const state = { ...recovered, entries: entriesOf(terms), appliedIndex: 5 as LogIndex, appliedTerm: 3 as Term };
    const solo = new Solo({ options: { recovered: state } });
    t.equal(solo.raft.lastIndex, 5);
    t.equal(solo.raft.termOf(5 as LogIndex), 3);
    t.equal(solo.raft.commitIndex, 5);
  }
  t.end();
});

t.test('E6: no campaign, no appends and no commits while a snapshot is being installed', (t) => {
  const solo = new Solo({ terms: [2], term: 2 });
  chunk(solo, 9, 0, false);
  chunk(solo, 9, 1, true);
  solo.append('b', 2, [1, 2], [2], 2);
  t.equal(solo.raft.lastIndex, 1);
  solo.tick(60);
  t.equal(solo.raft.role, 'follower');
  solo.receive('b', 2, 'timeoutNow', {});
  t.equal(solo.raft.role, 'follower');
  solo.raft.step({ type: 'snapshotAborted' });
  solo.tick(21);
  t.equal(solo.raft.role, 'pre-candidate');
  t.end();
});

t.test('S8: an installation that the driver never speaks of again is given up after twenty election timeouts', (t) => {
  const solo = new Solo({ terms: [2], term: 2 });
  chunk(solo, 9, 0, true);
  solo.tick(20 * 20 - 1);
  solo.append('b', 2, [1, 2], [2]);
  t.equal(solo.raft.lastIndex, 1, 'the log stands still');
  t.equal(solo.raft.role, 'follower');
  solo.tick(1);
  solo.append('b', 2, [1, 2], [2]);
  t.equal(solo.raft.lastIndex, 2, 'and moves again');
  solo.persist();
  solo.tick(21);
  t.equal(solo.raft.role, 'pre-candidate');
  t.end();
});

t.test('S11: pieces of an older term are refused, pieces of what is already committed end the stream', (t) => {
  const solo = new Solo({ terms: [2, 2, 2], term: 3, commit: 3 });
  chunk(solo, 9, 0, true);
  t.equal(solo.last?.snapshotChunks.length ?? 0, 0);
  t.match(solo.persist(), [{ type: 'appendResponse', rejected: true, term: 3 }]);
  solo.receive('b', 3, 'snapshotChunk', {
    streamId: 2,
    index: 2,
    indexTerm: 2,
    sequence: 0,
    last: true,
    data: new Uint8Array(1),
  });
  t.match(solo.persist(), [{ type: 'appendResponse', rejected: false, index: 3 }]);
  t.end();
});

t.test('a chunk is a sign of life of the leader', (t) => {
  const solo = new Solo({ term: 2 });
  for (let at = 0; at < 10; at++) {
    solo.tick(8);
    chunk(solo, 9, at, false);
  }
  t.equal(solo.raft.role, 'follower');
  t.equal(solo.raft.leader, 'b');
  t.end();
});
