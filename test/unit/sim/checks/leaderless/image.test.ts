import t from 'tap';
import { originLog } from '../../../../../src/base/brand.js';
import { LeaderlessImage } from '../../../../../src/sim/checks/leaderless/image.js';
import type { StoredRecord } from '../../../../../src/storage/wal/unit-encoder.js';
import { A, B, batch, cutTo, dot, GROUP, markOf, put, recoveredOf, Stage, stored } from './stage.js';

/** Records that become durable one after the other, on a disk whose checkpoint holds `checkpoint`. */
function disk(checkpoint: ReturnType<typeof dot>[], ...records: readonly StoredRecord[]): LeaderlessImage {
  const image = new LeaderlessImage('n1');
  if (checkpoint.length > 0) image.onCheckpoint(markOf(checkpoint));
  for (const record of records) image.apply(record);
  return image;
}

const [A1, A2, A3] = [batch(A, 1), batch(A, 2), batch(A, 3)].map(stored) as [StoredRecord, StoredRecord, StoredRecord];

t.test('§1.0.3: a log has no gap', (t) => {
  t.equal(disk([], A1, A2, stored(batch(B, 1))).seqOf(A), 2);
  t.equal(
    Stage.broken(() => disk([], A1, A3)),
    'prefix-property',
  );
  t.equal(
    Stage.broken(() => disk([], A1, A2, A2)),
    'prefix-property',
    'nor a position twice',
  );
  t.equal(
    Stage.broken(() => disk([], A2)),
    'prefix-property',
    'nor does it begin anywhere',
  );
  t.end();
});

t.test('a log may begin anew after what a checkpoint holds, and only there', (t) => {
  t.equal(disk([dot(A, 2)], cutTo('checkpoint', dot(A, 2)), A3).seqOf(A), 3);
  t.equal(
    Stage.broken(() => disk([dot(A, 1)], cutTo('checkpoint', dot(A, 2)))),
    'checkpoint-holds-what-is-cut',
  );
  t.equal(
    Stage.broken(() => disk([dot(A, 1)], cutTo('checkpoint', dot(A, 1)), A3)),
    'prefix-property',
  );
  const within = disk([], A1, A2, cutTo('checkpoint', dot(A, 1)));
  t.equal(within.seqOf(A), 2, 'one inside the log changes nothing');
  t.end();
});

t.test('§1.0.3: a log is cut up to where the checkpoint reaches', (t) => {
  t.equal(
    Stage.broken(() => disk([dot(A, 2)], A1, A2, cutTo('cut', dot(A, 2)), A3)),
    null,
  );
  t.equal(
    Stage.broken(() => disk([dot(A, 1)], A1, A2, cutTo('cut', dot(A, 2)))),
    'checkpoint-holds-what-is-cut',
  );
  t.equal(
    Stage.broken(() => disk([], A1, cutTo('cut', dot(A, 1)))),
    'checkpoint-holds-what-is-cut',
    'without one it is not cut at all',
  );
  t.end();
});

t.test('S7: no checkpoint holds less than the one before it', (t) => {
  const checkpoints = (...next: ReturnType<typeof dot>[]): string | null =>
    Stage.broken(() => disk([dot(A, 2), dot(B, 1)]).onCheckpoint(markOf(next)));
  t.equal(checkpoints(dot(A, 2), dot(B, 2)), null);
  t.equal(checkpoints(dot(A, 1), dot(B, 2)), 'checkpoint-vector');
  t.equal(checkpoints(dot(A, 2)), 'checkpoint-vector', 'an origin is gone');
  t.end();
});

t.test('the log of an origin has no votes in it', (t) => {
  const vote = (group: string): StoredRecord => ({ kind: 'hardState', group }) as unknown as StoredRecord;
  t.equal(
    Stage.broken(() => disk([], vote(originLog(GROUP, A)))),
    'origin-logs',
  );
  t.equal(
    Stage.broken(() => disk([], vote('default/0'))),
    null,
    'that of another group is none of ours',
  );
  t.end();
});

t.test('the counter of a disk is that of the last command on it, or of its checkpoint', (t) => {
  const image = disk([], stored(batch(A, 1, { counter: 5, commands: [put('k', '1'), put('k', '2')] })));
  t.equal(image.counter, 6);
  image.onCheckpoint(markOf([dot(A, 1)], 9));
  t.equal(image.counter, 9);
  image.onCheckpoint(markOf([dot(A, 1)], 7));
  t.equal(image.counter, 9);
  t.end();
});

t.test('what a start finds is the disk from then on', (t) => {
  const image = disk([], A1, A2, A3);
  image.recover(recoveredOf([batch(A, 1)]));
  t.equal(image.seqOf(A), 1);
  t.equal(
    Stage.broken(() => image.apply(A3)),
    'prefix-property',
  );
  t.equal(
    Stage.broken(() => image.recover(recoveredOf([batch(A, 1), batch(A, 3)]))),
    'prefix-property',
    'and it has no gap either',
  );
  t.end();
});
