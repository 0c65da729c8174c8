// Kills a process while it writes checkpoints and installs snapshots; takes about 10 s.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import t from 'tap';
import { LmdbCheckpoint } from '../../../../src/storage/checkpoint/lmdb-checkpoint.js';
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js';

const MODULE = new URL('../../../../src/storage/checkpoint/lmdb-checkpoint.js', import.meta.url).href;
const FILES = new URL('../../../../src/storage/node-file-system.js', import.meta.url).href;

/** Round n sets all keys to n, in one write; every fifth round installs a snapshot of itself instead. */
const WRITER = `
  import { LmdbCheckpoint } from ${JSON.stringify(MODULE)};
  import { nodeFileSystem } from ${JSON.stringify(FILES)};
  const store = new LmdbCheckpoint(nodeFileSystem, process.argv[1]);
  const keys = Array.from({ length: 20000 }, (_, at) => 'key' + String(at).padStart(6, '0'));
  for (let round = (store.mark?.index ?? 0) + 1; ; round++) {
    const mark = { index: round, term: 1, membership: { index: 0, membership: { voters: ['n1'], outgoing: [], learners: [], removed: [], members: [] } }, meta: Buffer.from(String(round)) };
    if (round % 5 === 0) {
      const source = store.openSnapshot();
      const sink = store.openInstall();
      for (let piece = source.next(65536); piece !== null; piece = source.next(65536)) sink.write(piece);
      await sink.finish();
      source.close();
    }
    const value = Buffer.from(String(round).padEnd(100));
    await store.write(mark, keys.map((key, at) => [key, at % 10 === round % 10 ? null : value]));
    process.stdout.write(round + '\\n');
  }
`;

t.test('kill -9 at any moment leaves one whole checkpoint, at least the last that was acknowledged', async (t) => {
  const dir = t.testdir();
  let last = 0;
  let installsSeen = 0;
  for (let attempt = 0; attempt < 14; attempt++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let acknowledged = last;
    let started!: () => void;
    const writing = new Promise<void>((resolve) => (started = resolve));
    child.stdout.on('data', (text: Buffer) => {
      acknowledged = Number(text.toString().trim().split('\n').at(-1));
      started();
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await writing;
    await new Promise((resolve) => setTimeout(resolve, (attempt * 37) % 230));
    child.kill('SIGKILL');
    await ended;
    if (readdirSync(dir).some((name) => name.includes('.tmp'))) installsSeen++;
    const store = new LmdbCheckpoint(nodeFileSystem, dir);
    const round = store.mark?.index ?? 0;
    t.ok(round >= acknowledged, `round ${round}, acknowledged ${acknowledged}`);
    t.equal(Buffer.from(store.mark?.meta ?? []).toString(), String(round));
    const values = new Set<string>();
    let count = 0;
    for (const [, value] of store.range('', null)) {
      values.add(Buffer.from(value).toString().trim());
      count++;
    }
    t.same([...values], [String(round)], 'all keys are of one round');
    t.equal(count, 18_000);
    t.same(
      readdirSync(dir).filter((name) => !/^gen-\d+\.mdb(-lock)?$/.test(name)),
      [],
      'nothing is left over',
    );
    await store.close();
    last = round;
  }
  t.ok(last >= 14, 'every process has acknowledged a round of its own');
  t.comment(`${last} rounds, ${installsSeen} killed during an install`);
});
