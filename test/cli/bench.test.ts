import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { portsBelowEphemeral } from '../cluster/ports.js';
import { run, Server, writeTopology, type Outcome } from './program.js';

interface BenchDocument {
  readonly schemaVersion: number;
  readonly machine: Readonly<Record<string, unknown>>;
  readonly target: { readonly cluster: string | null; readonly endpoints: readonly string[] };
  readonly runs: readonly {
    readonly step: Readonly<Record<string, unknown>>;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly valid: boolean;
    readonly invalid: readonly { readonly reason: string }[];
    readonly operations: number;
    readonly operationsPerSecond: number;
    readonly latency: Readonly<Record<string, number>> | null;
    readonly latencyByOperation: Readonly<Record<string, { readonly count: number }>>;
    readonly failed: number;
    readonly unknown: number;
    readonly errors: readonly { readonly code: string; readonly operation: string; readonly count: number }[];
    readonly misses: number;
    readonly schedule: { readonly dropped: number; readonly waitingAtEnd: number } | null;
    readonly load: { readonly keys: number; readonly failed: number } | null;
    readonly seconds: readonly { readonly operations: number; readonly errors: number }[];
  }[];
}

const QUICK = ['--seconds', '0.5', '--warmup', '0', '--keys', '500', '--clients', '4'];

/** A server of the Redis protocol that answers every request with the same bytes. */
async function answering(t: Test, reply: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const requests = bytes.toString('latin1').split(/\*[23]\r\n/).length - 1;
      socket.write(reply.repeat(requests));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function parsed({ exit, stderr, stdout }: Outcome): BenchDocument {
  if (stdout === '') throw new Error(`exit ${exit}: ${stderr}`);
  return JSON.parse(stdout) as BenchDocument;
}

/** Grows with every write. */
async function revisionAt(node = ''): Promise<unknown> {
  const status = (await (await fetch(`${node}/status`)).json()) as { keyspaces: { revision: unknown }[] };
  return status.keyspaces[0]?.revision;
}

t.test('against a cluster', { timeout: 360_000 }, async (t) => {
  const folder = t.testdir({});
  const topology = await writeTopology(folder);
  const server = await new Server([topology.file, '--memory']).ready();
  t.teardown(() => server.kill());
  const bench = (...args: string[]): Promise<Outcome> => run(['bench', '--topology', topology.file, ...QUICK, ...args]);

  await t.test('a summary on stdout, seconds on stderr', async (t) => {
    const { exit, stderr, stdout } = await bench('--load', '--mix', 'a');
    t.equal(exit, 0, stderr);
    t.match(stdout, /^workload {4}50 % read, 50 % update, 500 keys, zipfian, values of 256 bytes\n/);
    t.match(stdout, /^load {8}resp, closed loop, 4 clients x pipeline 1, 1 thread, warm-up 0 s$/m);
    t.match(stdout, /^throughput {2}\d+ ops\/s \(\d+ operations in 0\.\d\d s\)$/m);
    t.match(stdout, /^operation +count +mean +p50 +p90 +p99 +p99\.9 +p99\.99 +max$/m);
    t.match(stdout, /^read +\d+( +\d+\.\d){7}$/m);
    t.match(stdout, /^errors {6}none$/m);
    t.notMatch(stdout, /misses/, 'the keys were loaded');
    t.match(stderr, /^loaded 500 keys in /m);
    t.match(stderr, /^ +1 s +\d+ ops\/s {2}p50 +\d+ us {2}p99 +\d+ us {2}0 errors$/m);
    // oxlint-disable-next-line no-control-regex -- what only terminals understand is looked for
    t.notMatch(stderr, /\u001b/, 'no bar: it is no terminal');
    t.match(stdout, /^[ -~\n]*$/, 'plain ASCII');
  });

  await t.test('one JSON document, also in a file, and the distribution in another', async (t) => {
    const [out, hgrm] = [join(folder, 'out.json'), join(folder, 'out.hgrm')];
    const outcome = await bench('-o', 'json', '--out', out, '--hgrm', hgrm, '--seed', '7', '--threads', '2');
    t.equal(outcome.exit, 0, outcome.stderr);
    const document = parsed(outcome);
    t.same(JSON.parse(readFileSync(out, 'utf8')), document);
    t.match(document, {
      schemaVersion: 1,
      machine: { node: process.version, cpu: String, cores: Number, version: String, date: /^\d{4}-/ },
      target: { cluster: 'test' },
    });
    t.equal(document.target.endpoints.length, 3);
    const [first] = document.runs;
    t.match(first, {
      valid: true,
      settings: { seed: 7, clients: 4, threads: 2, keyspace: null, mix: { read: 0.5, update: 0.5 } },
      latency: { p50Us: Number, p99Us: Number, p999Us: Number, p9999Us: Number, maxUs: Number },
      failed: 0,
      unknown: 0,
      errors: [],
      schedule: null,
      load: null,
    });
    t.ok((first?.operations ?? 0) > 0);
    t.equal(
      first?.seconds.reduce((sum, { operations }) => sum + operations, 0),
      first?.operations,
    );
    t.match(readFileSync(hgrm, 'utf8'), new RegExp(`Total count {4}= +${first?.operations}\\]`));
  });

  await t.test('HTTP, with the mixes that need scans and two steps', async (t) => {
    for (const [mix, kinds] of [
      ['e', ['insert', 'scan']],
      ['f', ['read', 'rmw']],
    ] as const) {
      const outcome = await bench('--protocol', 'http', '--pipeline', '4', '--mix', mix, '-o', 'json');
      t.equal(outcome.exit, 0, outcome.stderr);
      const [first] = parsed(outcome).runs;
      t.same(Object.keys(first?.latencyByOperation ?? {}).sort(), kinds);
      t.same(first?.errors, []);
    }
  });

  await t.test('a number of operations; the leader alone, whoever is asked for it; an open loop', async (t) => {
    const counted = parsed(
      await run([
        'bench',
        '--topology',
        topology.file,
        '--operations',
        '300',
        '--keys',
        '50',
        '--leader',
        '-o',
        'json',
      ]),
    );
    t.equal(counted.runs[0]?.operations, 300);
    t.equal(counted.target.endpoints.length, 1);
    for (const node of topology.http) {
      const asked = ['--node', node, '--leader', '--operations', '10', '--keys', '5', '--warmup', '0', '-o', 'json'];
      const found = parsed(await run(['bench', ...asked]));
      t.same(found.target.endpoints, counted.target.endpoints);
    }
    const open = parsed(await bench('--rate', '200', '--read-ratio', '1', '-o', 'json'));
    t.match(open.runs[0], { settings: { rate: 200 }, schedule: { dropped: 0 } });
    t.ok((open.runs[0]?.operations ?? 0) >= 95, 'all that were due in half a second');
  });

  await t.test('a rate that nobody can keep: the figures are shown, and exit code 9', async (t) => {
    const { exit, stderr, stdout } = await bench('--rate', '1000000', '--timeout', '300', '-o', 'json');
    t.equal(exit, 9);
    t.match(stderr, /^error: The run is INVALID: .*the rate of 1000000\/s was not kept/m);
    t.match(JSON.parse(stdout), { runs: [{ valid: false }] });
    const reasons = (JSON.parse(stdout) as BenchDocument).runs[0]?.invalid.map(({ reason }) => reason);
    t.ok(reasons?.includes('rate_not_kept'));
  });

  await t.test('a sweep: a row for each combination', async (t) => {
    const out = join(folder, 'sweep.json');
    const args = ['--sweep', 'clients=1,2', '--sweep', 'value-bytes=10,20', '--seconds', '0.2', '--load', '--out', out];
    const { exit, stdout } = await bench(...args);
    t.equal(exit, 0);
    t.match(stdout, /^clients +value-bytes +ops\/s +p50 us .* valid$/m);
    t.match(stdout, /^ +2 +20 +\d+( +\d+\.\d){4} +0 +0 +yes$/m);
    const { runs } = JSON.parse(readFileSync(out, 'utf8')) as BenchDocument;
    t.same(
      runs.map(({ step }) => step),
      [
        { clients: 1, 'value-bytes': 10 },
        { clients: 1, 'value-bytes': 20 },
        { clients: 2, 'value-bytes': 10 },
        { clients: 2, 'value-bytes': 20 },
      ],
    );
    t.match(runs[0]?.load, { keys: 500, failed: 0 });
  });

  await t.test('what the target has not is named, before anything is run', async (t) => {
    for (const [args, exit, message] of [
      [['--sweep', 'engine=raft,lww'], 2, /No keyspace of the target has the engine lww: it has default \(raft\)/],
      [['--keyspace', 'nope'], 7, /no keyspace nope: the target has default \(raft\)/],
    ] as const) {
      t.match(await bench(...args), { exit, stdout: '', stderr: message });
    }
  });

  await t.test('replicas that are gone are warned of; a store that dies is counted by code', async (t) => {
    const [unused = 0] = await portsBelowEphemeral(1);
    const nodes = `${topology.http[0]},127.0.0.1:${unused}`;
    const before = await revisionAt(topology.http[0]);
    const outcome = run(['bench', '--node', nodes, '--read-ratio', '0', ...QUICK, '--seconds', '2', '-o', 'json']);
    while ((await revisionAt(topology.http[0])) === before);
    await server.kill();
    const { exit, stderr, stdout } = await outcome;
    t.equal(exit, 0, 'the run goes on, and its figures are those of the store');
    t.match(stderr, new RegExp(`^warning: http://127.0.0.1:${unused} cannot be reached`, 'm'));
    const { runs } = JSON.parse(stdout) as BenchDocument;
    const errors = runs[0]?.errors ?? [];
    t.ok(errors.some(({ code, operation }) => code === 'connection_lost' && operation === 'update'));
    t.ok(errors.some(({ code, operation }) => code === 'cannot_connect' && operation === 'connect'));
    t.ok((runs[0]?.unknown ?? 0) > 0, 'writes that were in flight');
  });
});

t.test('errors are counted by code, unknown outcomes apart', async (t) => {
  const busy = await answering(t, '-BUSY The replica has too much work in progress\r\n');
  const { exit, stdout } = await run(['bench', '--node', busy, ...QUICK, '--read-ratio', '0']);
  t.equal(exit, 0);
  t.match(stdout, /^errors {6}\d+ failed, 0 with an unknown outcome$/m);
  t.match(stdout, /^BUSY +update +failed +\d+ +BUSY The replica has too much work in progress$/m);
  const unknown = await answering(t, '-UNKNOWN The write may or may not have taken effect\r\n');
  const document = parsed(await run(['bench', '--node', unknown, ...QUICK, '--read-ratio', '0', '-o', 'json']));
  t.match(document.runs[0], { operations: 0, latency: null, failed: 0 });
  t.match(document.runs[0]?.errors, [{ code: 'UNKNOWN', operation: 'update', unknown: true }]);
  t.ok((document.runs[0]?.unknown ?? 0) > 0);
  t.match(document.target, { cluster: null, version: null });
});

t.test('reads that find nothing are told', async (t) => {
  const empty = await answering(t, '$-1\r\n');
  const { stdout } = await run(['bench', '--node', empty, ...QUICK, '--read-ratio', '1']);
  t.match(stdout, /^misses {6}\d+ reads \(100 %\) found no key: --load writes the keys first$/m);
});

t.test('nothing can be reached: exit code 4', async (t) => {
  const [port = 0] = await portsBelowEphemeral(1);
  for (const node of [`http://127.0.0.1:${port}`, `redis://127.0.0.1:${port}`]) {
    const { exit, stderr, stdout } = await run(['bench', '--node', node, ...QUICK]);
    t.match({ exit, stdout }, { exit: 4, stdout: '' }, node);
    t.match(stderr, /^error: .*127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
  }
});

t.test('what cannot be meant: exit code 2 (api.md §5)', async (t) => {
  const refused: readonly (readonly [string[], RegExp])[] = [
    [['--clients', '0'], /a whole number from 1 to 10000/],
    [['--rate', 'fast'], /a number from 1 to/],
    [['--mix', 'z'], /Allowed choices are a, b, c, d, e, f/],
    [['--mix', 'e'], /no ordered scan: this mix needs --protocol http/],
    [['--mix', 'a', '--read-ratio', '0.5'], /exclude each other/],
    [['--seconds', '1', '--operations', '5'], /exclude each other/],
    [['--read-ratio', '1.5'], /a number from 0 to 1/],
    [['--value-bytes', '9..3'], /write 256 or 100\.\.1000/],
    [['--distribution', 'normal'], /Allowed choices are uniform, zipfian/],
    [['--protocol', 'grpc'], /Allowed choices are resp, http/],
    [['--sweep', 'speed=1'], /one of write-quorum, clients, pipeline, value-bytes, rate, engine/],
    [['--sweep', 'clients=1,2', '--hgrm', 'x.hgrm'], /not with a --sweep of several/],
    [['--clients', '10000', '--pipeline', '10000'], /at most 1000000 in flight/],
    [['--node', 'https://127.0.0.1:1'], /does not speak TLS/],
    [['--node', 'redis://'], /no address: write redis:\/\/host:port/],
    [['--node', 'redis://127.0.0.1:1,http://127.0.0.1:1'], /either all http:\/\/ or all redis:\/\//],
    [['--node', 'redis://127.0.0.1:1', '--protocol', 'http'], /spoken to with --protocol resp/],
    [['--node', 'redis://127.0.0.1:1', '--leader'], /asks replicas of Kvorum/],
    [['--node', 'redis://127.0.0.1:1', '--sweep', 'engine=raft'], /asks replicas of Kvorum/],
  ];
  for (const [args, message] of refused) {
    t.match(await run(['bench', ...args]), { exit: 2, stdout: '', stderr: message }, args.join(' '));
  }
  t.notOk(existsSync('x.hgrm'));
  const topology = await run(['bench', '--topology', 'no-such.yaml']);
  t.match(topology, { exit: 3, stdout: '', stderr: /no-such\.yaml/ });
});
