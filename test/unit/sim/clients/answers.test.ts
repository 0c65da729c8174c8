import t from 'tap';
import { ERRORS, type ErrorCode } from '../../../../src/base/errors/catalogue.js';
import { KvorumError } from '../../../../src/base/errors/error.js';
import { answerOfError, certaintyAfter, certaintyOf, worthRetrying } from '../../../../src/sim/clients/answer.js';
import { checkCounter, type Increment } from '../../../../src/sim/clients/counters.js';

t.test('an error is definite unless the catalogue says outcome-unknown (reliability.md §0.7)', async (t) => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const certainty = certaintyOf(answerOfError(new KvorumError(code)));
    t.equal(certainty, ERRORS[code].retry === 'outcome-unknown' ? 'unknown' : 'not-done', code);
  }
  t.equal(certaintyOf({ type: 'timeout' }), 'unknown');
  t.equal(certaintyOf({ type: 'lost' }), 'unknown');
  t.equal(certaintyOf({ type: 'refused' }), 'not-done');
});

t.test('after an attempt without an outcome, a refusal says nothing of that attempt', async (t) => {
  const busy = answerOfError(new KvorumError('busy'));
  t.equal(certaintyAfter(busy, false), 'not-done');
  t.equal(certaintyAfter(busy, true), 'unknown');
  t.equal(certaintyAfter({ type: 'session', error: 'stale_seq' }, true), 'unknown', 'its result was forgotten');
  t.equal(certaintyAfter({ type: 'session', error: 'stale_seq' }, false), 'not-done');
  t.equal(
    certaintyAfter({ type: 'session', error: 'session_conflict' }, true),
    'not-done',
    'another request has its place',
  );
  t.equal(certaintyAfter({ type: 'written', status: 'created', integer: null, revision: 1 }, true), 'done');
});

t.test('what must change is not sent again', async (t) => {
  t.equal(worthRetrying(answerOfError(new KvorumError('value_too_large'))), false);
  t.equal(worthRetrying(answerOfError(new KvorumError('no_leader'))), true);
  t.equal(worthRetrying({ type: 'timeout' }), true);
  t.equal(worthRetrying({ type: 'session', error: 'session_conflict' }), false);
});

function told(sum: number | null, call: number, end: number | null = call + 1): Increment {
  return { client: `c${call}`, key: 'i0', call, return: end, sum };
}

t.test('counters: sums are told once, in order of time, without unexplained holes', async (t) => {
  t.equal(checkCounter([], null), null);
  t.equal(checkCounter([told(1, 1), told(2, 3), told(3, 5)], 3), null);
  t.equal(checkCounter([told(2, 1, 9), told(1, 2, 8)], 2), null, 'concurrent ones in any order');
  t.equal(checkCounter([told(1, 1), told(null, 2, null), told(3, 5)], 3), null, 'the unknown one was carried out');
  t.equal(checkCounter([told(1, 1), told(null, 2, null), told(2, 5)], 2), null, 'the unknown one was not');
  t.match(checkCounter([told(1, 1), told(1, 3)], null), /both told 1/, 'lost update');
  t.match(checkCounter([told(2, 1), told(1, 5)], null), /before/, 'against the order of time');
  t.match(checkCounter([told(1, 1), told(3, 5)], 3), /the counter is 3/, 'carried out twice');
  t.match(checkCounter([told(1, 1), told(2, 3)], 3), /the counter is 3/, 'more at the end than was asked for');
  t.match(checkCounter([told(1, 1), told(2, 3)], 1), /ends at 1/, 'acknowledged and lost');
});
