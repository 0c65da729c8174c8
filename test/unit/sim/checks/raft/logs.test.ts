import t from 'tap';
import { append, entry, hardState, Stage, stored } from './stage.js';

const send = (
  stage: Stage,
  from: string,
  prevIndex: number,
  prevTerm: number,
  ...entries: ReturnType<typeof entry>[]
) => stage.message(from, 9, 'appendRequest', { to: 'n3', prevIndex, prevTerm, commit: 0, entries });

function stage(): Stage {
  return new Stage().durable('n1', hardState(9, 'n1')).durable('n2', hardState(9, 'n1'));
}

t.test('log matching: the same entry may be sent and stored by many', (t) => {
  const same = stage();
  send(same, 'n1', 0, 0, entry(1, 1, append('a')), entry(2, 1, append('b')));
  same.durable('n2', stored(entry(1, 1, append('a'))), stored(entry(2, 1, append('b'))));
  send(same, 'n1', 1, 1, entry(2, 1, append('b')));
  t.equal(
    Stage.broken(() => same.applied('n2', entry(1, 1, append('a')), 1)),
    null,
  );
  t.end();
});

t.test('log matching: one (index, term) with two payloads', (t) => {
  const other = stage();
  send(other, 'n1', 0, 0, entry(1, 1, append('a')));
  t.equal(
    Stage.broken(() => other.durable('n2', stored(entry(1, 1, append('x'))))),
    'log-matching',
  );
  t.end();
});

t.test('log matching: one (index, term) after two histories', (t) => {
  const other = stage();
  other.durable('n2', stored(entry(1, 1, append('a'))), stored(entry(2, 3, append('b'))));
  t.equal(
    Stage.broken(() => send(other, 'n1', 1, 2, entry(2, 3, append('b')))),
    'log-matching',
  );
  t.end();
});

t.test('log matching: overwriting within one write is not two histories', (t) => {
  const other = stage();
  other.durable('n2', stored(entry(1, 1, append('a'))), stored(entry(2, 1, append('b'))));
  const rewritten = [entry(3, 1, append('c')), entry(2, 2, append('d')), entry(3, 2, append('e'))].map(stored);
  t.equal(
    Stage.broken(() => other.durable('n2', ...rewritten)),
    null,
  );
  t.equal(
    Stage.broken(() => send(other, 'n1', 1, 1, entry(2, 2, append('d')), entry(3, 2, append('e')))),
    null,
  );
  t.end();
});

t.test('A7: entries are sent without a gap, in terms that never decrease', (t) => {
  t.equal(
    Stage.broken(() => send(stage(), 'n1', 0, 0, entry(2, 1, append('a')))),
    'log-matching',
  );
  t.equal(
    Stage.broken(() => send(stage(), 'n1', 1, 2, entry(2, 1, append('a')))),
    'log-matching',
  );
  t.end();
});
