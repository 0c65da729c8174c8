import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { METRICS, type MetricSpec } from '../../../src/observe/catalogue.js';
import { generateMetricDocs } from '../../../src/observe/docs.js';
import { createMetrics } from '../../../src/observe/metrics.js';
import { projectRoot } from '../../fixtures/project-root.js';

const docs = join(projectRoot(), 'docs/metrics.md');
const catalogue: [string, MetricSpec][] = Object.entries(METRICS);

t.test('docs/metrics.md lists exactly the catalogue', async (t) => {
  t.equal(readFileSync(docs, 'utf8'), generateMetricDocs(), 'write what generateMetricDocs returns to docs/metrics.md');
});

t.test('names follow the rules', async (t) => {
  const units = /_(seconds|bytes|ratio|total|info)$/;
  for (const [name, { type, labels, help }] of catalogue) {
    t.match(name, /^kvorum_[a-z]+(_[a-z]+)*$/);
    t.equal(type === 'counter', name.endsWith('_total'), `${name}: counters end in _total`);
    if (type === 'histogram') t.match(name, units, `${name} names its unit`);
    t.notMatch(name, /_(ms|milliseconds|micros|kb|percent)(_|$)/, `${name}: base units`);
    for (const label of labels) {
      t.match(label, /^[a-z]+$/);
      t.notOk(['replica', 'le', 'key', 'client', 'address'].includes(label), `${name}: label ${label}`);
    }
    t.notMatch(help, /[.\n|]$/, `${name}: help is one phrase`);
  }
});

function parse(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-z_]+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    t.ok(match, `a valid line: ${line}`);
    values.set(match?.[1] ?? '', Number(match?.[2]));
  }
  return values;
}

t.test('requests and refusals are counted', async (t) => {
  const metrics = createMetrics({ replica: 'n1' });
  t.teardown(() => metrics.close());
  metrics.observeRequest('http', 'put', 'ok', 3);
  metrics.observeRequest('http', 'put', 'ok', 0.01);
  metrics.observeRequest('http', 'put', 'unknown', 20_000);
  metrics.countRefused('resp', 'busy');
  for (const scrape of [1, 2]) {
    const values = parse(await metrics.text());
    const of = (name: string, labels: string): number | undefined => values.get(`${name}{${labels},replica="n1"}`);
    t.equal(of('kvorum_client_requests_total', 'api="http",op="put",outcome="ok"'), 2, `scrape ${scrape}`);
    t.equal(of('kvorum_client_requests_total', 'api="http",op="put",outcome="unknown"'), 1);
    t.equal(of('kvorum_client_refused_total', 'api="resp",code="busy"'), 1);
    const duration = 'kvorum_client_request_duration_seconds';
    const bucket = (le: string): number | undefined =>
      values.get(`${duration}_bucket{le="${le}",replica="n1",api="http",op="put"}`) ??
      values.get(`${duration}_bucket{api="http",op="put",le="${le}",replica="n1"}`);
    t.equal(bucket('0.00005'), 1);
    t.equal(bucket('0.002'), 1);
    t.equal(bucket('0.005'), 2);
    t.equal(bucket('10'), 2);
    t.equal(bucket('+Inf'), 3);
    t.match(values.get([...values.keys()].find((key) => key.startsWith(`${duration}_count`)) ?? ''), 3);
  }
});

t.test('values are read at each scrape, and nothing else is shown', async (t) => {
  const metrics = createMetrics({ replica: 'n1' });
  t.teardown(() => metrics.close());
  let keys = 1;
  const fsync = metrics.histogram('kvorum_wal_fsync_duration_seconds');
  metrics.onScrape((sink) => {
    sink.set('kvorum_keys', keys, { keyspace: 'default' });
    if (keys === 1) sink.set('kvorum_peer_reconnects_total', 5, { peer: 'n2' });
  });
  fsync.observe(0.0003);
  const first = parse(await metrics.text());
  t.equal(first.get('kvorum_keys{keyspace="default",replica="n1"}'), 1);
  t.equal(first.get('kvorum_peer_reconnects_total{peer="n2",replica="n1"}'), 5);
  t.equal(first.get('kvorum_wal_fsync_duration_seconds_count{replica="n1"}'), 1);
  t.notOk(first.has('kvorum_wal_bytes{replica="n1"}'), 'nobody has measured it');
  keys = 2;
  const second = parse(await metrics.text());
  t.equal(second.get('kvorum_keys{keyspace="default",replica="n1"}'), 2);
  t.notOk(second.has('kvorum_peer_reconnects_total{peer="n2",replica="n1"}'), 'gone with its source');
  const json = (await metrics.json()) as { name: string; values: { value: number; labels: object }[] }[];
  t.same(
    json.map(({ name }) => name),
    catalogue.map(([name]) => name),
  );
  t.match(json.find(({ name }) => name === 'kvorum_keys')?.values, [{ value: 2, labels: { replica: 'n1' } }]);
});

t.test('the thread is watched', async (t) => {
  const metrics = createMetrics({ replica: 'n1' });
  t.teardown(() => metrics.close());
  const values = parse(await metrics.text());
  t.ok((values.get('kvorum_heap_bytes{kind="used",replica="n1"}') ?? 0) > 0);
  t.ok((values.get('kvorum_event_loop_lag_seconds{stat="p99",replica="n1"}') ?? -1) >= 0);
  const share = values.get('kvorum_event_loop_utilization_ratio{replica="n1"}') ?? -1;
  t.ok(share >= 0 && share <= 1);
});

t.test('labels that clients could choose stay few', async (t) => {
  const metrics = createMetrics({ replica: 'n1' });
  t.teardown(() => metrics.close());
  for (let at = 0; at < 5000; at++) {
    metrics.observeRequest('resp', `op${at}`, 'ok', 1);
    metrics.countRefused('resp', `code${at}`);
  }
  const values = parse(await metrics.text());
  t.ok(values.size < 20_000);
  t.equal(values.get('kvorum_client_requests_total{api="resp",op="other",outcome="ok",replica="n1"}'), 5000 - 512);
});
