import t from 'tap';
import { A, B, batch, C, Stage } from './stage.js';

const A1 = batch(A, 1);
const A2 = batch(A, 2);
const B1 = batch(B, 1);

t.test('reliability.md §3.3: who has applied the same has the same state', (t) => {
  const other = (batches: readonly (typeof A1)[], change: Parameters<Stage['turn']>[1]): string | null => {
    const stage = new Stage()
      .has('n1 n3', A1, A2, B1)
      .turn('n1', { hash: 'one' })
      .has('n2', ...batches);
    return Stage.broken(() => stage.turn('n2', change));
  };
  t.equal(other([B1, A1, A2], { hash: 'one' }), null);
  t.equal(other([B1, A1, A2], { hash: 'another' }), 'strong-convergence');
  t.equal(other([B1, A1], { hash: 'another' }), null, 'at another vector there is no telling');
  t.equal(other([B1, A1, A2], { hash: 'another', collectedTo: 1 }), null, 'nor with fewer tombstones');
  const none = new Map([
    [C, 0],
    [A, 2],
    [B, 1],
  ]);
  t.equal(
    other([B1, A1, A2], { vector: none, hash: 'another' }),
    'strong-convergence',
    'who has nothing of an origin has nothing of it',
  );
  t.end();
});

t.test('reliability.md §3.3: whenever: also long after the first one has gone on', (t) => {
  const stage = new Stage().has('n1', A1).turn('n1', { hash: 'one' }).has('n1', A2).turn('n1').has('n2', A1);
  t.equal(
    Stage.broken(() => stage.turn('n2', { hash: 'another' })),
    'strong-convergence',
  );
  t.end();
});

t.test('reliability.md §3.3: its own next life has the same state as well', (t) => {
  const next = (hash: string): string | null => {
    const stage = new Stage().has('n1', batch(A, 1)).turn('n1', { hash: 'one' }).crash('n1').start('n1', batch(A, 1));
    return Stage.broken(() => stage.turn('n1', { hash }));
  };
  t.equal(next('one'), null);
  t.equal(next('another'), 'strong-convergence');
  t.end();
});

t.test('reliability.md §3.3: positions that nobody has any more may stand for something else', (t) => {
  const again = (stage: Stage): string | null =>
    Stage.broken(() => {
      stage.wipe('n1').start('n1').turn('n1');
      stage.has('n1', batch(A, 1, { wallMs: 5 })).turn('n1', { hash: 'another' });
    });
  const alone = new Stage().has('n1', batch(A, 1)).turn('n1', { hash: 'one' });
  t.equal(again(alone), null);
  const kept = new Stage().has('n1 n2', batch(A, 1)).turn('n1', { hash: 'one' });
  t.equal(again(kept), 'dot-names-one-batch', 'but not where somebody has them');
  const wiped = new Stage().has('n1 n2', batch(A, 1)).turn('n1', { hash: 'one' }).wipe('n1').start('n1').turn('n1');
  t.equal(
    Stage.broken(() => wiped.has('n1', batch(A, 1)).turn('n1', { hash: 'another' })),
    'strong-convergence',
    'nor where nothing was lost',
  );
  t.end();
});

t.test('reliability.md §3.3: states that members stand at while something is lost are compared all the same', (t) => {
  const stage = new Stage().has('n1', batch(A, 1)).has('n2', batch(B, 1)).turn('n2', { hash: 'one' });
  stage.wipe('n1').start('n1').turn('n1').turn('n2');
  t.equal(
    Stage.broken(() => stage.has('n3', batch(B, 1)).turn('n3', { hash: 'another' })),
    'strong-convergence',
  );
  t.end();
});
