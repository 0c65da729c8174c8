import t from 'tap';
import { A, B, batch, cutTo, delta, dot, put, Stage, stored } from './stage.js';

const all = [batch(A, 1), batch(A, 2)] as const;
const [first] = all;

/** Which of A:1, A:2 nobody has any more. */
function lost({ checks }: Stage): number[] {
  return [1, 2].filter((seq) => checks.facts.truth.isLost(dot(A, seq)));
}

t.test('what was only on a disk that is gone is lost, once it is known what the next one has', (t) => {
  const stage = new Stage().has('n1', ...all).wipe('n1');
  t.same(lost(stage), [], 'it is down');
  t.same(stage.checks.facts.holders(dot(A, 2)), ['n1']);
  t.same(lost(stage.start('n1')), [], 'its checkpoint may be found');
  t.same(lost(stage.turn('n1')), [1, 2]);
  t.same(stage.checks.facts.holders(dot(A, 2)), []);
  t.equal(stage.checks.stats.lost, 2);
  t.end();
});

t.test('what another disk has is not lost', (t) => {
  const stage = new Stage()
    .has('n1', ...all)
    .has('n2', first)
    .wipe('n1')
    .start('n1')
    .turn('n1');
  t.same(lost(stage), [2]);
  t.same(stage.checks.facts.holders(dot(A, 1)), ['n2']);
  const relayed = new Stage()
    .has('n1 n3', ...all)
    .crash('n3')
    .wipe('n1')
    .start('n1')
    .turn('n1');
  t.same(lost(relayed), [], 'also where it is down');
  t.end();
});

t.test('of two disks that are gone the second one takes it along', (t) => {
  const stage = new Stage()
    .has('n1 n2', ...all)
    .wipe('n1')
    .wipe('n2')
    .start('n1')
    .turn('n1');
  t.same(lost(stage), [], 'nobody knows yet what the second one has');
  t.same(lost(stage.start('n2', first).turn('n2')), [2]);
  t.end();
});

t.test('what was put back has lost what came after it', (t) => {
  t.same(
    lost(
      new Stage()
        .has('n1', ...all)
        .rollBack('n1')
        .start('n1', first)
        .turn('n1'),
    ),
    [2],
  );
  const inCheckpoint = new Stage()
    .has('n1', ...all)
    .rollBack('n1')
    .start('n1')
    .found('n1', [dot(A, 2)])
    .turn('n1');
  t.same(lost(inCheckpoint), [], 'a checkpoint has it as well');
  t.end();
});

t.test('a crash loses nothing that was on the disk, and all else was nowhere', (t) => {
  t.same(
    lost(
      new Stage()
        .has('n1', ...all)
        .crash('n1')
        .start('n1', ...all)
        .turn('n1'),
    ),
    [],
  );
  const checkpointed = new Stage()
    .has('n1', ...all)
    .checkpoint('n1', [dot(A, 2)])
    .durable('n1', cutTo('cut', dot(A, 2)));
  t.same(lost(checkpointed.crash('n1').start('n1').turn('n1')), [], 'what is cut is in the checkpoint');
  t.end();
});

t.test('a disk that said yes to a sync and lost it is a disk that is gone', (t) => {
  t.same(
    lost(
      new Stage()
        .has('n1', ...all)
        .crash('n1')
        .start('n1', first)
        .turn('n1'),
    ),
    [2],
  );
  t.end();
});

t.test('who ever held something is remembered beyond its disk; holders are those of today', (t) => {
  const { checks } = new Stage()
    .has('n1 n2', ...all)
    .wipe('n1')
    .start('n1')
    .turn('n1');
  t.equal(checks.facts.everHeld('n1' as never, dot(A, 2)), true);
  t.equal(checks.facts.everHeld('n1' as never, dot(A, 3)), false);
  t.equal(checks.facts.everHeld('n3' as never, dot(A, 1)), false);
  t.same(checks.facts.holders(dot(A, 2)), ['n2']);
  t.equal(checks.facts.damages, 1);
  t.end();
});

t.test('a batch is known from when it is first on a link or on a disk', (t) => {
  const known = (tell: (stage: Stage) => Stage): number => tell(new Stage()).checks.facts.truth.count;
  t.equal(
    known((each) => each.durable('n1', stored(first))),
    1,
  );
  t.equal(
    known((each) => each.durable('n1', stored(first)).message(delta('n1', 'n2', first))),
    1,
  );
  t.equal(
    known((each) => each.crash('n1').start('n1', ...all)),
    2,
  );
  t.end();
});

t.test('dot-names-one-batch: whoever has other bytes is found where it has them', (t) => {
  const other = batch(A, 1, { commands: [put('k', 'other')] });
  const broken = (act: (stage: Stage) => unknown): string | null =>
    Stage.broken(() => act(new Stage().has('n1', first)));
  t.equal(
    broken((stage) => stage.durable('n2', stored(other))),
    'dot-names-one-batch',
    'on its disk',
  );
  t.equal(
    broken((stage) => stage.message(delta('n1', 'n2', other))),
    'dot-names-one-batch',
    'on a link',
  );
  t.equal(
    broken((stage) => stage.durable('n2', stored(first)).delivered('n2', other)),
    'dot-names-one-batch',
    'in a state',
  );
  t.equal(
    broken((stage) => stage.crash('n2').start('n2', other)),
    'dot-names-one-batch',
    'as it starts',
  );
  t.equal(
    broken((stage) => stage.durable('n2', stored(batch(B, 1)))),
    null,
  );
  t.end();
});
