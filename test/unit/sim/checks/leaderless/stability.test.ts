import t from 'tap';
import { A, B, batch, C, digest, dot, Stage } from './stage.js';

/** n1 has a counter of 9 on its disk, and has told that all it writes after A:1 is above that. */
function told(): Stage {
  const all = [batch(A, 1), batch(B, 1, { counter: 9 })] as const;
  const stage = new Stage().has('n1', ...all).has('n2', ...all);
  return stage.message(digest(A, 'n2', { claims: [dot(A, 1)], counter: 9 }));
}

const next = (counter: number, seq = 2): Parameters<typeof batch> => [A, seq, { counter }];

t.test('§1.0.6: an origin writes above what it told', (t) => {
  t.equal(
    Stage.broken(() => told().has('n1', batch(...next(10)))),
    null,
  );
  t.equal(
    Stage.broken(() => told().has('n1', batch(...next(9)))),
    'above-what-was-told',
  );
  t.equal(
    Stage.broken(() => told().has('n2', batch(B, 2, { counter: 10 }))),
    null,
    'another origin has told nothing',
  );
  t.end();
});

t.test('§1.0.6: what was told is about what comes after the position that it was told with', (t) => {
  // Its disk has all of it in a checkpoint: nobody has seen those batches yet.
  const stage = new Stage().checkpoint('n1', [dot(A, 2)], 9);
  stage.message(digest(A, 'n2', { claims: [dot(A, 2)], counter: 9 }));
  t.equal(
    Stage.broken(() => stage.has('n2', batch(A, 1), batch(A, 2))),
    null,
    'older ones may be seen later',
  );
  t.equal(
    Stage.broken(() => stage.has('n2', batch(...next(9, 3)))),
    'above-what-was-told',
  );
  t.end();
});

t.test('§1.0.6: who was set back, and has met nobody since, cannot know what it has told', (t) => {
  const back = (stage: Stage): string | null =>
    Stage.broken(() =>
      stage
        .start('n1', batch(A, 1))
        .turn('n1')
        .has('n1', batch(...next(2))),
    );
  t.equal(back(told().rollBack('n1')), 'excused');
  t.equal(back(told().crash('n1')), 'above-what-was-told', 'who only crashed can');
  t.equal(back(told().wipe('n1')), 'above-what-was-told');
  t.equal(back(told().rollBack('n2')), 'above-what-was-told', 'and so can who was not set back itself');
  t.end();
});

/** All have A:1 and B:1 (counter 2); `collectors` forget tombstones up to 2. */
function collected(...collectors: readonly string[]): Stage {
  const stage = new Stage().has('n1 n2 n3', batch(A, 1), batch(B, 1, { counter: 2 }));
  for (const id of collectors) stage.turn(id, { collectedTo: 2 });
  return stage;
}

t.test('§1.0.6: nothing older comes once tombstones are forgotten', (t) => {
  t.equal(
    Stage.broken(() => collected('n1').has('n1', batch(...next(3)))),
    null,
  );
  t.equal(
    Stage.broken(() => collected('n1').has('n1', batch(...next(2)))),
    'above-what-was-collected',
  );
  t.equal(
    Stage.broken(() => collected().has('n1', batch(...next(2)))),
    null,
    'nobody has forgotten any',
  );
  t.end();
});

t.test('§1.0.6: what was forgotten by disks that are gone is not known any more', (t) => {
  const other = (stage: Stage): string | null => Stage.broken(() => stage.has('n3', batch(C, 1, { counter: 2 })));
  t.equal(other(collected('n1')), 'above-what-was-collected');
  t.equal(other(collected('n1').wipe('n1').start('n1')), null);
  t.equal(
    other(collected('n1', 'n2').wipe('n1').start('n1')),
    'above-what-was-collected',
    'another one has it as well',
  );
  t.equal(other(collected('n1').crash('n1').start('n1')), 'above-what-was-collected', 'a crash takes nothing away');
  t.equal(other(collected('n1').rollBack('n3').start('n3')), 'excused', 'nor can who was set back know of it');
  t.end();
});

t.test('raft.md W1: a last batch that damage took, and nobody else has, was never there', (t) => {
  const again = (stage: Stage): string | null =>
    Stage.broken(() =>
      stage
        .crash('n1')
        .start('n1', batch(A, 1))
        .turn('n1')
        .has('n1', batch(A, 2, { counter: 2 })),
    );
  const all = (): Stage =>
    new Stage().has('n1 n2 n3', batch(A, 1), batch(A, 2, { counter: 2 })).turn('n1', { collectedTo: 2 });
  const alone = (): Stage => all().wipe('n2').start('n2').turn('n2').wipe('n3').start('n3').turn('n3');
  t.equal(again(alone()), null, 'what was forgotten with it is there again');
  t.equal(
    Stage.broken(() =>
      alone().crash('n1').start('n1', batch(A, 1)).turn('n1', { collectedTo: 2 }).has('n1', batch(A, 2)),
    ),
    'above-what-was-collected',
    'unless a checkpoint says otherwise',
  );
  t.equal(
    Stage.broken(() =>
      all()
        .crash('n1')
        .start('n1', batch(A, 1))
        .turn('n1')
        .has('n3', batch(C, 1, { counter: 2 })),
    ),
    'above-what-was-collected',
    'others have it',
  );
  t.end();
});

t.test('§1.0.6: tombstones are forgotten up to where every member has everything', (t) => {
  const collect = (stage: Stage, collectedTo: number): string | null =>
    Stage.broken(() => stage.turn('n1', { collectedTo }));
  const most = (): Stage => new Stage().has('n1 n2 n3', batch(A, 1)).has('n1 n2', batch(B, 1, { counter: 2 }));
  t.equal(collect(most(), 1), null);
  t.equal(collect(most(), 2), 'collected-is-stable');
  t.equal(collect(most().has('n3', batch(B, 1, { counter: 2 })), 2), null);
  t.equal(collect(most().checkpoint('n3', [dot(A, 1), dot(B, 1)]), 2), null, 'also by a full sync');
  t.end();
});

t.test('§1.0.6: a member that had it on a disk that was taken from it since counts', (t) => {
  const stage = collected().wipe('n3').start('n3').turn('n3');
  t.equal(
    Stage.broken(() => stage.turn('n1', { collectedTo: 2 })),
    null,
  );
  const lost = new Stage().has('n1', batch(A, 1)).has('n2', batch(B, 1, { counter: 2 }));
  t.equal(
    Stage.broken(() => lost.wipe('n1').start('n1').turn('n1', { collectedTo: 1 })),
    null,
    'what nobody has any more need be at nobody',
  );
  t.equal(
    Stage.broken(() => lost.turn('n1', { collectedTo: 2 })),
    'collected-is-stable',
  );
  t.end();
});
