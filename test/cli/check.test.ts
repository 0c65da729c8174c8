import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createPrng } from '../../src/base/prng.js';
import { formatOperation } from '../../src/check/history.js';
import { createModel } from '../../src/check/model.js';
import { projectRoot } from '../fixtures/project-root.js';
import { undecidable } from '../unit/check/fixtures.js';
import { randomHistory } from '../unit/check/random-history.js';
import { run } from './program.js';

const HISTORIES = join(projectRoot(), 'test/fixtures/histories');
const GOOD = join(HISTORIES, 'ok-concurrent-writes.ndjson');
const BAD = join(HISTORIES, 'bad-stale-read.ndjson');

function write(t: Test, lines: readonly object[]): string {
  const file = join(t.testdir(), 'history.ndjson');
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

const read = (value: string | null): object => ({
  client: 1,
  op: 'get',
  key: 'k',
  value,
  call: 1,
  return: 2,
  ok: true,
});

t.test('a linearizable history: exit code 0 (api.md §5)', async (t) => {
  const { exit, stderr, stdout } = await run(['check', '--model', 'kv', GOOD]);
  t.equal(exit, 0);
  t.equal(stderr, '');
  t.match(
    Buffer.from(stdout, 'latin1').toString(),
    /ok-concurrent-writes\.ndjson: linearizable · model kv · 3 operations · 1 key · [\d.]+ ms\n$/,
  );
});

t.test('one that is not: exit code 9, with the reason on stdout', async (t) => {
  const { exit, stderr, stdout } = await run(['check', BAD]);
  t.equal(exit, 9);
  t.match(Buffer.from(stdout, 'latin1').toString(), /bad-stale-read\.ndjson: not linearizable · model kv/);
  t.match(stdout, 'line 3, client 2, 40 to 50: get "1" has no explanation.');
  t.match(stdout, /^ {2}1 {2}\|1 put "1"\| +\|2 put "2"\|\n {2}2 +\|X get "1"\|$/m);
  t.match(stderr, /^error: .*bad-stale-read\.ndjson is not linearizable: key "x"\n[^]*docs\/errors\.md, check_failed/);
});

t.test('-o json says the same', async (t) => {
  const good = await run(['check', '-o', 'json', GOOD]);
  t.equal(good.exit, 0);
  t.match(JSON.parse(good.stdout), { verdict: 'ok', model: 'kv', operations: 3, keys: 1, violation: null });
  const bad = await run(['-o', 'json', 'check', BAD]);
  t.equal(bad.exit, 9);
  t.match(JSON.parse(bad.stdout), {
    verdict: 'violation',
    undecided: [],
    violation: {
      key: 'x',
      culprit: { line: 3, client: 2, op: 'get', value: '1', call: 40, return: 50, ok: true },
      possible_values: ['2'],
      witnesses: [
        { line: 1, place: 1 },
        { line: 2, place: 2 },
        { line: 3, place: null },
      ],
    },
  });
});

t.test('--html writes a page, for a violation only', async (t) => {
  const file = join(t.testdir(), 'why.html');
  const good = await run(['check', GOOD, '--html', file]);
  t.equal(good.exit, 0);
  t.throws(() => readFileSync(file));
  const bad = await run(['check', BAD, '--html', file]);
  t.equal(bad.exit, 9);
  t.match(bad.stderr, `timeline in ${file}`);
  t.match(readFileSync(file, 'utf8'), /^<!DOCTYPE html>[^]*<svg [^]*class="culprit"[^]*<\/html>\n$/);
});

t.test('stdin, --init, --absent-empty and --model', async (t) => {
  const input = (...lines: readonly object[]): Buffer =>
    Buffer.from(lines.map((line) => JSON.stringify(line)).join('\r\n'));
  t.match(await run(['check', '-'], { input: input(read(null)) }), { exit: 0, stdout: /^stdin: linearizable/ });
  t.match(await run(['check', '-'], { input: input(read('')) }), { exit: 9 });
  t.match(await run(['check', '--init', '', '-'], { input: input(read('')) }), { exit: 0 });
  t.match(await run(['check', '--absent-empty', '-'], { input: input(read('')) }), { exit: 0 });
  t.match(await run(['check', '--init', 'x', '-'], { input: input(read('x')) }), { exit: 0 });
  const append = { ...read('a'), op: 'append' };
  t.match(await run(['check', '--model', 'register', '-'], { input: input(read(null), append) }), {
    exit: 2,
    stderr: /stdin:2: "op" is "append"; allowed: put, get\n/,
  });
  const empty = await run(['check', '-'], { input: Buffer.from('') });
  t.match(empty, { exit: 0, stderr: /nothing was checked/ });
});

t.test('undecided is not a pass: exit code 9 with words of its own (reliability.md §4.1)', async (t) => {
  const file = join(t.testdir(), 'history.ndjson');
  writeFileSync(file, undecidable('k').map(formatOperation).join('\n'));
  const { exit, stderr, stdout } = await run(['check', '--budget', '30000', file]);
  t.equal(exit, 9);
  t.match(stdout, /history\.ndjson: undecided .*\nundecided: "k"\nA larger --budget may decide it/);
  t.match(stderr, /^error: .* is undecided: a key took more steps, or memory, than allowed\n/);
  const json = await run(['check', '--budget', '30000', '-o', 'json', file]);
  t.match(JSON.parse(json.stdout), { verdict: 'unknown', undecided: ['k'], violation: null });
});

t.test('what cannot be read: exit code 2, with file, line and what is allowed', async (t) => {
  const file = write(t, [read(null), { ...read(null), op: 'gte', call: 3, return: 4 }]);
  const { exit, stderr, stdout } = await run(['check', file]);
  t.equal(exit, 2);
  t.equal(stdout, '');
  t.match(stderr, `error: ${file}:2: "op" is "gte"; allowed: put, get, append, delete, cas\n`);
  t.match(stderr, 'docs/errors.md, history_invalid');
  t.match(await run(['check', '-'], { input: Buffer.from([0x22, 0xff, 0x22]) }), {
    exit: 2,
    stderr: /stdin:1: the line is not UTF-8/,
  });
  t.match(await run(['check', join(HISTORIES, 'missing.ndjson')]), { exit: 2, stderr: /cannot be read: ENOENT/ });
  t.match(await run(['check', HISTORIES]), { exit: 2, stderr: /cannot be read: EISDIR/ });
  t.match(await run(['check']), { exit: 2, stderr: /missing required argument/ });
  t.match(await run(['check', GOOD, '--model', 'list']), { exit: 2, stderr: /register, cas-register, kv/ });
  t.match(await run(['check', GOOD, '--budget', '0']), { exit: 2, stderr: /a whole number from 1/ });
});

t.test('a long history is checked in threads', async (t) => {
  const model = createModel('kv');
  const history = randomHistory(createPrng(4), model, {
    clients: 20,
    operations: 60_000,
    keys: 40,
    kinds: ['put', 'get'],
  });
  const input = Buffer.from(history.map(formatOperation).join('\n'));
  t.match(await run(['check', '-'], { input }), { exit: 0, stdout: /60000 operations/ });
  const wrong = JSON.stringify({ ...read('stale'), key: 'k9', call: 1e7, return: 1e7 + 1 });
  const bad = await run(['check', '-'], { input: Buffer.concat([input, Buffer.from(`\n${wrong}\n`)]) });
  t.equal(bad.exit, 9);
  t.match(bad.stdout, 'key "k9" is not linearizable');
});

/** One session writes x, then y; another one sees y. What it finds under x is `value`. */
function causal(value: string | null, rest: object = {}): Buffer {
  const records = [
    { client: 'a', op: 'put', key: 'x', value: '1', version: [1, 'n1'] },
    { client: 'a', op: 'put', key: 'y', value: '2', version: [2, 'n1'] },
    { client: 'b', op: 'get', key: 'y', value: '2', version: [2, 'n1'] },
    { client: 'b', op: 'get', key: 'x', value, ...rest },
  ].map((record, at) => JSON.stringify({ call: at * 10, return: at * 10 + 5, ok: true, ...record }));
  return Buffer.from(records.join('\n'));
}

t.test('--model causal: exit code 0 or 9, with the pattern and what it takes to show it (ap.md §4.1)', async (t) => {
  const html = join(t.testdir(), 'why.html');
  const good = await run(['check', '--model', 'causal', '--html', html, '-'], { input: causal('1') });
  t.equal(good.exit, 0);
  t.equal(good.stderr, '');
  t.match(
    Buffer.from(good.stdout, 'latin1').toString(),
    /^stdin: causally consistent · model causal \(ccv\) · 4 operations · 2 sessions · 2 keys · [\d.]+ ms\n$/,
  );
  t.throws(() => readFileSync(html));
  const bad = await run(['check', '--model', 'causal', '--html', html, '-'], { input: causal(null) });
  t.equal(bad.exit, 9);
  t.match(bad.stdout, /^stdin: not causally consistent/);
  t.match(bad.stdout, '\nWriteCOInitRead: a read did not see any of the writes that happened before it\n');
  t.match(bad.stdout, '  [1] line 1, client a, 0 to 5: put "x" "1", version [1,"n1"]\n');
  t.match(bad.stdout, '[1] happened before [4]: [1], later in its session [2], read by [3], later in its session [4].');
  t.match(bad.stderr, /^timeline in .*\nerror: stdin is not causally consistent: WriteCOInitRead\n/);
  t.match(readFileSync(html, 'utf8'), /^<!DOCTYPE html>[^]*<svg [^]*class="culprit"[^]*class="culprit"[^]*<\/html>\n$/);
});

t.test('--model causal: levels, sessions and -o json', async (t) => {
  const stale = Buffer.from(
    [
      { client: 'a', op: 'put', value: '1', call: 0 },
      { client: 'b', op: 'put', value: '2', call: 0 },
      { client: 'a', op: 'get', value: '2', call: 2 },
      { client: 'b', op: 'get', value: '1', call: 2 },
    ]
      .map((record) => JSON.stringify({ key: 'x', return: record.call + 1, ok: true, ...record }))
      .join('\n'),
  );
  const check = (input: Buffer, ...flags: readonly string[]): ReturnType<typeof run> =>
    run(['check', '--model', 'causal', ...flags, '-'], { input });
  t.match(await check(stale, '--level', 'cc'), { exit: 0, stdout: /model causal \(cc\)/ });
  t.match(await check(stale, '--level', 'cm'), { exit: 0 });
  t.match(await check(stale), { exit: 9, stderr: /CyclicCF/ });
  t.match(await check(causal(null, { session: 2 })), { exit: 0, stdout: /3 sessions/ });
  const json = await check(causal(null), '-o', 'json');
  t.equal(json.exit, 9);
  t.match(JSON.parse(json.stdout), {
    verdict: 'violation',
    model: 'causal',
    level: 'ccv',
    operations: 4,
    sessions: 2,
    uncertain_reads: 0,
    violation: {
      pattern: 'WriteCOInitRead',
      culprit: 4,
      operations: [{ line: 1, version: [1, 'n1'] }, { line: 2 }, { line: 3 }, { line: 4, value: null }],
    },
  });
  const deleted = JSON.stringify({ client: 'd', op: 'delete', key: 'x', call: 0, return: 99, ok: true });
  t.match(await check(Buffer.concat([causal(null), Buffer.from(`\n${deleted}`)])), { exit: 0, stderr: '' });
  const two = Buffer.concat([causal(null), Buffer.from(`\n${deleted}\n${deleted.replace('"d"', '"e"')}`)]);
  t.match(await check(two), { exit: 0, stderr: /^warning: 1 read may be of several writes/ });
  const long = Array.from({ length: 2001 }, (_, at) =>
    JSON.stringify({ ...read(null), call: at * 3, return: at * 3 + 1 }),
  );
  t.match(await check(Buffer.from(long.join('\n')), '--level', 'cm'), {
    exit: 9,
    stdout: /undecided: cm is checked for at most 2000 operations/,
    stderr: /is undecided: cm is checked for at most 2000/,
  });
  t.match(await check(Buffer.from('')), { exit: 0, stderr: /nothing was checked/ });
});

t.test('--model sessions: read your writes and monotonic reads by versions (ap.md §1.2.6)', async (t) => {
  const check = (...lines: readonly object[]): ReturnType<typeof run> =>
    run(['check', '--model', 'sessions', '-'], {
      input: Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')),
    });
  const put = { ...read('2'), op: 'put', version: [2, 'n1'] };
  const get = (version?: readonly unknown[]): object => ({ ...read('2'), call: 3, return: 4, version });
  t.match(await check(put, get([2, 'n1'])), { exit: 0, stdout: /^stdin: session-consistent .* model sessions/ });
  t.match(await check(put, get([1, 'n9'])), {
    exit: 9,
    stdout: /ReadYourWrites: [^]*Later in the same session \[2\] read version/,
  });
  t.match(await check({ ...put, version: undefined }, get()), {
    exit: 0,
    stderr: /1 read without a version was not checked/,
  });
  t.match(await check(put, get([1])), { exit: 2, stderr: /"version" is \[1\]; allowed: a counter and a replica/ });
});

t.test('options that a model has no use for are refused', async (t) => {
  const refused = async (option: string, ...flags: readonly string[]): Promise<void> => {
    t.match(await run(['check', ...flags, GOOD]), { exit: 2, stderr: new RegExp(`has no use for ${option}`) });
  };
  await refused('--level', '--level', 'cc');
  await refused('--level', '--model', 'sessions', '--level', 'cc');
  await refused('--budget', '--model', 'causal', '--budget', '9');
  await refused('--init', '--model', 'sessions', '--init', 'x');
  await refused('--absent-empty', '--model', 'sessions', '--absent-empty');
  t.match(await run(['check', '--model', 'causal', '--level', 'sc', GOOD]), { exit: 2, stderr: /cc, ccv, cm/ });
});
