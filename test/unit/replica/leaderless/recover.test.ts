import t from 'tap';
import { groupId, logIndex, originId, originLog, term, type GroupId } from '../../../../src/base/brand.js';
import { encodeBatch } from '../../../../src/engines/leaderless/batch-codec.js';
import { recoverLogs } from '../../../../src/replica/leaderless/recover.js';
import type { RecoveredGroup } from '../../../../src/storage/storage.js';

const GROUP = groupId('likes', 0);
const A = originId('n1~0123456789abcdef');
const B = originId('n2~0123456789abcdef');

function logOf(origin: typeof A, base: number, last: number): readonly [GroupId, RecoveredGroup] {
  const entries = Array.from({ length: last - base }, (_, at) => {
    const seq = base + at + 1;
    const header = { origin, seq, boot: 2, counter: seq, commands: 1, dependencies: [], wallMs: 0 };
    const payload = encodeBatch(header, new Uint8Array([seq])).encoded;
    return { index: logIndex(seq), term: term(2), kind: 'commands' as const, payload };
  });
  const recovered = { hardState: null, memberships: null, baseIndex: logIndex(base), baseTerm: term(1), entries };
  return [originLog(GROUP, origin), recovered];
}

t.test('logs of the group are told apart from others, and follow their bases', async (t) => {
  const other = [originLog(groupId('other', 0), A), logOf(A, 0, 3)[1]] as const;
  const own = [GROUP, logOf(A, 0, 1)[1]] as const;
  const logs = new Map([logOf(A, 5, 8), logOf(B, 0, 2), other, own]);
  const { origins, repairs } = recoverLogs(GROUP, logs, { vector: new Map([[A, 6]]), boots: new Map([[A, 2]]) });
  t.same(repairs, []);
  t.same(
    origins.map(({ origin, baseSeq, baseBoot, batches }) => [origin, baseSeq, baseBoot, batches.map(({ seq }) => seq)]),
    [
      [A, 5, 1, [6, 7, 8]],
      [B, 0, 1, [1, 2]],
    ],
  );
});

t.test(
  'a checkpoint ahead of the log, which a crash in a full sync leaves: the log begins after it (ap.md §1.0.5)',
  async (t) => {
    const applied = {
      vector: new Map([
        [A, 9],
        [B, 4],
      ]),
      boots: new Map([
        [A, 3],
        [B, 1],
      ]),
    };
    const { origins, repairs } = recoverLogs(GROUP, new Map([logOf(A, 5, 8)]), applied);
    t.same(origins, [
      { origin: A, baseSeq: 9, baseBoot: 3, batches: [] },
      { origin: B, baseSeq: 4, baseBoot: 1, batches: [] },
    ]);
    t.same(repairs, [
      { kind: 'checkpoint', group: originLog(GROUP, A), index: 9, term: 3 },
      { kind: 'checkpoint', group: originLog(GROUP, B), index: 4, term: 1 },
    ]);
  },
);

t.test('a log that begins after the checkpoint: files are missing, and nothing is guessed', async (t) => {
  const run = (): unknown =>
    recoverLogs(GROUP, new Map([logOf(A, 5, 8)]), { vector: new Map([[A, 4]]), boots: new Map() });
  t.throws(run, { code: 'checkpoint_corrupt' });
});

t.test('an entry that is no batch of its origin is damage', async (t) => {
  const [, ofB] = logOf(B, 0, 2);
  const run = (): unknown =>
    recoverLogs(GROUP, new Map([[originLog(GROUP, A), ofB]]), { vector: new Map(), boots: new Map() });
  t.throws(run, { code: 'log_corrupt' });
});
