import t from 'tap';
import { append, entry, Stage, stored } from './stage.js';

const session = (seq: number) => ({ clientId: 'c1', seq });

t.test('state machine safety: the same entry at the same index, everywhere', (t) => {
  const stage = new Stage().applied('n1', entry(1, 1, append('a')), 1);
  t.equal(
    Stage.broken(() => stage.applied('n2', entry(1, 1, append('a')), 1)),
    null,
  );
  t.equal(
    Stage.broken(() => stage.applied('n3', entry(1, 2, append('a')), 1)),
    'state-machine-safety',
  );
  const committed = new Stage().turn('n1', { terms: [1], commit: 1 });
  t.equal(
    Stage.broken(() => committed.applied('n2', entry(1, 2, append('a')), 1)),
    'state-machine-safety',
    'also against what another took for committed',
  );
  t.end();
});

t.test('entries are applied in order; a restart and a snapshot begin anew', (t) => {
  const one = (): Stage => new Stage().applied('n1', entry(1, 1), 0);
  t.equal(
    Stage.broken(() => one().applied('n1', entry(2, 1), 0)),
    null,
  );
  t.equal(
    Stage.broken(() => one().applied('n1', entry(3, 1), 0)),
    'apply-order',
  );
  t.equal(
    Stage.broken(() => one().checkpoint('n1', 5, 1, true).applied('n1', entry(6, 1), 0)),
    null,
  );
  t.equal(
    Stage.broken(() => one().crash('n1').start('n1', {}).applied('n1', entry(1, 1), 0)),
    null,
  );
  t.end();
});

t.test('X1: a second delivery changes nothing', (t) => {
  const stage = (): Stage => new Stage().applied('n1', entry(1, 1, append('a', session(1)), append('b')), 2);
  t.equal(Stage.broken(stage), null);
  t.equal(
    Stage.broken(() => stage().applied('n1', entry(2, 1, append('a', session(1))), 2)),
    null,
  );
  t.equal(
    Stage.broken(() => stage().applied('n1', entry(2, 1, append('a', session(1))), 3)),
    'exactly-once',
  );
  t.equal(
    Stage.broken(() => stage().applied('n1', entry(2, 1, append('c', session(2))), 3)),
    null,
  );
  t.end();
});

t.test('snapshot equivalence: the same revision after the same entry', (t) => {
  const stage = new Stage().applied('n1', entry(1, 1, append('a')), 1);
  t.equal(
    Stage.broken(() => stage.applied('n2', entry(1, 1, append('a')), 0)),
    'state-equivalence',
  );
  t.end();
});

t.test('snapshot equivalence: the same digest at the same index, sampled', (t) => {
  const stage = new Stage();
  for (let at = 1; at <= 8; at++) for (const id of ['n1', 'n2']) stage.applied(id, entry(at, 1), 0);
  t.ok(stage.checks.stats.digests > 0, 'whole states are compared now and then');
  const other = new Stage();
  other.member('n2').state = 'another state';
  t.equal(
    Stage.broken(() => {
      for (let at = 1; at <= 8; at++) for (const id of ['n1', 'n2']) other.applied(id, entry(at, 1), 0);
    }),
    'state-equivalence',
  );
  t.end();
});

t.test('S7: a snapshot brings the state that others had at its index', (t) => {
  const stage = (): Stage => {
    const before = new Stage();
    for (let at = 1; at <= 8; at++) before.applied('n1', entry(at, 1, append('a')), at);
    return before.checkpoint('n2', 8, 1, true);
  };
  const installed = { terms: Array.from({ length: 8 }, () => 1), commit: 8, applied: 8 };
  t.equal(
    Stage.broken(() => stage().turn('n2', { ...installed, revision: 8 })),
    null,
  );
  t.equal(
    Stage.broken(() => stage().turn('n2', { ...installed, revision: 7 })),
    'state-equivalence',
  );
  t.equal(
    Stage.broken(() => stage().turn('n2', { ...installed, revision: 8, state: 'without sessions' })),
    'state-equivalence',
    'X1: sessions are part of it',
  );
  t.end();
});

t.test('snapshot equivalence: checkpoints of the same index hold the same', (t) => {
  const stage = (): Stage => {
    const three = new Stage();
    for (const id of ['n1', 'n2', 'n3']) for (const at of [1, 2]) three.durable(id, stored(entry(at, 1)));
    return three.checkpoint('n1', 2, 1, false, 77).checkpoint('n1', 1, 1, false, 11);
  };
  t.equal(
    Stage.broken(() => stage().checkpoint('n2', 2, 1, false, 77)),
    null,
  );
  t.equal(
    Stage.broken(() => stage().checkpoint('n2', 2, 1, true, 78)),
    'checkpoint-equivalence',
  );
  t.end();
});

t.test('what is committed can be read', (t) => {
  const torn = { ...entry(1, 1, append('a')), payload: new Uint8Array([0xff, 0xff]) };
  t.equal(
    Stage.broken(() => new Stage().applied('n1', torn, 0)),
    'entries-decode',
  );
  t.end();
});
