import t from 'tap';
import { logIndex, replicaId, term } from '../../../../src/base/brand.js';
import { ProposalTable, type WriteBatch } from '../../../../src/replica/ordered/pending.js';

const N1 = replicaId('n1');
const N2 = replicaId('n2');

function batch(id: number, deadlineMs = 1000): WriteBatch {
  return { id, payload: new Uint8Array(1), waiters: [], tokens: [], deadlineMs, proposedMs: 0 };
}

t.test('a batch is known by its id, then by where it was appended', async (t) => {
  const table = new ProposalTable();
  const one = batch(1);
  table.propose(one, N1, term(1));
  t.equal(table.size, 1);
  t.equal(table.takeProposed(1), one);
  t.equal(table.takeProposed(1), undefined, 'once');
  table.appended(one, logIndex(5), term(1));
  t.same(table.takeAppended(logIndex(4)), []);
  t.same(table.takeAppended(logIndex(5)), [{ batch: one, index: 5, term: 1 }]);
  t.equal(table.size, 0);
});

t.test('what leaders of several terms appended at one index stays open until one is committed there', async (t) => {
  const table = new ProposalTable();
  const [one, two, three] = [batch(1), batch(2), batch(3)];
  table.appended(one, logIndex(5), term(2));
  table.appended(two, logIndex(5), term(3));
  table.appended(three, logIndex(9), term(3));
  t.equal(table.size, 3);
  t.same(
    table.takeAppended(logIndex(5)).map(({ batch: { id }, term }) => [id, term]),
    [
      [1, 2],
      [2, 3],
    ],
  );
  t.equal(table.size, 1);
  t.throws(() => table.appended(batch(4), logIndex(9), term(3)), 'one leader fills an index once');
});

t.test('an entry of a newer term settles what is older, wherever it was', async (t) => {
  const table = new ProposalTable();
  table.appended(batch(1), logIndex(5), term(2));
  table.appended(batch(2), logIndex(6), term(3));
  table.appended(batch(3), logIndex(6), term(4));
  t.same(
    table.takeOlderThan(term(4)).map(({ id }) => id),
    [1, 2],
  );
  t.same(
    table.takeAppended(logIndex(6)).map(({ batch: { id } }) => id),
    [3],
  );
});

t.test('deadlines: their own, or earlier when nobody will answer', async (t) => {
  const table = new ProposalTable();
  table.propose(batch(1), N1, term(1));
  table.propose(batch(2), N2, term(2));
  table.propose(batch(3), null, term(2));
  table.appended(batch(4, 500), logIndex(1), term(1));
  t.same(table.takeExpired(499), []);
  table.hurryForwardedTo(N1, 100);
  t.same(
    table.takeExpired(100).map(({ id }) => id),
    [1],
    'what went to the lost peer',
  );
  table.hurryOlderThan(term(2), 100);
  t.same(table.takeExpired(100), [], 'the current term may still answer');
  table.hurryOlderThan(term(3), 200);
  table.hurryOlderThan(term(3), 900);
  t.same(
    table.takeExpired(200).map(({ id }) => id),
    [2, 3],
    'a deadline is never put off',
  );
  t.same(
    table.takeExpired(500).map(({ id }) => id),
    [4],
  );
  t.equal(table.size, 0);
});

t.test('order: later batches are noticed wherever they are', async (t) => {
  const table = new ProposalTable();
  t.notOk(table.hasLater(1));
  table.propose(batch(3), N1, term(1));
  t.ok(table.hasLater(2));
  t.notOk(table.hasLater(3));
  table.takeProposed(3);
  table.appended(batch(4), logIndex(1), term(1));
  t.ok(table.hasLater(3));
});

t.test('a snapshot and the end take out what they concern', async (t) => {
  const table = new ProposalTable();
  table.appended(batch(1), logIndex(1), term(1));
  table.appended(batch(2), logIndex(2), term(1));
  table.appended(batch(3), logIndex(3), term(1));
  table.propose(batch(4), N1, term(1));
  t.same(
    table.takeUpTo(logIndex(2)).map(({ id }) => id),
    [1, 2],
  );
  t.same(
    table.takeAll().map(({ id }) => id),
    [4, 3],
  );
  t.equal(table.size, 0);
});
