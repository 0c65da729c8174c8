import t from 'tap';
import { assert } from '../../../../src/base/assert.js';
import { groupId, originId, type OriginId } from '../../../../src/base/brand.js';
import type { Vector } from '../../../../src/base/dot.js';
import { silentLogger } from '../../../../src/base/logger.js';
import { LeaderlessCheckpointer, type OriginPosition } from '../../../../src/replica/leaderless/checkpointer.js';
import { createLeaderlessStats } from '../../../../src/replica/leaderless/stats.js';
import { MemoryCheckpoint } from '../../../../src/storage/memory/memory-checkpoint.js';
import { MemoryLog } from '../../../../src/storage/memory/memory-log.js';

const KIB = 1024;
const A = originId('n1~a');
const B = originId('n2~b');

/** A member that does nothing but checkpoints; batches are 64 KiB each. */
function stage(retainBytes: number) {
  const positions = new Map<OriginId, OriginPosition>();
  const cuts: Vector[] = [];
  const pins: { vector: Vector | null } = { vector: null };
  const clock = { monotonicMs: () => 0, wallMs: () => 0 };
  const kv = {
    freeze: () => ({ changes: () => [], meta: new Uint8Array(1), revision: 0 as never }),
    thaw: () => undefined,
    abandonFreeze: () => undefined,
  };
  const checkpointer = new LeaderlessCheckpointer({
    group: groupId('likes', 0),
    store: new MemoryCheckpoint(),
    log: new MemoryLog(),
    clock,
    logger: silentLogger,
    stats: createLeaderlessStats(),
    checkpointBytes: 1024 * KIB,
    retainBytes,
    kv: () => kv,
    positions: () => positions,
    pinned: () => pins.vector,
    onCheckpointed: (cut) => cuts.push(cut),
    onFailed: (error) => t.fail(String(error)),
  });
  const apply = (origin: OriginId, batches: number): void => {
    for (let left = batches; left > 0; left--) {
      const position = { origin, seq: (positions.get(origin)?.seq ?? 0) + 1, boot: 1 };
      positions.set(origin, position);
      checkpointer.onApplied(position, 64 * KIB);
    }
  };
  const checkpoint = async (): Promise<Vector> => {
    assert(checkpointer.start(), 'no other maintenance is under way');
    await checkpointer.task.idle();
    return cuts.at(-1) ?? new Map();
  };
  return { apply, checkpoint, checkpointer, pins };
}

t.test('a checkpoint is due by the bytes that were applied, and every one counts', async (t) => {
  const { apply, checkpoint, checkpointer } = stage(0);
  apply(A, 15);
  t.notOk(checkpointer.task.due);
  apply(B, 1);
  t.ok(checkpointer.task.due);
  await checkpoint();
  t.notOk(checkpointer.task.due);
  t.equal(checkpointer.count, 1);
});

t.test('of all origins together about retainBytes stay in the log, and no more', async (t) => {
  const { apply, checkpoint } = stage(1024 * KIB);
  apply(A, 10);
  apply(B, 10);
  const first = await checkpoint();
  t.ok((first.get(A) ?? 0) >= 1 && (first.get(A) ?? 0) <= 4, '20 of 64 KiB were written, 16 are kept');
  t.notOk(first.has(B));
  apply(B, 32);
  const cut = await checkpoint();
  t.equal(cut.get(A), 10);
  t.ok((cut.get(B) ?? 0) >= 22 && (cut.get(B) ?? 0) <= 26, `${cut.get(B)}`);
});

t.test('an origin that is silent since the start is cut when others have written enough', async (t) => {
  const { apply, checkpoint } = stage(256 * KIB);
  apply(A, 3);
  apply(B, 40);
  t.equal((await checkpoint()).get(A), 3);
});

t.test(
  'what follows a state that is being sent is kept for its receiver, but not for ever (ap.md §1.0.5)',
  async (t) => {
    const { apply, checkpoint, pins } = stage(256 * KIB);
    apply(A, 4);
    pins.vector = new Map([[A, 4]]);
    apply(A, 12);
    t.same(await checkpoint(), new Map([[A, 4]]), 'nothing after it, although 8 would be enough');
    apply(A, 40);
    t.ok(((await checkpoint()).get(A) ?? 0) > 4, 'a receiver that takes too long begins again');
  },
);
