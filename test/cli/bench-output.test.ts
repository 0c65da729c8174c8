import t from 'tap';
import { BenchProgress, formatBar, formatSecond } from '../../src/cli/output/bench-progress.js';
import { formatSummary, formatSweep, type BenchRow } from '../../src/cli/output/bench-summary.js';
import { createLatencies, recordMs } from '../../src/workload/latency.js';
import type { WorkloadResult } from '../../src/workload/merge.js';
import { settings } from '../unit/workload/settings.js';

function result(changes: Partial<WorkloadResult> = {}): WorkloadResult {
  const latencies = createLatencies();
  recordMs(latencies, 0.001);
  recordMs(latencies, 0.001);
  return {
    settings: settings({ clients: 50, pipeline: 16, valueBytes: { min: 10, max: 20 } }),
    elapsedMs: 2000,
    operations: 2,
    operationsPerSecond: 1,
    failed: 0,
    unknown: 0,
    errors: [],
    misses: 0,
    latencies,
    byKind: new Map([['read', latencies]]),
    lateness: createLatencies(),
    waitingAtEnd: 0,
    waitingMax: 3,
    dropped: 4,
    threads: [
      { busy: 0.123, delayP99Ms: 0 },
      { busy: 0.5, delayP99Ms: 0 },
    ],
    invalid: [],
    ...changes,
  };
}

function row(changes: Partial<WorkloadResult> = {}): BenchRow {
  return { step: {}, result: result(changes), seconds: [], load: null, interrupted: false };
}

t.test('the summary, word for word', async (t) => {
  t.equal(
    formatSummary(row()),
    `workload    50 % read, 50 % update, 100 keys, uniform, values of 10..20 bytes
load        resp, closed loop, 50 clients x pipeline 16, 1 thread, warm-up 0 s
throughput  1 ops/s (2 operations in 2.00 s)
generator   busy 12 %, 50 % of the time

latency in microseconds
operation  count  mean  p50  p90  p99  p99.9  p99.99  max
read           2   1.0  1.0  1.0  1.0    1.0     1.0  1.0

errors      none
`,
  );
});

t.test('errors, with what is unknown in capitals', async (t) => {
  const errors: WorkloadResult['errors'] = [
    { code: 'UNKNOWN', operation: 'update', unknown: true, count: 12, example: 'UNKNOWN \u001b[31mred' },
    { code: 'BUSY', operation: 'read', unknown: false, count: 3, example: 'BUSY' },
    { code: 'cannot_connect', operation: 'connect', unknown: false, count: 1, example: 'ECONNREFUSED' },
  ];
  const text = formatSummary(row({ errors, failed: 3, unknown: 12, byKind: new Map(), latencies: createLatencies() }));
  t.match(
    text,
    `errors      3 failed, 12 with an unknown outcome
code            operation  outcome   count  first message
UNKNOWN         update     UNKNOWN      12  UNKNOWN red
BUSY            read       failed        3  BUSY
cannot_connect  connect    not sent      1  ECONNREFUSED
`,
  );
  t.match(text, /^all +0 +- +-/m, 'nothing succeeded');
});

t.test('an open loop tells of its schedule, empty reads of themselves', async (t) => {
  const lateness = createLatencies();
  recordMs(lateness, 0.02);
  const text = formatSummary(row({ settings: settings({ rate: 500 }), lateness, misses: 2 }));
  t.match(text, /open loop at 500\/s/);
  t.match(text, /^schedule {4}sent p50 20 us, p99 20 us after it was due; at most 3 waiting, 4 dropped$/m);
  t.match(text, /^misses {6}2 reads \(100 %\) found no key: --load writes the keys first$/m);
  t.match(formatSummary(row({ settings: settings({ rate: 500 }) })), /nothing that was due was sent/);
});

t.test('a sweep ends with a table', async (t) => {
  const invalid = [{ reason: 'generator_busy', text: 'busy' }] as const;
  const rows: BenchRow[] = [
    { ...row(), step: { 'write-quorum': 1, engine: 'raft' } },
    { ...row({ invalid, latencies: createLatencies() }), step: { 'write-quorum': 2, engine: 'raft' } },
  ];
  t.equal(
    formatSweep(rows),
    `write-quorum  engine  ops/s  p50 us  p99 us  p99.9 us  max us  failed  unknown  valid
           1  raft        1     1.0     1.0       1.0     1.0       0        0  yes
           2  raft        1       -       -         -       -       0        0  NO
`,
  );
});

t.test('a line for each second, a bar on a terminal only', async (t) => {
  const latencies = createLatencies();
  recordMs(latencies, 1);
  const second = { second: 3, lengthMs: 500, operations: 10, errors: 1, latencies };
  t.equal(formatSecond(second), '    3 s         20 ops/s  p50    1000 us  p99    1000 us  1 error');
  t.match(formatSecond({ ...second, latencies: createLatencies() }), /p50 +- us/);
  t.equal(formatBar('run', 5, 10, 's'), 'run [###############...............] 50 % of 10 s');
  t.equal(formatBar('run', 7, null, 'operations'), 'run 7 operations');
  t.match(formatBar('run', 12, 10, 's'), /\[#{30}\] 100 %/);

  const written = (isTTY: boolean): string => {
    let text = '';
    const progress = new BenchProgress({ isTTY, columns: 60, write: (piece) => (text += piece) });
    progress.begin('run', 10, 's');
    progress.second(second, 3);
    progress.end();
    return text;
  };
  t.equal(written(false), `${formatSecond(second)}\n`);
  const onTerminal = written(true).replaceAll('\r\u001b[2K', '<erase>');
  t.match(onTerminal, /^run \[\.+\] 0 % of 10 s<erase> +3 s .*\n[^]*run \[#{9}\.+\] 30 % of 10 s<erase>$/);
});
