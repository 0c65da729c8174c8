import t from 'tap';
import { Kind } from '../../../src/workload/kinds.js';
import { createLatencies, recordMs } from '../../../src/workload/latency.js';
import { mergeErrors, mergeThreads, SecondsMerger } from '../../../src/workload/merge.js';
import { Recorder, type ErrorCount } from '../../../src/workload/recorder.js';
import { settings } from './settings.js';

const failure = (code: string, unknown = false): { code: string; message: string; unknown: boolean } => ({
  code,
  message: `${code} because`,
  unknown,
});

t.test('errors are told apart by code, operation and outcome; a read is never unknown', async (t) => {
  const recorder = new Recorder();
  recorder.begin(0);
  for (let at = 0; at < 3; at++) recorder.done(Kind.UPDATE, 1, 2, failure('UNKNOWN', true), false);
  recorder.done(Kind.READ, 1, 2, failure('UNKNOWN', true), false);
  recorder.done(Kind.RMW_READ, 1, 2, failure('BUSY'), false);
  recorder.done(Kind.RMW_WRITE, 1, 2, failure('connection_lost', true), false);
  recorder.notConnected(failure('cannot_connect'));
  t.same(
    recorder.counts().errors.map(({ code, count, operation, unknown }) => [code, operation, unknown, count]),
    [
      ['UNKNOWN', 'update', true, 3],
      ['UNKNOWN', 'read', false, 1],
      ['BUSY', 'rmw', false, 1],
      ['connection_lost', 'rmw', true, 1],
      ['cannot_connect', 'connect', false, 1],
    ],
  );
});

t.test('a server that invents codes fills no memory', async (t) => {
  const recorder = new Recorder();
  recorder.begin(0);
  for (let at = 0; at < 1000; at++) recorder.done(Kind.READ, 1, 2, failure(`E${at}${'x'.repeat(1000)}`), false);
  recorder.done(Kind.READ, 1, 2, failure(`E0${'x'.repeat(1000)}`), false);
  const { errors } = recorder.counts();
  t.ok(errors.length <= 201);
  t.equal(
    errors.reduce((sum, { count }) => sum + count, 0),
    1001,
  );
  t.equal(errors.find(({ code }) => code === 'other')?.count, 800);
  t.ok(errors.every(({ example }) => example.length <= 160));
});

t.test('only what began within the measurement counts; throughput is what ended within it', async (t) => {
  const recorder = new Recorder();
  recorder.done(Kind.READ, 1, 2, null, true);
  recorder.begin(10);
  recorder.done(Kind.READ, 9, 12, null, true);
  recorder.done(Kind.READ, 10, 12, null, false);
  recorder.end(20);
  recorder.done(Kind.READ, 19, 25, null, true);
  const { finishedInTime, latencies, misses } = recorder.counts();
  t.equal(latencies.read?.count, 2);
  t.equal(finishedInTime, 1);
  t.equal(misses, 1);
});

t.test('seconds are those since the last one', async (t) => {
  const recorder = new Recorder();
  recorder.begin(1000);
  recorder.done(Kind.READ, 1000, 1500, null, true);
  t.match(recorder.takeSecond(2000), { lengthMs: 1000, operations: 1, errors: 0 });
  recorder.done(Kind.READ, 1600, 2100, failure('BUSY'), true);
  const second = recorder.takeSecond(2500);
  t.match(second, { lengthMs: 500, operations: 0, errors: 1 });
  t.equal(second.latencies.count, 0);
});

t.test('threads are added up', async (t) => {
  const latencies = createLatencies();
  for (const milliseconds of [1, 2, 3]) recordMs(latencies, milliseconds);
  const error: ErrorCount = { code: 'BUSY', operation: 'update', unknown: false, count: 2, example: 'BUSY' };
  const thread = {
    elapsedMs: 1000,
    waitingAtEnd: 1,
    waitingMax: 2,
    dropped: 0,
    latencies: { read: latencies },
    errors: [error],
    finishedInTime: 3,
    misses: 1,
    lateness: createLatencies(),
    busy: 0.5,
    delayP99Ms: 1,
  };
  const other = {
    ...thread,
    elapsedMs: 500,
    latencies: { read: latencies, update: latencies },
    errors: [error, { ...error, code: 'UNKNOWN', unknown: true, count: 7 }],
  };
  const merged = mergeThreads(settings({ threads: 2 }), [thread, other]);
  t.match(merged, {
    elapsedMs: 1000,
    operations: 9,
    operationsPerSecond: 3 + 6,
    failed: 4,
    unknown: 7,
    misses: 2,
    waitingMax: 4,
    invalid: [],
  });
  t.same(
    merged.errors.map(({ code, count }) => [code, count]),
    [
      ['UNKNOWN', 7],
      ['BUSY', 4],
    ],
    'the most frequent first',
  );
  t.equal(merged.byKind.get('read')?.count, 6);
  t.equal(merged.byKind.get('update')?.count, 3);
  t.notOk(merged.byKind.has('scan'));
  t.same(mergeErrors([]), []);
});

t.test('a second is told when all threads have reported it', async (t) => {
  const told: [number, number, number][] = [];
  const merger = new SecondsMerger(2, ({ lengthMs, operations, second }) => told.push([second, operations, lengthMs]));
  const report = (operations: number, lengthMs = 1000): Parameters<SecondsMerger['add']>[1] => ({
    lengthMs,
    operations,
    errors: 0,
    latencies: createLatencies(),
  });
  merger.add(0, report(1));
  merger.add(0, report(2));
  t.same(told, []);
  merger.add(1, report(10, 1010));
  t.same(told, [[1, 11, 1010]]);
  merger.end();
  t.same(told.slice(1), [[2, 2, 1000]]);
});
