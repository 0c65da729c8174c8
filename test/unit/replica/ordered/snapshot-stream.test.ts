import t from 'tap';
import { groupId, indexAfter, logIndex, replicaId, term, type LogIndex } from '../../../../src/base/brand.js';
import { silentLogger } from '../../../../src/base/logger.js';
import type { RaftEvent } from '../../../../src/engines/raft/events.js';
import type { RaftMessage, SnapshotChunk } from '../../../../src/engines/raft/messages.js';
import { KvStateMachine } from '../../../../src/kv/index.js';
import { Checkpointer } from '../../../../src/replica/ordered/checkpointer.js';
import { SnapshotReceiver } from '../../../../src/replica/ordered/snapshot-receiver.js';
import { SnapshotSender } from '../../../../src/replica/ordered/snapshot-sender.js';
import { createMemberStats } from '../../../../src/replica/stats.js';
import { MemoryCheckpoint } from '../../../../src/storage/memory/memory-checkpoint.js';
import { MemoryLog } from '../../../../src/storage/memory/memory-log.js';
import type { CheckpointChange } from '../../../../src/storage/storage.js';
import { formedBy } from '../../../fixtures/membership.js';

const N1 = replicaId('n1');
const N2 = replicaId('n2');
const membership = formedBy('n1', 'n2');

async function filled(index: number, kilobytes: number): Promise<MemoryCheckpoint> {
  const store = new MemoryCheckpoint();
  const changes = Array.from({ length: kilobytes }, (_, at): CheckpointChange => [`dk${at}`, new Uint8Array(1024)]);
  await store.write({ index: logIndex(index), term: term(1), membership, meta: new Uint8Array(0) }, changes);
  return store;
}

/** A sender and a receiver with hands on everything that passes between them. */
class Bench {
  nowMs = 0;
  applied: LogIndex = logIndex(0);
  locked = false;
  readonly chunks: SnapshotChunk[] = [];
  readonly answers: RaftMessage[] = [];
  readonly steps: RaftEvent[] = [];
  installed = 0;
  aborted = 0;
  readonly sender: SnapshotSender;
  readonly receiver: SnapshotReceiver;

  constructor(from: MemoryCheckpoint) {
    this.sender = new SnapshotSender({
      self: N1,
      store: from,
      stats: createMemberStats(),
      logger: silentLogger,
      send: (piece) => this.chunks.push(piece),
      onSent: (peer, index, ok) => this.steps.push({ type: 'snapshotSent', peer, index, ok }),
      nowMs: () => this.nowMs,
    });
    this.receiver = new SnapshotReceiver({
      self: N2,
      store: new MemoryCheckpoint(),
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
      stats: createMemberStats(),
      logger: silentLogger,
      send: (message) => this.answers.push(message),
      tryLock: () => !this.locked && (this.locked = true),
      unlock: () => (this.locked = false),
      appliedIndex: () => this.applied,
      onInstalled: () => this.installed++,
      onAborted: () => this.aborted++,
      onFailed: (error) => {
        throw error;
      },
    });
  }

  /** Delivers everything, both ways, until nothing moves. */
  async deliver(): Promise<void> {
    while (this.chunks.length > 0 || this.answers.length > 0) {
      for (const chunk of this.chunks.splice(0)) this.receiver.onChunk(chunk);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      for (const answer of this.answers.splice(0)) {
        if (answer.type === 'snapshotChunkResponse') this.sender.onResponse(answer);
      }
    }
  }
}

t.test('a stream: a window of pieces, then one for each answer, then the end', async (t) => {
  const bench = new Bench(await filled(9, 3000));
  bench.sender.start(N2, term(1), {});
  t.equal(bench.chunks.length, 4, 'not all at once');
  t.equal(bench.sender.neededFrom, 10, 'the log after it must stay');
  await bench.deliver();
  t.equal(bench.installed, 1);
  t.same(bench.steps, [{ type: 'snapshotSent', peer: N2, index: 9, ok: true }]);
  t.equal(bench.sender.neededFrom, null);
  t.equal(bench.locked, false);
  t.equal(bench.aborted, 0);
});

t.test('a lost piece ends the stream on both sides', async (t) => {
  const bench = new Bench(await filled(9, 3000));
  bench.sender.start(N2, term(1), {});
  bench.chunks.splice(1, 1);
  await bench.deliver();
  t.same(bench.steps, [{ type: 'snapshotSent', peer: N2, index: 9, ok: false }]);
  t.ok(bench.aborted > 0);
  t.equal(bench.locked, false);
  bench.sender.start(N2, term(1), {});
  await bench.deliver();
  t.equal(bench.installed, 1, 'and the next one works');
});

t.test('a stream that stops midway does not hold the lock for ever', async (t) => {
  const bench = new Bench(await filled(9, 3000));
  bench.sender.start(N2, term(1), {});
  for (const chunk of bench.chunks.splice(0)) bench.receiver.onChunk(chunk);
  t.equal(bench.locked, true);
  bench.nowMs = 9999;
  bench.receiver.check(bench.nowMs);
  t.equal(bench.locked, true);
  bench.nowMs = 10_000;
  bench.receiver.check(bench.nowMs);
  t.equal(bench.locked, false);
  bench.sender.check(term(1), bench.nowMs);
  t.same(bench.steps, [{ type: 'snapshotSent', peer: N2, index: 9, ok: false }]);
});

t.test('entries that overtake a stream end it', async (t) => {
  const bench = new Bench(await filled(9, 3000));
  bench.sender.start(N2, term(1), {});
  for (const chunk of bench.chunks.splice(0)) bench.receiver.onChunk(chunk);
  bench.applied = logIndex(9);
  bench.receiver.check(bench.nowMs);
  t.equal(bench.locked, false);
  t.equal(bench.installed, 0);
});

t.test('a last piece that cannot be taken now tells the engine that nothing will come', async (t) => {
  const bench = new Bench(await filled(9, 10));
  bench.locked = true; // A checkpoint is being written.
  bench.sender.start(N2, term(1), {});
  t.equal(bench.chunks.at(-1)?.last, true, 'all of it fits the window');
  await bench.deliver();
  t.equal(bench.aborted, 1);
  t.match(bench.steps, [{ type: 'snapshotSent', ok: false }]);
});

t.test('a leader of another term streams no more', async (t) => {
  const bench = new Bench(await filled(9, 3000));
  bench.sender.start(N2, term(1), {});
  bench.sender.check(term(1), 0);
  t.equal(bench.steps.length, 0);
  bench.sender.check(term(3), 0);
  t.match(bench.steps, [{ type: 'snapshotSent', ok: false }]);
});

t.test('the log is cut behind the checkpoint by the bytes to retain, and not under a stream', async (t) => {
  const log = new MemoryLog();
  const store = new MemoryCheckpoint();
  const kv = KvStateMachine.open(store, null);
  const cuts: LogIndex[] = [];
  let applied = logIndex(0);
  let neededFrom: LogIndex | null = null;
  const checkpointer = new Checkpointer({
    group: groupId('default', 0),
    store,
    log,
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    logger: silentLogger,
    stats: createMemberStats(),
    inForceAt: () => ({ membership }),
    checkpointBytes: 1024 * 1024,
    retainBytes: 1024 * 1024,
    state: () => ({ kv, appliedIndex: applied, appliedTerm: term(1) }),
    termOf: () => term(1),
    neededFrom: () => neededFrom,
    onCheckpointed: (_index, cutIndex) => cuts.push(cutIndex),
    onFailed: (error) => {
      throw error;
    },
  });
  const apply = async (entries: number): Promise<void> => {
    for (let at = 0; at < entries; at++) {
      applied = indexAfter(applied);
      checkpointer.onApplied(applied, 256 * 1024);
    }
    t.equal(checkpointer.due, true);
    checkpointer.start();
    t.equal(checkpointer.due, false, 'one at a time');
    await checkpointer.idle();
  };
  await apply(4);
  t.same(cuts, [0], 'everything is within what is retained');
  await apply(4);
  t.same(cuts, [0, 4], 'a megabyte stays');
  neededFrom = logIndex(6);
  await apply(4);
  t.same(cuts, [0, 4, 5], 'entry 6 is needed by a stream');
  neededFrom = null;
  await apply(4);
  t.same(cuts, [0, 4, 5, 12]);
  await log.close();
});
