import t from 'tap';
import type { Seen } from '../../../../../src/replica/router.js';
import { A, B, batch, del, dot, put, Stage, stored } from './stage.js';

const A1 = batch(A, 1);
const B1 = batch(B, 1);

/** A client has seen `seen`, and writes `v` as A:1. */
function after(seen: Seen, header: Parameters<typeof batch>[2], stage = new Stage()): string | null {
  return Stage.broken(() =>
    stage.submitted({ value: 'v', seen }).has('n1', batch(A, 1, { ...header, commands: [put('k', 'v')] })),
  );
}

/** The same with a delete, which is known by what its client is told. */
function deletedAfter(seen: Seen, header: Parameters<typeof batch>[2], stage = new Stage()): string | null {
  stage.has('n1', batch(A, 1, { ...header, commands: [del('k')] }));
  return Stage.broken(() => stage.written('n1', { value: null, seen }, dot(A, 1)));
}

t.test('§1.2.4: a write has a later time than all that its client had seen', (t) => {
  for (const write of [after, deletedAfter]) {
    t.equal(write({ counter: 5 }, { counter: 6 }), null);
    t.equal(write({ counter: 5 }, { counter: 5 }), 'above-what-was-seen');
    t.equal(write({ counter: 5 }, { counter: 5 }, new Stage({ engine: 'lww' })), 'above-what-was-seen');
  }
  const second = (counter: number): string | null =>
    Stage.broken(() =>
      new Stage()
        .submitted({ value: 'v', seen: { counter: 5 } })
        .has('n1', batch(A, 1, { counter, commands: [put('k', 'of somebody'), put('k', 'v')] })),
    );
  t.equal(second(5), null, 'its own command of the batch counts');
  t.equal(second(4), 'above-what-was-seen');
  t.equal(
    Stage.broken(() => new Stage().submitted({ value: 'n1~a:1' }).has('n1', A1)),
    null,
    'who has no session has seen nothing',
  );
  t.end();
});

t.test('§1.2.1: causal: a write depends on all that its client had seen', (t) => {
  const seen = { dots: [dot(B, 1)] };
  for (const write of [after, deletedAfter]) {
    const known = (stage = new Stage()): Stage => stage.has('n1 n2', B1);
    t.equal(write(seen, { counter: 2, dependencies: [dot(B, 1)] }, known()), null);
    t.equal(write(seen, { counter: 2 }, known()), 'dependencies-complete');
    t.equal(write(seen, { counter: 2 }, known(new Stage({ engine: 'lww' }))), null, 'lww promises no such thing');
    const lost = new Stage().has('n2', B1).wipe('n2').start('n2').turn('n2');
    t.equal(write(seen, { counter: 2 }, lost), null, 'but on what is lost with all disks that had it');
  }
  const own = new Stage().submitted({ value: 'v', seen: { dots: [dot(A, 1)] } });
  t.equal(
    Stage.broken(() => own.has('n1', A1, batch(A, 2, { commands: [put('k', 'v')] }))),
    null,
    'its origin writes in order',
  );
  t.end();
});

t.test('reliability.md §0.3: a write is applied and on disk where its client is told', (t) => {
  const told = (stage: Stage): string | null => Stage.broken(() => stage.written('n1', { value: 'n1~a:1' }, dot(A, 1)));
  t.equal(told(new Stage().has('n1', A1)), null);
  t.equal(told(new Stage().durable('n1', stored(A1))), 'acknowledged-applied');
  const early = new Stage().has('n2', A1);
  early.member('n1').vector.set(A, 1);
  t.equal(told(early), 'acknowledged-durable', 'it is on another disk only');
  t.end();
});

t.test('a client is told where its own write stands', (t) => {
  const told = (key: string, value: string | null, stage = new Stage().has('n1', A1)): string | null =>
    Stage.broken(() => stage.written('n1', { key, value }, dot(A, 1)));
  t.equal(told('k', 'n1~a:1'), null);
  t.equal(told('k', 'another'), 'acknowledged-durable');
  t.equal(told('l', 'n1~a:1'), 'acknowledged-durable');
  t.equal(told('k', null), 'acknowledged-durable', 'a put is no delete');
  const lost = new Stage().has('n1', A1).wipe('n1').start('n1').turn('n1');
  lost.member('n1').vector.set(A, 1);
  t.equal(told('k', 'another', lost), null, 'of what is lost nobody knows what it was');
  t.end();
});

t.test('a delete that writes nothing has found nothing', (t) => {
  const told = (value: string | null, stage = new Stage({ conflicts: 'siblings' })): string | null =>
    Stage.broken(() => stage.written('n1', { value }, null));
  t.equal(told(null), null);
  t.equal(told(null, new Stage().has('n2', A1)), null, 'where it was asked for');
  t.equal(told(null, new Stage().has('n1', A1)), 'read-shows-winner');
  t.equal(told(null, new Stage({ conflicts: 'siblings' }).has('n1', A1)), 'siblings-kept');
  t.equal(told(null, new Stage().has('n1', A1, batch(A, 2, { commands: [del('k')] }))), null, 'it was deleted before');
  t.equal(told('v'), 'acknowledged-durable', 'a put writes something');
  t.end();
});

t.test('a write is on as many disks as its level says before its client is told (docs/guarantees.md, levels)', (t) => {
  const told = (level: 'one' | 'quorum' | 'all', ...others: readonly string[]): string | null => {
    const stage = new Stage().has('n1', A1);
    for (const id of others) stage.durable(id, stored(A1));
    return Stage.broken(() => stage.written('n1', { level, value: 'n1~a:1' }, dot(A, 1)));
  };
  t.equal(told('one'), null);
  t.equal(told('quorum', 'n2'), null);
  t.equal(told('quorum'), 'level-before-reply');
  t.equal(told('all', 'n2', 'n3'), null);
  t.equal(told('all', 'n2'), 'level-before-reply');
  const gone = new Stage().has('n1 n2', A1).wipe('n2').start('n2').turn('n2');
  t.equal(
    Stage.broken(() => gone.written('n1', { level: 'quorum', value: 'n1~a:1' }, dot(A, 1))),
    null,
    'a disk that was taken away after it had it has had it',
  );
  t.end();
});

t.test('what clients were told is remembered, until it is lost with all disks that had it', (t) => {
  const stage = new Stage().has('n1', A1, batch(A, 2)).has('n2', A1);
  stage.written('n1', { value: 'n1~a:1' }, dot(A, 1)).written('n1', { value: 'n1~a:2' }, dot(A, 2));
  t.same([...stage.checks.promises.acknowledged()], [dot(A, 1), dot(A, 2)]);
  stage.wipe('n1').start('n1').turn('n1');
  t.same([...stage.checks.promises.acknowledged()], [dot(A, 1)]);
  t.end();
});

t.test('§1.2.5: a session is served where everything in it was applied', (t) => {
  const seen = { dots: [dot(B, 1)] };
  const served = (stage: Stage): (string | null)[] => [
    Stage.broken(() => stage.read('n1', { key: 'other', seen }, [])),
    Stage.broken(() => stage.written('n1', { key: 'other', seen, value: null }, null)),
  ];
  t.same(served(new Stage().has('n1 n2', B1)), [null, null]);
  t.same(served(new Stage().has('n2', B1)), ['session-honoured', 'session-honoured']);
  t.same(served(new Stage().has('n2', B1).durable('n1', stored(B1))), ['session-honoured', 'session-honoured']);
  const lost = new Stage().has('n2', B1).wipe('n2').start('n2');
  t.same(served(lost), ['session-honoured', 'session-honoured'], 'it may still be somewhere');
  t.same(served(lost.turn('n2')), [null, null], 'what is lost with all disks that had it is not waited for');
  t.end();
});

t.test('§1.2.5: a refusal has a reason: something that the client has seen is missing', (t) => {
  for (const code of ['dependencies_not_satisfied', 'causal_history_lost'] as const) {
    const refused = (stage: Stage, asked: Parameters<Stage['refused']>[1]): string | null =>
      Stage.broken(() => stage.refused('n1', asked, code));
    const all = new Stage().has('n1 n2', B1);
    t.equal(refused(all, { seen: { dots: [dot(B, 1)] } }), 'refused-with-reason', 'everything is here');
    t.equal(refused(all, { seen: null, context: [dot(B, 1)] }), 'refused-with-reason');
    t.equal(refused(all, { seen: null }), 'refused-with-reason', 'nothing was asked for');
    const nowhere = { dots: [dot(B, 2)] };
    t.equal(refused(all, { seen: nowhere }), null);
    t.equal(refused(all, { seen: null, context: nowhere.dots }), null, 'also what the write replaces');
  }
  t.equal(
    Stage.broken(() => new Stage().refused('n1', {}, 'busy')),
    null,
    'other refusals are about something else',
  );
  t.end();
});

t.test('§1.2.5: 503 where it is missing here; 410 only where it is missing everywhere', (t) => {
  const seen = { dots: [dot(B, 1)] };
  const refused = (stage: Stage, code: 'dependencies_not_satisfied' | 'causal_history_lost'): string | null =>
    Stage.broken(() => stage.refused('n1', { seen }, code));
  const elsewhere = (): Stage => new Stage().has('n2', B1);
  t.equal(refused(elsewhere(), 'dependencies_not_satisfied'), null);
  t.equal(refused(elsewhere(), 'causal_history_lost'), 'refused-with-reason');
  t.equal(refused(elsewhere().crash('n2'), 'causal_history_lost'), 'refused-with-reason', 'it is only down');
  t.equal(refused(elsewhere().wipe('n2').start('n2'), 'causal_history_lost'), 'refused-with-reason', 'nobody can know');
  t.equal(refused(elsewhere().wipe('n2').start('n2').turn('n2'), 'causal_history_lost'), null);
  t.equal(
    refused(new Stage().has('n2 n3', B1).wipe('n2').start('n2').turn('n2'), 'causal_history_lost'),
    'refused-with-reason',
    'also when its own replica is another incarnation by now: a third one has it',
  );
  t.end();
});

t.test('§1.2.5: of several things that are missing one that is gone is enough for 410', (t) => {
  const stage = new Stage().has('n2', B1).has('n3', A1).wipe('n2').start('n2').turn('n2');
  t.equal(
    Stage.broken(() => stage.refused('n1', { seen: { dots: [dot(A, 1), dot(B, 1)] } }, 'causal_history_lost')),
    null,
  );
  t.equal(
    Stage.broken(() => stage.refused('n1', { seen: { dots: [dot(A, 1)] } }, 'causal_history_lost')),
    'refused-with-reason',
  );
  t.end();
});

t.test('§1.2.5: who was set back says nothing about what it has forgotten before others have', (t) => {
  const seen = { dots: [dot(A, 2)] };
  const all = [A1, batch(A, 2)] as const;
  const lost = (stage: Stage): string | null =>
    Stage.broken(() => stage.start('n1', A1).turn('n1').refused('n1', { seen }, 'causal_history_lost'));
  t.equal(lost(new Stage().has('n1', ...all).rollBack('n1')), null, 'nobody else has it');
  t.equal(lost(new Stage().has('n1 n2', ...all).rollBack('n1')), 'refused-with-reason');
  t.equal(lost(new Stage().has('n1 n2', ...all).wipe('n1')), 'refused-with-reason', 'an empty folder is noticed');
  const other = new Stage().has('n1 n2', A1, B1).rollBack('n1').start('n1', A1).turn('n1');
  t.equal(
    Stage.broken(() => other.refused('n1', { seen: { dots: [dot(B, 1)] } }, 'causal_history_lost')),
    'refused-with-reason',
    'what another one wrote that one knows',
  );
  t.end();
});
