import t from 'tap';
import { checkLinearizable } from '../../../src/check/index.js';
import { parseHistory } from '../../../src/check/history.js';
import { HistoryRecorder } from '../../../src/check/recorder.js';

t.test('what is recorded can be checked, and written for kvorum check', async (t) => {
  const recorder = new HistoryRecorder();
  const put = recorder.invoke('a', { kind: 'put', key: 'x', value: '1' });
  const get = recorder.invoke('b', { kind: 'get', key: 'x' });
  recorder.complete(put, 'ok');
  recorder.complete(get, 'ok', { value: null });
  const lost = recorder.invoke('a', { kind: 'append', key: 'x', value: '2' });
  const refused = recorder.invoke('b', { kind: 'put', key: 'x', value: '3' });
  recorder.complete(refused, 'failed');
  recorder.complete(lost, 'unknown');
  const cas = recorder.invoke('a', { kind: 'cas', key: 'x', value: '4', expected: '9' });
  recorder.complete(cas, 'mismatch');
  const gone = recorder.invoke('b', { kind: 'delete', key: 'x' });
  recorder.complete(gone, 'ok', { existed: true });
  recorder.invoke('a', { kind: 'put', key: 'x', value: 'pending' });
  t.equal(checkLinearizable(recorder.operations(), 'kv').verdict, 'ok');
  const times = recorder.operations().flatMap(({ call, return: end }) => (end === null ? [call] : [call, end]));
  t.equal(new Set(times).size, times.length, 'no two events happen at the same time');
  const again = parseHistory(recorder.toNdjson()).map(({ line: _line, ...operation }) => operation);
  t.same(again, recorder.operations());
});

t.test('the order of calls and returns is what counts, not the order of completion', async (t) => {
  const recorder = new HistoryRecorder();
  recorder.complete(recorder.invoke(1, { kind: 'put', key: 'x', value: '1' }), 'ok');
  recorder.complete(recorder.invoke(2, { kind: 'get', key: 'x' }), 'ok', { value: null });
  t.equal(checkLinearizable(recorder.operations(), 'kv').verdict, 'violation');
});

t.test('a recorder is bounded and refuses what makes no sense', async (t) => {
  const recorder = new HistoryRecorder(2);
  const first = recorder.invoke(1, { kind: 'get', key: 'x' });
  recorder.invoke(2, { kind: 'put', key: 'x', value: 'v' });
  t.ok(recorder.isFull);
  t.equal(recorder.size, 2);
  t.throws(() => recorder.invoke(3, { kind: 'get', key: 'x' }), /the history has room/);
  t.throws(() => recorder.complete(first, 'ok'), /a get has read something/);
  t.throws(() => recorder.complete(first, 'mismatch'), /only a cas compares/);
  recorder.complete(first, 'ok', { value: null });
  t.throws(() => recorder.complete(first, 'ok', { value: null }), /returns once/);
});

t.test('sessions and versions are kept for the checks that need them (ap.md §1.2.6)', async (t) => {
  const recorder = new HistoryRecorder();
  recorder.complete(recorder.invoke('c', { kind: 'put', key: 'x', value: '1', session: 2 }), 'ok', {
    version: [7, 'n1'],
  });
  t.match(JSON.parse(recorder.toNdjson()), { client: 'c', session: 2, op: 'put', version: [7, 'n1'] });
});
