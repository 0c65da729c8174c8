import t from 'tap';
import { A, ack, B, batch, delta, digest, dot, put, Stage, syncEnd } from './stage.js';

/** n1 has A:1 and B:1 on its disk. */
const ready = (): Stage => new Stage().has('n1', batch(A, 1), batch(B, 1));

t.test('reliability.md §0.3: nothing is claimed before it is on the disk of who says it', (t) => {
  const claimed = (...claims: ReturnType<typeof dot>[]): (string | null)[] =>
    [digest(A, 'n2', { claims }), ack('n1', 'n2', ...claims), syncEnd('n1', 'n2', ...claims)].map((message) =>
      Stage.broken(() => ready().message(message)),
    );
  t.same(claimed(dot(A, 1), dot(B, 1)), [null, null, null], 'digests, acknowledgements and full syncs');
  t.same(claimed(dot(A, 1), dot(B, 2)), ['durable-before-ack', 'durable-before-ack', 'durable-before-ack']);
  t.end();
});

t.test('reliability.md §0.3: what only the disk of another one has is no excuse; what a checkpoint holds is', (t) => {
  const stage = ready().has('n2', batch(B, 1), batch(B, 2));
  t.equal(
    Stage.broken(() => stage.message(ack('n1', 'n2', dot(B, 2)))),
    'durable-before-ack',
  );
  stage.checkpoint('n1', [dot(A, 1), dot(B, 2)]);
  t.equal(
    Stage.broken(() => stage.message(ack('n1', 'n2', dot(B, 2)))),
    null,
  );
  t.end();
});

t.test('reliability.md §0.3: what a disk had counts as long as it is that disk', (t) => {
  const claim = ack('n1', 'n2', dot(A, 1));
  t.equal(
    Stage.broken(() => ready().crash('n1').start('n1', batch(A, 1)).message(claim)),
    null,
  );
  t.equal(
    Stage.broken(() => ready().wipe('n1').start('n1').message(claim)),
    'durable-before-ack',
  );
  t.equal(
    Stage.broken(() => ready().rollBack('n1').start('n1').message(claim)),
    'durable-before-ack',
  );
  t.end();
});

t.test('§1.0.6: a counter is on disk before it is told', (t) => {
  const told = (counter: number, stage = new Stage()): string | null => {
    stage.has('n1', batch(A, 1, { counter: 5, commands: [put('k', '1'), put('k', '2')] }));
    return Stage.broken(() => stage.message(digest(A, 'n2', { counter })));
  };
  t.equal(told(6), null, 'the last command');
  t.equal(told(7), 'durable-before-ack');
  t.equal(told(9, new Stage().checkpoint('n1', [], 9)), null, 'a checkpoint keeps it');
  t.equal(told(10, new Stage().checkpoint('n1', [], 9)), 'durable-before-ack');
  const begun = (stage: Stage): string | null =>
    Stage.broken(() => stage.start('n1').message(digest(A, 'n2', { counter: 1 })));
  t.equal(begun(ready().crash('n1')), null);
  t.equal(begun(ready().wipe('n1')), 'durable-before-ack', 'not that of the last disk');
  t.end();
});

t.test('no batch is passed on that its sender may still lose', (t) => {
  t.equal(
    Stage.broken(() => ready().message(delta('n1', 'n2', batch(A, 1), batch(B, 1)))),
    null,
  );
  t.equal(
    Stage.broken(() => ready().message(delta('n1', 'n2', batch(A, 1), batch(A, 2)))),
    'durable-before-push',
    'its own',
  );
  t.equal(
    Stage.broken(() => ready().message(delta('n1', 'n3', batch(B, 2)))),
    'durable-before-push',
    "another origin's",
  );
  t.end();
});

t.test('the batches of each origin come in order and without a gap', (t) => {
  const stage = ready().has('n1', batch(A, 2), batch(A, 3), batch(B, 2));
  const sent = (...batches: ReturnType<typeof batch>[]): string | null =>
    Stage.broken(() => stage.message(delta('n1', 'n2', ...batches)));
  t.equal(sent(batch(A, 1), batch(B, 1), batch(A, 2), batch(B, 2)), null, 'origins take turns');
  t.equal(sent(batch(A, 2), batch(A, 3)), null, 'from anywhere');
  t.equal(sent(batch(A, 1), batch(A, 3)), 'deltas-in-order');
  t.equal(sent(batch(A, 2), batch(A, 1)), 'deltas-in-order');
  t.equal(sent(batch(A, 1), batch(B, 1), batch(A, 1)), 'deltas-in-order', 'nor one twice');
  t.end();
});
