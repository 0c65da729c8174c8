import t from 'tap';
import { A, B, batch, dot, Stage, stored } from './stage.js';

/** B:1 was written by somebody who had A:2. */
const B1 = batch(B, 1, { counter: 3, dependencies: [dot(A, 2)] });
const all = [batch(A, 1), batch(A, 2)] as const;

t.test('reliability.md §0.3: what is applied is on the disk', (t) => {
  const [first] = all;
  t.equal(
    Stage.broken(() => new Stage().durable('n1', stored(first)).delivered('n1', first)),
    null,
  );
  t.equal(
    Stage.broken(() => new Stage().delivered('n1', first)),
    'applied-durable',
  );
  t.equal(
    Stage.broken(() => new Stage().durable('n2', stored(first)).delivered('n1', first)),
    'applied-durable',
    'on its own',
  );
  t.end();
});

t.test('§1.2.1: each batch is applied once, in the order of its origin', (t) => {
  const stage = new Stage().has('n1', ...all);
  t.equal(
    Stage.broken(() => stage.delivered('n1', batch(A, 2))),
    'delivered-in-order',
    'again',
  );
  t.equal(
    Stage.broken(() => stage.delivered('n1', batch(A, 1))),
    'delivered-in-order',
    'an older one',
  );
  const ahead = new Stage().durable('n1', ...all.map(stored));
  t.equal(
    Stage.broken(() => ahead.deliveredAt('n1', 2, batch(A, 1))),
    'delivered-in-order',
    'one that its state has had already',
  );
  t.end();
});

t.test('§1.2.1: a life applies its log anew, and applies nothing before it is a life', (t) => {
  const restarted = (): Stage => new Stage().has('n1', ...all).crash('n1');
  t.equal(
    Stage.broken(() => restarted().start('n1', ...all)),
    null,
  );
  t.equal(
    Stage.broken(() =>
      restarted()
        .start('n1', ...all)
        .delivered('n1', batch(A, 2)),
    ),
    'delivered-in-order',
  );
  t.equal(
    Stage.broken(() =>
      new Stage()
        .durable('n1', ...all.map(stored))
        .crash('n1')
        .delivered('n1', batch(A, 1)),
    ),
    'delivered-in-order',
    'while it is down',
  );
  t.end();
});

t.test('§1.2.1: causal: nothing is applied before what it depends on', (t) => {
  const at = (stage: Stage): string | null => Stage.broken(() => stage.has('n3', B1));
  t.equal(at(new Stage().has('n3', ...all)), null);
  t.equal(at(new Stage().has('n3', batch(A, 1))), 'dependencies-first');
  t.equal(at(new Stage({ engine: 'lww' }).has('n3', batch(A, 1))), null, 'lww promises no such thing');
  t.end();
});

t.test('§1.2.1: causal: what an origin has said once holds for all that it writes later', (t) => {
  const later = [B1, batch(B, 2, { counter: 4 })] as const;
  const stage = new Stage().has('n2', ...all, ...later);
  t.equal(
    Stage.broken(() => {
      stage.durable('n3', ...later.map(stored)).member('n3').vector = new Map([[B, 1]]);
      stage.delivered('n3', later[1]);
    }),
    'dependencies-first',
  );
  t.end();
});

t.test('§1.2.1: causal: what is lost with all disks that had it is not waited for', (t) => {
  const written = (): Stage => new Stage().has('n2', B1).has('n1', ...all);
  const at = (stage: Stage): string | null => Stage.broken(() => stage.has('n3', B1));
  t.equal(
    Stage.broken(() => written()),
    'dependencies-first',
  );
  const lost = (): Stage =>
    new Stage()
      .has('n1', ...all)
      .durable('n2', stored(B1))
      .wipe('n1')
      .start('n1');
  t.equal(at(lost().turn('n1')), null);
  t.equal(at(lost()), 'dependencies-first', 'it is not known yet what the next disk has');
  const kept = new Stage()
    .has('n1 n2', ...all)
    .durable('n2', stored(B1))
    .wipe('n1')
    .start('n1')
    .turn('n1');
  t.equal(at(kept), 'dependencies-first', 'another disk has it');
  t.end();
});
