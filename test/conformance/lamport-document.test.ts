import { join } from 'node:path';
import t from 'tap';
import { run, Server, type Outcome } from '../cli/program.js';
import { busyPorts } from '../fixtures/ports.js';

/**
 * The document of the store with Lamport clocks and last-writer-wins: its scenarios with its client's commands, against its
 * nodes A, B and C on 8000 to 8002. Each node is a process of its own. About fifteen seconds.
 */
const IDS = ['A', 'B', 'C'] as const;
type Id = (typeof IDS)[number];
const PORTS = [6000, 6001, 6002, 7000, 7001, 7002, 8000, 8001, 8002];
const busy = await busyPorts(PORTS);
const skip = busy.length > 0 ? `in use: ${busy.join(', ')}` : false;

interface Shown {
  readonly value?: string;
  readonly version?: string;
}

interface Status {
  readonly id: string;
  readonly keyspaces: readonly {
    readonly clock: number;
    readonly keys: number;
    readonly state: string;
    readonly peers: readonly { readonly id: string; readonly alive: boolean; readonly lag: number }[];
  }[];
}

function address(node: Id): string {
  return `http://127.0.0.1:${8000 + IDS.indexOf(node)}`;
}

function client(node: Id, line: string): Promise<Outcome> {
  return run(['--node', address(node), ...line.split(' ')]);
}

/** The same request until its answer is as it should be; every attempt is a client of its own. */
async function eventually(what: string, attempt: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!(await attempt())) {
    if (performance.now() > endMs) throw new Error(`not within 20 s: ${what}`);
  }
}

async function shown(node: Id, key: string): Promise<Shown> {
  const { exit, stdout } = await client(node, `get ${key} -o json`);
  return exit === 0 ? (JSON.parse(stdout) as Shown) : {};
}

async function statusOf(node: Id): Promise<Status> {
  return JSON.parse((await client(node, 'status -o json')).stdout) as Status;
}

t.test('the document of the store with Lamport clocks', { skip, timeout: 360_000 }, async (t) => {
  const dataDir = join(t.testdir({}), 'data');
  const start = (id: Id): Server => new Server(['configs/lww.yaml', '--data-dir', dataDir, `--replica=${id}`]);
  const processes = new Map(IDS.map((id) => [id, start(id)]));
  t.teardown(() => Promise.all([...processes.values()].map((process) => process.kill())));
  await Promise.all([...processes.values()].map((process) => process.ready()));

  // Basic functionality: PUT to A, GET from B, STATUS from C.
  t.match(await client('A', 'put x 1'), { exit: 0, stdout: /^created \(version \d+@A~/ });
  await eventually('x is at B', async () => (await client('B', 'get x')).stdout === '1\n');
  await eventually('and at C', async () => (await statusOf('C')).keyspaces[0]?.keys === 1);
  const { id, keyspaces } = await statusOf('C');
  t.equal(id, 'C');
  t.match(keyspaces[0], { state: 'ready', keys: 1, peers: [{ id: 'A', alive: true }, { id: 'B' }] });
  t.ok((keyspaces[0]?.clock ?? 0) >= 1, 'the clock of C has heard of the write at A');
  const table = await client('C', 'status');
  t.match(table.stdout, /^replica C /);
  t.match(table.stdout, /keyspace +engine +state +clock +keys/);
  t.match(table.stdout, /default +A +yes/, 'its peers');

  // Scenario B: concurrent writes to one key.
  const writes = await Promise.all([client('A', 'put z 1 -o json'), client('B', 'put z 2 -o json')]);
  const versions = writes.map(({ stdout }) => (JSON.parse(stdout) as Required<Shown>).version);
  const stamps = versions.map((version) => version.split('@') as [string, string]);
  const [[one, a], [two, b]] = stamps as [[string, string], [string, string]];
  const winner = Number(one) === Number(two) ? (a > b ? '1' : '2') : Number(one) > Number(two) ? '1' : '2';
  await eventually('all three have one winner', async () => {
    const values = await Promise.all(IDS.map((node) => shown(node, 'z')));
    return values.every(({ value, version }) => value === winner && version === versions[Number(winner) - 1]);
  });
  t.pass(`the write with the later Lamport timestamp won everywhere: z = ${winner}`);

  // Scenario: C is stopped, A and B go on, C comes back and catches up without a further write.
  await processes.get('C')?.kill();
  t.match(await client('A', 'put k 10'), { exit: 0 });
  t.match(await client('B', 'put m 20'), { exit: 0 });
  t.match(await client('C', 'get k'), { exit: 4 }, 'nobody is there');
  processes.set('C', await start('C').ready());
  await eventually('C has k and m', async () => {
    const values = await Promise.all([shown('C', 'k'), shown('C', 'm')]);
    return values[0]?.value === '10' && values[1]?.value === '20';
  });
  t.match(await client('C', 'get x'), { stdout: '1\n' }, 'and what it had before');

  t.match(await client('C', 'del x'), { exit: 0, stdout: /^deleted/ });
  await eventually('deletes travel, too', async () => (await client('A', 'get x')).exit === 7);
  t.match(await client('A', 'cas x 1 2'), { exit: 2, stderr: /unsupported_by_engine/ });
});
