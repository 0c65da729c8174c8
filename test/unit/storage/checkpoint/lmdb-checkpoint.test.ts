import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { logIndex, term } from '../../../../src/base/brand.js';
import { LmdbCheckpoint } from '../../../../src/storage/checkpoint/lmdb-checkpoint.js';
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js';
import type { CheckpointChange, CheckpointMark } from '../../../../src/storage/storage.js';
import { formedBy } from '../../../fixtures/membership.js';

function markAt(index: number): CheckpointMark {
  const membership = formedBy('n1');
  return { index: logIndex(index), term: term(1), membership, meta: Buffer.alloc(0) };
}

t.test('the highest generation counts; what a crash left over is removed, other files are not', async (t) => {
  const dir = t.testdir();
  const store = new LmdbCheckpoint(nodeFileSystem, dir);
  await store.write(markAt(3), [['a', Buffer.from('1')]]);
  await store.close();
  for (const name of ['gen-2.1.tmp', 'gen-2.1.tmp-lock', 'gen-0.mdb', 'notes']) writeFileSync(join(dir, name), 'x');
  const again = new LmdbCheckpoint(nodeFileSystem, dir);
  t.equal(again.mark?.index, 3);
  t.same(readdirSync(dir), ['gen-1.mdb', 'gen-1.mdb-lock', 'notes']);
  await again.close();
});

t.test('a file that is no checkpoint is refused with an error, not with a signal', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'gen-1.mdb');
  const store = new LmdbCheckpoint(nodeFileSystem, dir);
  const changes = Array.from({ length: 3000 }, (_, at): CheckpointChange => [`key${at}`, Buffer.alloc(100, 'v')]);
  await store.write(markAt(3), changes);
  await store.close();
  const good = readFileSync(path);
  const damage = {
    empty: Buffer.alloc(0),
    garbage: Buffer.alloc(good.length, 'x'),
    'a lone page': good.subarray(0, 4096),
    'second page gone': Buffer.concat([good.subarray(0, 4096), Buffer.alloc(4096), good.subarray(8192)]),
  };
  for (const [name, bytes] of Object.entries(damage)) {
    writeFileSync(path, bytes);
    t.throws(
      () => new LmdbCheckpoint(nodeFileSystem, dir),
      { code: 'checkpoint_corrupt', message: /gen-1\.mdb/ },
      name,
    );
  }
  writeFileSync(path, good);
  truncateSync(path, 16_384);
  t.throws(() => {
    const truncated = new LmdbCheckpoint(nodeFileSystem, dir);
    for (const [key] of changes) truncated.get(key);
  });
  writeFileSync(path, good);
});

const FULL_DISK = `
  import { LmdbCheckpoint } from ${JSON.stringify(new URL('../../../../src/storage/checkpoint/lmdb-checkpoint.js', import.meta.url).href)};
  import { nodeFileSystem } from ${JSON.stringify(new URL('../../../../src/storage/node-file-system.js', import.meta.url).href)};
  const store = new LmdbCheckpoint(nodeFileSystem, process.argv[1]);
  const mark = (index) => ({ index, term: 1, membership: { index: 0, membership: { voters: ['n1'], outgoing: [], learners: [], removed: [], members: [] } }, meta: Buffer.alloc(0) });
  await store.write(mark(1), [['a', Buffer.from('old')]]);
  const changes = function* () { for (let at = 0; at < 40000; at++) yield ['b' + at, Buffer.alloc(200)]; };
  const code = await store.write(mark(2), changes()).then(() => 'written', (error) => error.code + ' ' + error.message);
  console.log(JSON.stringify({ code, mark: store.mark.index, keys: [...store.range('', null)].length }));
  await store.close();
`;

t.test('a disk that takes no more: the write is refused, the old checkpoint is whole', async (t) => {
  const dir = t.testdir();
  // A limit on the size of files stands for the full disk: 4 MiB in units of 1 KiB.
  const script = `ulimit -f 4096; exec "$0" --input-type=module -e "$1" "$2"`;
  const child = spawnSync('bash', ['-c', script, process.execPath, FULL_DISK, dir], { encoding: 'utf8' });
  const outcome = JSON.parse(child.stdout) as { code: string; mark: number; keys: number };
  t.match(outcome.code, /^storage_failed .*gen-1\.mdb: /);
  t.match(outcome, { mark: 1, keys: 1 });
  const after = new LmdbCheckpoint(nodeFileSystem, dir);
  t.equal(after.mark?.index, 1);
  t.equal(Buffer.from(after.get('a') ?? []).toString(), 'old');
  t.equal([...after.range('', null)].length, 1);
  await after.close();
});
