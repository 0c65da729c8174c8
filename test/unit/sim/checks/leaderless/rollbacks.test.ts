import t from 'tap';
import { A, B, batch, C, digest, dot, Stage } from './stage.js';

/** All have A:1 and A:2; n1 is set back to A:1. */
function setBack(): Stage {
  const all = [batch(A, 1), batch(A, 2)] as const;
  return new Stage()
    .has('n1 n2 n3', ...all)
    .rollBack('n1')
    .start('n1', batch(A, 1))
    .turn('n1');
}

/** It writes another A:2. */
const reuse = (stage: Stage): string | null => Stage.broken(() => stage.has('n1', batch(A, 2, { wallMs: 9 })));

/** n2 tells n1 that there is an A:2. */
const told = (stage: Stage, round = 7): Stage => stage.message(digest(B, 'n1', { claims: [dot(A, 2)], round }));
/** n1 answers whom it has read. */
const answered = (stage: Stage, to: string, answers: number): Stage =>
  stage.message(digest(A, to, { claims: [dot(A, 1)], answers }));

t.test('§1.0.1 rule 2: who was set back and has met nobody may use positions again: a limit, no violation', (t) => {
  t.equal(reuse(setBack()), 'excused');
  t.end();
});

t.test('§1.0.1 rule 2: who was told, and has read it, may not', (t) => {
  t.equal(reuse(answered(told(setBack()), 'n2', 7)), 'dot-names-one-batch');
  t.equal(reuse(answered(told(setBack()), 'n2', 8)), 'dot-names-one-batch', 'or something later of the same one');
  t.end();
});

t.test('§1.0.1 rule 2: what it has not read it was not told', (t) => {
  t.equal(reuse(told(setBack())), 'excused', 'it may be lost on its way');
  t.equal(reuse(answered(told(setBack()), 'n2', 6)), 'excused', 'it answers something before that');
  t.equal(reuse(answered(told(setBack()), 'n3', 7)), 'excused', 'it answers another one, who has not told it');
  t.end();
});

t.test('§1.0.1 rule 2: rounds of two lives of a member are not compared', (t) => {
  const wiped = told(setBack()).wipe('n2').start('n2').turn('n2');
  t.equal(reuse(answered(wiped, 'n2', 8)), 'excused', 'what it answers is of the empty one');
  t.end();
});

t.test('§1.0.1 rule 2: what is sent to a replica that is down tells it nothing', (t) => {
  const all = [batch(A, 1), batch(A, 2)] as const;
  const down = new Stage().has('n1 n2 n3', ...all).rollBack('n1');
  down.message(digest(B, 'n1', { claims: [dot(A, 1)], round: 7 }));
  t.equal(
    reuse(answered(down.start('n1', batch(A, 1)).turn('n1'), 'n2', 8)),
    'excused',
    'n2 knows no more than it has',
  );
  const again = told(setBack()).crash('n1').start('n1', batch(A, 1)).turn('n1');
  t.equal(reuse(answered(again, 'n2', 8)), 'excused', 'nor does what its former life was told');
  t.equal(reuse(answered(told(again, 9), 'n2', 9)), 'dot-names-one-batch', 'until somebody tells it again');
  t.end();
});

t.test('§1.0.1 rule 2: nobody is told by whoever knows no more', (t) => {
  const same = setBack().message(digest(B, 'n1', { claims: [dot(A, 1)], round: 7 }));
  t.equal(reuse(answered(same, 'n2', 7)), 'excused');
  const others = setBack().has('n2', batch(B, 1));
  others.message(digest(B, 'n1', { claims: [dot(A, 1), dot(B, 1)], round: 7 }));
  t.equal(reuse(answered(others, 'n2', 7)), 'excused', 'more of another origin is none of its own');
  const elsewhere = setBack().message(digest(B, 'n3', { claims: [dot(A, 2)], round: 7 }));
  t.equal(reuse(answered(elsewhere, 'n2', 7)), 'excused', 'nor by what is told to somebody else');
  t.end();
});

t.test('raft.md W1: who has lost the end of its log to rot is as if set back, where others have it', (t) => {
  const all = [batch(A, 1), batch(A, 2)] as const;
  const rotten = (): Stage =>
    new Stage()
      .has('n1 n2', ...all)
      .crash('n1')
      .start('n1', batch(A, 1))
      .turn('n1');
  t.equal(reuse(rotten()), 'excused');
  t.equal(reuse(answered(told(rotten()), 'n2', 7)), 'dot-names-one-batch', 'until it has met them');
  const others = new Stage().has('n1', batch(A, 1), batch(B, 1)).has('n2 n3', batch(A, 1), batch(B, 1), batch(A, 2));
  t.equal(
    reuse(others.crash('n1').start('n1', batch(A, 1)).turn('n1')),
    'dot-names-one-batch',
    'it had no more itself',
  );
  t.end();
});

t.test('§1.0.1 rule 2: nobody else is excused', (t) => {
  const all = [batch(A, 1), batch(A, 2)] as const;
  const stage = (): Stage => new Stage().has('n1 n2', ...all);
  t.equal(
    Stage.broken(() =>
      stage()
        .rollBack('n2')
        .start('n2', ...all)
        .has('n1', batch(A, 2, { wallMs: 9 })),
    ),
    'dot-names-one-batch',
    'who was not set back itself',
  );
  t.equal(
    Stage.broken(() =>
      setBack()
        .has('n2', batch(C, 1))
        .has('n3', batch(C, 1, { wallMs: 9 })),
    ),
    'dot-names-one-batch',
    'other origins',
  );
  t.equal(
    Stage.broken(() =>
      stage()
        .wipe('n1')
        .start('n1')
        .turn('n1')
        .has('n1', batch(A, 1, { wallMs: 9 })),
    ),
    'dot-names-one-batch',
    'who has an empty disk: it must take another incarnation',
  );
  t.end();
});

t.test('§1.0.1 rule 2: who is set back once more is excused once more', (t) => {
  const again = answered(told(setBack()), 'n2', 7).rollBack('n1').start('n1', batch(A, 1)).turn('n1');
  t.equal(reuse(again), 'excused');
  t.end();
});

t.test('raft.md W1: rot that took the end of a log sets nobody back who has told nobody of it', (t) => {
  const rotten = (others: readonly ReturnType<typeof batch>[]): string | null => {
    const told = batch(B, 1, { counter: 4 });
    const stage = new Stage().has('n1', batch(A, 1), told, batch(A, 2, { counter: 5 })).has('n2', told, ...others);
    stage.message(digest(A, 'n2', { claims: [dot(A, 1)], counter: 4 }));
    stage.crash('n1').start('n1', batch(A, 1), told).turn('n1');
    return Stage.broken(() => stage.has('n1', batch(A, 2, { counter: 3 })));
  };
  t.equal(rotten([batch(A, 1)]), 'above-what-was-told', 'it has what all others have of it');
  t.equal(rotten([batch(A, 1), batch(A, 2, { counter: 5 })]), 'excused', 'somebody has more');
  t.end();
});
