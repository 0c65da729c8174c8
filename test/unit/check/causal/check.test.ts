import t from 'tap';
import { checkCausal, describeEvidence, type CausalOptions, type Operation } from '../../../../src/check/index.js';
import { parseHistory } from '../../../../src/check/history.js';
import { CM_OPERATIONS_MAX } from '../../../../src/check/causal/cm.js';
import { history } from './histories.js';

function pattern(text: string | readonly Operation[], options: CausalOptions = {}): string | null {
  const { verdict, violation } = checkCausal(typeof text === 'string' ? history(text) : text, options);
  t.equal(verdict, violation === null ? 'ok' : 'violation');
  return violation?.pattern ?? null;
}

t.test('a delete is a write of absence with a version (ap.md appendix C, deletes)', async (t) => {
  t.equal(pattern('p0: w x 1, d x 2, r x -2'), null);
  t.equal(pattern('p0: w x 1, d x 2, w x 3, r x -2'), 'WriteCORead');
  t.equal(pattern('p0: w x 1, d x 2 | p1: r x -2, r x 1'), 'WriteCORead');
  t.equal(pattern('p0: w x 1, r x -7'), 'ThinAirRead', 'a delete that nobody made');
  t.equal(pattern('p0: d x 2 | p1: r x -2, w y 1 | p2: r y 1, r x -2'), null);
});

t.test('an absent key without a version is the initial state, or any delete that explains it', async (t) => {
  t.equal(pattern('p0: w x 1, d x 2, r x 0'), null);
  t.equal(pattern('p0: w x 1, r x 0 | p1: d x 2'), null, 'a concurrent delete');
  t.equal(pattern('p0: d x 2, w x 1, r x 0'), 'WriteCORead', 'the only delete is overwritten');
  t.equal(pattern('p0: w x 1, r x 0, w y 1 | p1: r y 1, d x 2'), 'WriteCOInitRead', 'the only delete came afterwards');
  t.equal(pattern('p0: d x 2, w x 1, r x 0 | p1: d x 3'), null, 'another delete explains it');
  t.equal(pattern('p0: r x 0 | p1: w x 1, d x 2'), null);
  t.equal(
    pattern('p0: w y 5, w x 1, d x 2 | p1: w x 3, r x 0, r y 0'),
    'WriteCOInitRead',
    'it can only be that delete',
  );
  const { ambiguous } = checkCausal(history('p0: w x 1 | p1: r x 0 | p2: d x 2'));
  t.equal(ambiguous, 1);
});

t.test('what nothing explains is told with every explanation that fails', async (t) => {
  const { violation } = checkCausal(history('p0: d x 1, w x 2 | p1: w x 3, d x 4, w x 5 | p2: r x 2, r x 5, r x 0'));
  t.equal(violation?.pattern, 'WriteCORead');
  t.match(
    violation?.sentences.join('\n'),
    /^\[7\] did not read the initial state[^]*\[3\] had been overwritten[^]*\[1\] had/,
  );
  t.match(violation?.sentences.at(-1), /^Nothing explains \[7\]/);
});

t.test(
  'an unknown write counts when somebody read it, and its own session need not see it (reliability.md §4.2)',
  async (t) => {
    t.equal(pattern('p0: w? x 1, r x 0'), null);
    t.equal(pattern('p0: w? x 1, r x 0 | p1: r x 1'), null, 'it may take effect late');
    t.equal(pattern('p0: w? x 1 | p1: r x 1, r x 0'), 'WriteCOInitRead', 'but it does not come and go');
    t.equal(pattern('p0: w y 1, w? x 1 | p1: r x 1, r y 0'), 'WriteCOInitRead', 'after what its session did before');
    t.equal(pattern('p0: w x 1, r x 0 | p1: d? x 2'), null, 'an unknown delete may have been');
    t.equal(pattern('p0: w x 1, w x 2, r x 1 | p1: w? x 1'), null, 'the same value may be that of the unknown write');
    t.equal(checkCausal(history('p0: w? x 1, r x 0')).operations, 1);
  },
);

t.test('failed operations, and reads without an answer, say nothing', async (t) => {
  const [put, get] = history('p0: w x 1 | p1: r x 1') as [Operation, Operation];
  t.equal(pattern([{ ...put, outcome: 'failed' }, get]), 'ThinAirRead');
  t.equal(pattern([put, { ...get, value: 'nonsense', outcome: 'unknown', return: null }]), null);
  t.equal(pattern([put, { ...get, value: 'nonsense', outcome: 'failed' }]), null);
});

t.test('a delete that found nothing may have written a tombstone, or not', async (t) => {
  const [put, remove, get] = history('p0: w x 1 | p1: d x 0, r x 1') as [Operation, Operation, Operation];
  t.equal(pattern([put, { ...remove, existed: false }, get]), null);
  t.equal(pattern([put, { ...remove, existed: false }, { ...get, client: 'p0', value: null }]), null);
});

t.test('a client that forgets what it has seen begins another session', async (t) => {
  const [put, get] = history('p0: w x 1, r x 0') as [Operation, Operation];
  t.equal(
    pattern([
      { ...put, session: 1 },
      { ...get, session: 1 },
    ]),
    'WriteCOInitRead',
  );
  t.equal(
    pattern([
      { ...put, session: 1 },
      { ...get, session: 2 },
    ]),
    null,
  );
  t.equal(pattern([put, { ...get, session: 2 }]), null);
  t.equal(
    pattern([{ ...get, call: 10, return: 11 }, put]),
    'WriteCOInitRead',
    'a session is in the order of its calls',
  );
});

t.test('versions name writes whose values are not unique, and say who wins', async (t) => {
  const lines = (...records: readonly object[]): Operation[] =>
    parseHistory(
      records
        .map((record, at) => JSON.stringify({ key: 'x', call: 2 * at, return: 2 * at + 1, ok: true, ...record }))
        .join('\n'),
      'history',
      true,
    );
  const put = (client: string, version: readonly unknown[], value = 'v'): object => ({
    client,
    op: 'put',
    value,
    version,
  });
  const get = (client: string, version: readonly unknown[] | null, value = 'v'): object => ({
    ...put(client, [], value),
    op: 'get',
    version,
  });
  t.equal(pattern(lines(put('a', [1, 'n']), put('a', [2, 'n']), get('b', [1, 'n']), get('b', [2, 'n']))), null);
  t.equal(
    pattern(lines(put('a', [1, 'n']), put('a', [2, 'n']), get('b', [2, 'n']), get('b', [1, 'n']))),
    'WriteCORead',
  );
  t.equal(pattern(lines(put('a', [1, 'n'], 'v'), get('b', [1, 'n'], 'w'))), 'ThinAirRead', 'not what was written');
  t.equal(
    pattern(lines(put('a', [1, 'n']), put('a', [2, 'n']), get('b', null), get('b', null))),
    null,
    'either of them',
  );
  t.equal(pattern(lines(put('a', [2, 'n']), put('a', [1, 'n'])), { level: 'cc' }), null);
  t.equal(pattern(lines(put('a', [2, 'n']), put('a', [1, 'n']))), 'CyclicVersion', 'versions go down in a session');
  const loser = lines(put('a', [2, 'n']), put('b', [1, 'n']), get('c', [2, 'n']), get('c', [1, 'n']));
  t.equal(pattern(loser, { level: 'cc' }), null);
  t.equal(pattern(loser), 'CyclicVersion', 'the loser of two concurrent writes is read after the winner');
  t.equal(pattern(loser.map(({ version: _version, ...rest }, at) => ({ ...rest, value: `v${at % 2}` }))), null);
});

t.test('--init and --absent-empty mean what they mean elsewhere', async (t) => {
  const [get, put, after] = history('p0: r x start, w x 1, r x 0') as [Operation, Operation, Operation];
  t.equal(pattern([get]), 'ThinAirRead');
  t.equal(pattern([get, put], { init: 'start' }), null);
  t.equal(pattern([put, { ...after, value: 'start' }], { init: 'start' }), 'WriteCOInitRead');
  t.equal(pattern([{ ...put, value: '' }, after], { absentEmpty: true }), null);
});

t.test('cm is not checked for long histories, and that is no pass', async (t) => {
  const long = history(`p0: ${Array.from({ length: CM_OPERATIONS_MAX + 1 }, (_, at) => `w x ${at + 1}`).join(', ')}`);
  t.match(checkCausal(long, { level: 'cm' }), {
    verdict: 'unknown',
    violation: null,
    undecided: /^cm .* 2000 operations/,
  });
  t.match(checkCausal(long.slice(1), { level: 'cm' }), { verdict: 'ok', undecided: null });
  const bad = [
    ...long,
    ...history('q: r x 2, r x 1').map((each) => ({ ...each, call: each.call + 9999, return: 99999 })),
  ];
  t.match(checkCausal(bad, { level: 'cm' }), { verdict: 'violation', violation: { pattern: 'WriteCORead' } });
});

t.test('the empty history, and operations that have no place in one', async (t) => {
  t.match(checkCausal([]), { verdict: 'ok', operations: 0, sessions: 0, keys: 0 });
  const [put] = history('p0: w x 1') as [Operation];
  t.throws(() => checkCausal([{ ...put, kind: 'cas', line: 3 }]), {
    code: 'history_invalid',
    message: /line 3.*no cas/,
  });
});

t.test('a cycle is shown with as few operations as it takes (ap.md appendix C, a)', async (t) => {
  const noise = (client: string): string => Array.from({ length: 20 }, (_, at) => `w ${client} ${at}`).join(', ');
  const text = `p0: ${noise('a')}, w x 1, ${noise('b')}, r x 2 | p1: ${noise('c')}, w x 2, ${noise('d')}, r x 1`;
  const { violation } = checkCausal(history(text));
  t.equal(violation?.operations.length, 4);
  t.match(violation?.sentences, [
    '[2] read [3] although [1] happened before it: [1], later in its session [2].',
    'So [1] comes before [3].',
    '[4] read [1] although [3] happened before it: [3], later in its session [4].',
    'So [3] comes before [1].',
    'No order of the writes has it both ways.',
  ]);
  const report = describeEvidence(violation as NonNullable<typeof violation>);
  t.match(report, /^CyclicCF: reads ask for contradicting orders/);
  t.match(report, /^ {2}\[1\] client p0, 40 to 41: put "x" "1"$/m);
  t.match(report, /^ {2}p0 {2}\|1 put "x" "1"\| \|2 get "x" "2"\|$/m);
});

t.test('a long way is shown without its detours', async (t) => {
  const links = Array.from({ length: 6 }, (_, at) => `p${at + 1}: r k${at} 1, w z${at} 1, r k0 1, w k${at + 1} 1`);
  const { violation } = checkCausal(
    history(`p0: w x 1, w k0 1 | ${links.join(' | ')} | q: r k6 1, w q 1, r k3 1, r x 0`),
  );
  t.equal(violation?.pattern, 'WriteCOInitRead');
  t.equal(violation?.operations.length, 6, 'to a session that read k0, and on to q');
});
