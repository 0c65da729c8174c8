import t from 'tap';
import type { OriginBatch } from '../../../../../src/engines/leaderless/types.js';
import { BATCH_SIBLINGS_MAX } from '../../../../../src/kv/dotted/merge.js';
import { Truth } from '../../../../../src/sim/checks/leaderless/truth.js';
import { A, B, batch, C, del, dot, put, rawBatch, Stage } from './stage.js';

/** What somebody makes of these batches, one after the other. */
function seen(...batches: readonly OriginBatch[]): Truth {
  const truth = new Truth();
  for (const { encoded } of batches) truth.see(encoded, 'n1');
  return truth;
}

const brokenBy = (...batches: readonly OriginBatch[]): string | null => Stage.broken(() => seen(...batches));

t.test('what is on a disk or a link can be read, and needs no order of all writes', (t) => {
  t.equal(brokenBy(batch(A, 1, { commands: [put('k', 'v'), del('k')] })), null);
  t.equal(
    Stage.broken(() => new Truth().see(new Uint8Array([1, 2, 3]), 'n1')),
    'batches-decode',
  );
  t.equal(brokenBy(rawBatch({ origin: A, seq: 1 }, new Uint8Array([0xff]))), 'batches-decode', 'what is in it');
  const append = { op: 'append', key: 'k', value: Buffer.from('v'), maxBytes: 10 } as const;
  t.equal(brokenBy(batch(A, 1, { commands: [{ operations: [append] }] })), 'batches-decode', 'an append');
  const [one] = put('k', 'v').operations;
  const both = { operations: one === undefined ? [] : [one, one] };
  t.equal(brokenBy(batch(A, 1, { commands: [both] })), 'batches-decode', 'several at once');
  t.end();
});

t.test('§1.0.2: a dot names the same bytes for ever', (t) => {
  t.equal(brokenBy(batch(A, 1), batch(A, 1)), null, 'the same, read twice');
  t.equal(brokenBy(batch(A, 1), batch(A, 1, { commands: [put('k', 'another')] })), 'dot-names-one-batch');
  t.equal(
    brokenBy(batch(A, 1), batch(A, 1, { wallMs: 1 })),
    'dot-names-one-batch',
    'also where only the header differs',
  );
  t.equal(brokenBy(batch(A, 1), batch(B, 1, { commands: [put('k', 'another')] })), null, 'of another origin');
  t.end();
});

t.test('§1.0.2: nobody has a clock to which nobody has counted', (t) => {
  t.equal(brokenBy(batch(A, 1, { counter: 2 ** 40 })), null);
  t.equal(brokenBy(batch(A, 1, { counter: 2 ** 40 + 1 })), 'clock-admitted');
  t.end();
});

t.test('§1.0.2: along one origin counters rise by as many as there are commands, and boots never fall', (t) => {
  const first = batch(A, 1, { counter: 5, boot: 2, commands: [put('k', '1'), put('k', '2')] });
  t.equal(brokenBy(first, batch(A, 2, { counter: 7, boot: 2 })), null);
  t.equal(brokenBy(first, batch(A, 2, { counter: 6, boot: 2 })), 'timestamps-rise');
  t.equal(brokenBy(first, batch(A, 2, { counter: 7, boot: 3 })), null);
  t.equal(brokenBy(first, batch(A, 2, { counter: 7, boot: 1 })), 'timestamps-rise');
  t.equal(brokenBy(batch(A, 2, { counter: 7 }), batch(A, 1, { counter: 6 })), null, 'whichever is seen first');
  t.equal(brokenBy(batch(A, 2, { counter: 7 }), batch(A, 1, { counter: 7 })), 'timestamps-rise');
  t.end();
});

t.test('of what was applied the greatest timestamp wins, and of equal counters the greater origin', (t) => {
  const truth = seen(batch(A, 1, { counter: 4 }), batch(B, 1, { counter: 4 }), batch(C, 1, { counter: 3 }));
  const winner = (...applied: Parameters<typeof dot>[]): string | null | undefined =>
    truth.winner('k', new Map(applied))?.value;
  t.equal(winner([A, 1], [B, 1], [C, 1]), 'n2~b:1');
  t.equal(winner([A, 1], [C, 1]), 'n1~a:1');
  t.equal(winner([C, 1]), 'n3~c:1');
  t.equal(winner(), undefined);
  t.end();
});

t.test('§1.1.4: a write replaces its context, and a delete without one what its writer had', (t) => {
  const kept = (last: OriginBatch): (string | null)[] => {
    const truth = seen(batch(A, 1), batch(B, 1), last);
    const all = new Map([
      [A, 1],
      [B, 1],
      [C, 1],
    ]);
    return truth.siblings('k', all).map(({ value }) => value);
  };
  const header = { counter: 5, dependencies: [dot(A, 1)] };
  t.same(kept(batch(C, 1, header)), ['n3~c:1', 'n2~b:1', 'n1~a:1'], 'a put without a context replaces nothing');
  t.same(kept(batch(C, 1, { ...header, commands: [put('k', 'v', { context: [dot(B, 1)] })] })), ['v', 'n1~a:1']);
  t.same(kept(batch(C, 1, { ...header, commands: [del('k', { context: [dot(B, 1)] })] })), ['n1~a:1']);
  t.same(kept(batch(C, 1, { ...header, commands: [del('k')] })), ['n2~b:1'], 'it depends on the other one');
  t.same(
    kept(batch(C, 1, { ...header, commands: [put('k', '1'), del('k'), put('k', '3')] })),
    ['3', 'n2~b:1'],
    'its own, before it in the batch',
  );
  t.end();
});

t.test(`of more than ${BATCH_SIBLINGS_MAX} siblings that one batch wrote the oldest may be missing`, (t) => {
  const commands = Array.from({ length: BATCH_SIBLINGS_MAX + 1 }, (_, at) => put('k', `${at}`));
  const truth = seen(batch(A, 1, { commands: [...commands, put('l', 'of another key')] }));
  const crowded = truth.siblings('k', new Map([[A, 1]])).filter((write) => truth.isCrowdedOut(write));
  t.same(
    crowded.map(({ value }) => value),
    ['0'],
  );
  t.end();
});

t.test('what is lost wins nowhere, and its position may be taken again', (t) => {
  const truth = seen(batch(A, 1), batch(A, 2));
  t.equal(truth.isLost(dot(A, 2)), false);
  truth.lose(dot(A, 2));
  t.equal(truth.isLost(dot(A, 2)), true);
  t.equal(truth.isLost(dot(A, 1)), false);
  t.equal(truth.winner('k', new Map([[A, 2]]))?.value, 'n1~a:1');
  t.equal(
    Stage.broken(() => truth.see(batch(A, 2, { wallMs: 9 }).encoded, 'n1')),
    null,
  );
  t.end();
});

t.test('what takes the position of something that is lost is not lost', (t) => {
  const truth = seen(batch(A, 1), batch(A, 2));
  for (const seq of [1, 2]) truth.lose(dot(A, seq));
  truth.see(batch(A, 1, { wallMs: 9 }).encoded, 'n1');
  t.equal(truth.isLost(dot(A, 1)), false);
  t.equal(truth.isLost(dot(A, 2)), true);
  t.end();
});

t.test('the last batch of each origin up to a counter stands for those before it', (t) => {
  const truth = seen(batch(A, 1), batch(A, 2), batch(A, 3), batch(B, 1, { counter: 3 }));
  t.same(
    [...truth.upTo(2)].map((known) => known.dot),
    [dot(A, 2)],
  );
  t.end();
});
