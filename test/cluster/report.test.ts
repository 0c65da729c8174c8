import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePorts } from '../../src/host/cluster.js';
import { spawnCluster } from '../../src/report/cluster.js';
import { PICTURE } from '../../src/report/pictures.js';
import type { Summary } from '../../src/report/summary.js';

const EXECUTABLE = fileURLToPath(new URL('../../src/cli/kvorum.cjs', import.meta.url));
/** Few writes: what is looked at is that everything is measured and written, not how fast it is. */
const SMALL = ['--writes', '20', '--rounds', '2', '--sequential', '10'];

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function kvorumReport(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [EXECUTABLE, 'report', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const parts: string[] = [];
    stream.setEncoding('utf8').on('data', (text: string) => parts.push(text));
    return parts;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: stdout?.join('') ?? '', stderr: stderr?.join('') ?? '' };
}

/** Ports stand for nothing here: a report moves the topology to free ones. */
function topologyFile(folder: string, name: string, replicas: readonly object[], keyspaces: object): string {
  const file = join(folder, name);
  const placed = replicas.map((replica, at) => ({
    peer: `127.0.0.1:${1001 + at * 3}`,
    http: `127.0.0.1:${1002 + at * 3}`,
    redis: `127.0.0.1:${1003 + at * 3}`,
    ...replica,
  }));
  const timing = { heartbeatMs: 200, electionTimeoutMs: [1000, 2000] };
  writeFileSync(file, JSON.stringify({ cluster: 'report', replicas: placed, keyspaces, timing }));
  return file;
}

function quorumTopology(folder: string): string {
  const followers = ['f1', 'f2'].map((id) => ({ id, delayMs: [2, 8] }));
  const keyspaces = { default: { engine: 'semisync', leader: 'lead', writeQuorum: 2 } };
  return topologyFile(folder, 'quorum.json', [{ id: 'lead' }, ...followers], keyspaces);
}

function summaryIn(folder: string): Summary {
  return JSON.parse(readFileSync(join(folder, 'perf_summary.json'), 'utf8')) as Summary;
}

function checkPicture(t: Test, file: string): void {
  const png = readFileSync(file);
  t.equal(png.subarray(0, 8).toString('latin1'), '\u0089PNG\r\n\u001a\n', `${file} is a PNG`);
  t.same([png.readUInt32BE(16), png.readUInt32BE(20)], [PICTURE.width, PICTURE.height], 'of the right size');
}

function checkQuorums(t: Test, summary: Summary): void {
  const { quorum } = summary;
  t.match(quorum?.cluster, { leader: 'lead', followers: 2, keyspace: 'default' });
  t.match(quorum?.restored, { writeQuorum: 2, done: true });
  t.same(
    quorum?.quorums.map(({ writeQuorum }) => writeQuorum),
    [1, 2],
  );
  for (const { concurrent, parity, sequential, writeQuorum } of quorum?.quorums ?? []) {
    t.match(concurrent, { count: 40, failed: 0, unknown: 0, errors: {} }, `W=${writeQuorum} at once`);
    t.match(sequential, { count: 10, failed: 0, unknown: 0, errors: {} }, `W=${writeQuorum} one by one`);
    t.match(parity, { inSync: true, keys: 20, followers: [{ comparedBy: 'values' }, { comparedBy: 'values' }] });
  }
}

t.test('kvorum report starts its clusters, measures, draws, and leaves nothing behind', async (t) => {
  const folder = t.testdir();
  const out = join(folder, 'reports');
  const replicas = ['n1', 'n2', 'n3'].map((id) => ({ id }));
  const engines = topologyFile(folder, 'engines.json', replicas, {
    default: { engine: 'raft' },
    feed: { engine: 'semisync', leader: 'n1', writeQuorum: 1 },
    carts: { engine: 'causal' },
    likes: { engine: 'lww' },
  });
  const args = [...SMALL, '--out', out, '--topology', quorumTopology(folder), '--engines-topology', engines];
  const ran = await kvorumReport([...args, '--seconds', '0.3', '--repeat', '1']);
  t.equal(ran.code, 0, ran.stderr);
  t.match(ran.stdout, /W {2}expected ms/);
  t.same(
    readdirSync(out).toSorted(),
    ['engines.png', 'perf_summary.json', 'quorum_vs_latency.png'],
    'and nothing else',
  );
  const summary = summaryIn(out);
  checkQuorums(t, summary);
  for (const { deviation, expectedMs, sequential, undelayed, writeQuorum } of summary.quorum?.quorums ?? []) {
    t.ok(Math.abs((expectedMs ?? 0) - (2 + (6 * writeQuorum) / 3)) < 0.05, `expected: ${expectedMs}`);
    t.equal(undelayed?.count, 10);
    t.ok((sequential.meanMs ?? 0) > 2, 'nothing is answered before the shortest delay');
    t.type(deviation?.percent, 'number');
  }
  t.same(
    summary.engines?.rows.map(({ engine, shape }) => `${engine}, ${shape}`),
    ['1 client', '50 clients', '50 clients x 16 in flight'].flatMap((shape) =>
      ['raft', 'semisync', 'causal', 'lww'].map((engine) => `${engine}, ${shape}`),
    ),
  );
  for (const { engine, figures } of summary.engines?.rows ?? []) {
    t.ok(figures.count > 0 && figures.failed + figures.unknown === 0, `${engine}: ${JSON.stringify(figures)}`);
  }
  checkPicture(t, join(out, 'quorum_vs_latency.png'));
  checkPicture(t, join(out, 'engines.png'));
});

t.test('a cluster is started on other ports when somebody takes one of those that were chosen', async (t) => {
  const folder = t.testdir();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const taken = (other.address() as AddressInfo).port;
  let chosen = 0;
  const choosePorts = async (count: number): Promise<readonly number[]> => {
    const free = await freePorts(count);
    return chosen++ === 0 ? free.with(1, taken) : free;
  };
  await using cluster = await spawnCluster(quorumTopology(folder), { delays: false, parent: folder, choosePorts });
  t.equal(chosen, 2);
  t.equal((await fetch(`${cluster.nodes[0]}/livez`)).status, 200);
});

t.test('SPAWN_CLUSTER=0: a cluster that is running, asked at a follower; its write quorum is put back', async (t) => {
  const folder = t.testdir();
  const file = quorumTopology(folder);
  await using cluster = await spawnCluster(file, { delays: true, parent: folder });
  const [leader, follower = ''] = cluster.nodes;
  const out = join(folder, 'reports');
  const ran = await kvorumReport([...SMALL, '--out', out], { SPAWN_CLUSTER: '0', KVORUM_URL: follower });
  t.equal(ran.code, 0, ran.stderr);
  const summary = summaryIn(out);
  checkQuorums(t, summary);
  t.equal(summary.engines, null, 'one engine is nothing to compare');
  t.match(summary.quorum?.cluster, { spawned: false, delaysMs: null }, 'nobody told of its delays');
  t.equal(summary.quorum?.quorums[0]?.expectedMs, null);
  t.notOk(existsSync(join(out, 'engines.png')));
  checkPicture(t, join(out, 'quorum_vs_latency.png'));
  const status = (await (await fetch(`${leader}/admin/replica-status`)).json()) as { leader: { write_quorum: number } };
  t.equal(status.leader.write_quorum, 2);
});
