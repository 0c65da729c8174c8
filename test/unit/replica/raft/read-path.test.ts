import t from 'tap';
import { logIndex } from '../../../../src/base/brand.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import type { RaftEvent, ReadOutcome } from '../../../../src/engines/raft/events.js';
import { KvStateMachine } from '../../../../src/kv/index.js';
import { ReadPath } from '../../../../src/replica/raft/read-path.js';
import type { ReadWaiter } from '../../../../src/replica/router.js';
import { createMemberStats } from '../../../../src/replica/stats.js';
import { MemoryCheckpoint } from '../../../../src/storage/memory/memory-checkpoint.js';

class Bench implements ReadWaiter {
  nowMs = 0;
  leaseValid = true;
  readonly asked: { readonly id: number; readonly lease: boolean }[] = [];
  readonly told: string[] = [];
  readonly reader = KvStateMachine.open(new MemoryCheckpoint(), null).reader;
  readonly path = new ReadPath({
    clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
    requestTimeoutMs: 5000,
    stats: createMemberStats(),
    step: (event: RaftEvent) => {
      if (event.type === 'readIndex') this.asked.push({ id: event.id, lease: event.lease });
    },
    wake: () => undefined,
    leaseValid: () => this.leaseValid,
  });

  onReadable(token: number): void {
    this.told.push(`${token} ok`);
  }
  onError(token: number, error: KvorumError): void {
    this.told.push(`${token} ${error.code}`);
  }
  read(token: number, lease = false): void {
    this.path.read(this, token, lease);
    this.path.seal();
  }
  answer(outcome: Partial<ReadOutcome>, applied: number): void {
    const id = this.asked.at(-1)?.id ?? 0;
    const whole: ReadOutcome = { id, index: null, refused: null, lease: false, ...outcome };
    this.path.onOutcome(whole, logIndex(applied), this.reader);
  }
}

t.test('all reads of a turn share one index, and wait until it is applied', async (t) => {
  const bench = new Bench();
  bench.path.read(bench, 1, false);
  bench.path.read(bench, 2, false);
  bench.path.seal();
  t.equal(bench.asked.length, 1);
  bench.answer({ index: logIndex(5) }, 4);
  t.same(bench.told, []);
  bench.path.onApplied(logIndex(4), bench.reader);
  t.same(bench.told, []);
  bench.path.onApplied(logIndex(5), bench.reader);
  t.same(bench.told, ['1 ok', '2 ok']);
  t.equal(bench.path.pendingBatches, 0);
});

t.test('a lease that has run out meanwhile is no lease: the read takes a round', async (t) => {
  const bench = new Bench();
  bench.read(1, true);
  t.equal(bench.asked[0]?.lease, true);
  bench.leaseValid = false;
  bench.answer({ index: logIndex(3), lease: true }, 3);
  t.same(bench.told, []);
  t.same(bench.asked[1], { id: 2, lease: false }, 'with a new id (raft.md L7), and without the lease');
  bench.answer({ index: logIndex(3) }, 3);
  t.same(bench.told, ['1 ok']);
});

t.test('a refused read tries again for a while; an answer to an older attempt is ignored', async (t) => {
  const bench = new Bench();
  bench.read(1);
  bench.answer({ refused: 'no_leader' }, 3);
  t.same(bench.told, []);
  bench.path.retry();
  t.equal(bench.asked.length, 2);
  bench.answer({ id: 1, index: logIndex(1) }, 3);
  t.same(bench.told, []);
  bench.answer({ refused: 'not_leader' }, 3);
  bench.path.expire(2001);
  t.same(bench.told, ['1 no_leader']);
});

t.test('deadlines, busy, and the end', async (t) => {
  const bench = new Bench();
  bench.read(1);
  bench.path.expire(5000);
  t.same(bench.told, ['1 read_timeout']);
  bench.answer({ index: logIndex(1) }, 3);
  t.equal(bench.told.length, 1, 'once');
  bench.read(2);
  bench.answer({ refused: 'busy' }, 3);
  t.equal(bench.told[1], '2 busy');
  bench.read(3);
  bench.answer({ index: logIndex(9) }, 3);
  bench.path.read(bench, 4, false);
  bench.path.failAll(new KvorumError('draining'));
  t.same(bench.told.slice(2).sort(), ['3 draining', '4 draining']);
  bench.path.read(bench, 5, false);
  t.equal(bench.told[4], '5 draining');
  t.equal(bench.path.pendingBatches, 0);
});
