import t from 'tap';
import { A, batch, dot, Stage, syncEnd } from './stage.js';

const all = [batch(A, 1), batch(A, 2)] as const;

/** n2 has merged what only n1 had, and its disk has none of it yet when that of n1 is gone. */
function stage(): Stage {
  return new Stage()
    .has('n1', ...all)
    .turn('n1')
    .synced('n1', 'n2', dot(A, 2))
    .wipe('n1')
    .start('n1')
    .turn('n1');
}

/** Which of A:1, A:2 nobody has any more. */
function lost({ checks }: Stage): number[] {
  return [1, 2].filter((seq) => checks.facts.truth.isLost(dot(A, seq)));
}

t.test('what a member has merged and shows is not lost with the disk that it came from', (t) => {
  const well = stage();
  t.same(lost(well), []);
  t.same(well.checks.facts.holders(dot(A, 2)), [], 'no disk has it');
  well.read('n2', {}, [[dot(A, 2), 'n1~a:2']]);
  well
    .checkpoint('n2', [dot(A, 2)])
    .crash('n2')
    .start('n2')
    .found('n2', [dot(A, 2)])
    .turn('n2', { vector: new Map([[A, 2]]) });
  t.same(lost(well), []);
  t.end();
});

t.test('it is lost with the memory that had it, once that process is back without', (t) => {
  const away = stage().crash('n2');
  t.same(lost(away), [], 'nobody knows yet what its disk has');
  t.same(lost(away.start('n2').turn('n2')), [1, 2]);
  t.equal(away.checks.stats.lost, 2);
  const half = stage().crash('n2').start('n2', all[0]).turn('n2');
  t.same(lost(half), [2]);
  t.end();
});

t.test('what is merged after the disk of its sender was gone is back', (t) => {
  const late = new Stage()
    .has('n1', ...all)
    .message(syncEnd('n1', 'n2', dot(A, 2)))
    .wipe('n1')
    .start('n1')
    .turn('n1');
  t.same(lost(late), [1, 2]);
  t.same(lost(late.turn('n2')), [1, 2], 'nobody has it');
  late.turn('n2', { vector: new Map([[A, 2]]) }).read('n2', {}, [[dot(A, 2), 'n1~a:2']]);
  t.same(lost(late), []);
  t.end();
});

t.test('where positions were taken again meanwhile, they stand for two writes (ap.md §1.0.2)', (t) => {
  const again = (gone: (stage: Stage) => Stage): string | null => {
    const stage = gone(new Stage().has('n1', ...all).message(syncEnd('n1', 'n2', dot(A, 2))))
      .start('n1')
      .turn('n1')
      .has('n1', batch(A, 1, { boot: 2 }))
      .turn('n1');
    t.same(lost(stage), [2]);
    return Stage.broken(() => stage.turn('n2', { vector: new Map([[A, 2]]) }));
  };
  t.equal(
    again((stage) => stage.wipe('n1')),
    'dot-names-one-batch',
  );
  t.equal(
    again((stage) => stage.rollBack('n1')),
    'excused',
    'nobody could tell it',
  );
  t.end();
});
