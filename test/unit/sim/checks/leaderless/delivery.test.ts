import t from 'tap';
import { A, B, batch, cutTo, dot, Stage, stored, syncEnd } from './stage.js';

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

const A3 = batch(A, 3);

t.test('§1.0.3: no batch is left out', (t) => {
  const after = (...batches: readonly (typeof A3)[]): string | null => {
    const stage = new Stage().durable('n1', ...all.map(stored), stored(A3)).delivered('n1', ...batches);
    return Stage.broken(() => stage.delivered('n1', A3));
  };
  t.equal(after(...all), null);
  t.equal(after(all[0]), 'delivered-in-order');
  t.equal(after(), 'delivered-in-order', 'the first ones');
  t.end();
});

/** n2 has A:1 and A:2, and has cut them from its log; n1 has nothing. */
const cut = (): Stage => new Stage().has('n2', ...all).checkpoint('n2', [dot(A, 2)]);

t.test('§1.0.5: what follows a full sync follows what its end stands for', (t) => {
  const next = (stage: Stage): string | null => {
    stage.checkpoint('n1', [dot(A, 2)]).durable('n1', cutTo('checkpoint', dot(A, 2)), stored(A3));
    return Stage.broken(() => stage.deliveredAt('n1', 3, A3));
  };
  t.equal(next(cut().synced('n2', 'n1', dot(A, 2))), null);
  const more = cut().has('n2', A3, batch(A, 4)).synced('n2', 'n1', dot(A, 4));
  t.equal(next(more), null, 'one that was on its way to the disk meanwhile');
  t.equal(next(cut().synced('n2', 'n1', dot(A, 1))), 'delivered-in-order', 'it stood for less');
  t.equal(next(cut().message(syncEnd('n2', 'n3', dot(A, 2)))), 'delivered-in-order', 'it was sent to somebody else');
  t.equal(next(cut()), 'delivered-in-order', 'there was none');
  t.equal(
    next(
      cut()
        .message(syncEnd('n2', 'n1', dot(A, 2)))
        .crash('n1')
        .start('n1'),
    ),
    'delivered-in-order',
    'a former life had asked for it',
  );
  t.end();
});

t.test('§1.0.5: a life begins with its checkpoint', (t) => {
  const next = (stage: Stage): string | null => {
    stage.member('n1').vector.set(A, 2);
    stage.durable('n1', cutTo('checkpoint', dot(A, 2)), stored(A3));
    return Stage.broken(() => stage.delivered('n1', A3).turn('n1'));
  };
  const again = (): Stage => {
    const stage = cut()
      .synced('n2', 'n1', dot(A, 2))
      .checkpoint('n1', [dot(A, 2)]);
    return stage.crash('n1').start('n1');
  };
  t.equal(next(again().found('n1', [dot(A, 2)])), null);
  t.equal(next(again()), 'delivered-in-order', 'it did not find it');
  t.end();
});

t.test('§1.0.5: a state stands for what was applied and brought, and for nothing else', (t) => {
  const stands = (stage: Stage, seq: number): string | null => {
    stage.member('n1').vector.set(A, seq);
    return Stage.broken(() => stage.turn('n1'));
  };
  t.equal(stands(new Stage().has('n1', ...all), 2), null);
  t.equal(stands(new Stage().has('n1', ...all), 3), 'delivered-in-order');
  t.equal(stands(cut().synced('n2', 'n1', dot(A, 2)), 2), null);
  t.equal(stands(cut().synced('n2', 'n1', dot(A, 2)), 3), 'delivered-in-order');
  t.equal(stands(cut(), 1), 'delivered-in-order', 'of what others have');
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
      stage.durable('n3', ...later.map(stored)).synced('n2', 'n3', dot(B, 1));
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
