import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { groupId, logIndex, replicaId, term } from '../../../src/base/brand.js';
import { openStorage, type StorageOptions } from '../../../src/storage/index.js';
import type { Storage } from '../../../src/storage/storage.js';
import { formedBy } from '../../fixtures/membership.js';

const GROUP = groupId('default', 0);

function options(t: Test): StorageOptions {
  return {
    dir: join(t.testdir(), 'deep', 'n1'),
    identity: { cluster: 'demo', replica: replicaId('n1') },
    segmentBytes: 1_000_000,
    fsync: true,
  };
}

async function withEntries(options: StorageOptions, count: number): Promise<Storage> {
  const storage = await openStorage(options);
  for (let at = 1; at <= count; at++) {
    const entry = { index: logIndex(at), term: term(1), kind: 'noop', payload: Buffer.alloc(0) } as const;
    await new Promise<void>((resolve) => storage.log.append([{ kind: 'entry', group: GROUP, entry }], true, resolve));
  }
  return storage;
}

t.test('the folder is private, says whose it is, and is checked at the next start', async (t) => {
  const wanted = options(t);
  await (await openStorage(wanted)).close();
  t.equal(statSync(wanted.dir).mode & 0o777, 0o700);
  const identity = JSON.parse(readFileSync(join(wanted.dir, 'IDENTITY'), 'utf8')) as Record<string, unknown>;
  t.match(identity, { formatVersion: 1, cluster: 'demo', replica: 'n1' });
  const other = { ...wanted, identity: { cluster: 'prod', replica: replicaId('n2') } };
  await t.rejects(openStorage(other), {
    code: 'data_dir_mismatch',
    message: /'n1' of cluster 'demo'.*'n2' of cluster 'prod'/,
  });
  writeFileSync(join(wanted.dir, 'IDENTITY'), JSON.stringify({ ...identity, formatVersion: 99, createdBy: '7.0.0' }));
  await t.rejects(openStorage(wanted), { code: 'data_dir_newer', message: /99.*7\.0\.0/ });
  writeFileSync(join(wanted.dir, 'IDENTITY'), 'nonsense');
  await t.rejects(openStorage(wanted), { code: 'data_dir_mismatch' });
  writeFileSync(join(wanted.dir, 'IDENTITY'), JSON.stringify(identity));
  await (await openStorage(wanted)).close();
});

t.test('a log that vanished is refused, not begun anew', async (t) => {
  const wanted = options(t);
  await (await withEntries(wanted, 2)).close();
  const log = join(wanted.dir, 'log');
  renameSync(log, `${log}-away`);
  await t.rejects(openStorage(wanted), { code: 'log_corrupt', message: /the log is missing/ });
  rmSync(log, { recursive: true, force: true });
  renameSync(`${log}-away`, log);
  const storage = await openStorage(wanted);
  t.equal(storage.log.recovered.get(GROUP)?.entries.length, 2);
  await storage.close();
});

t.test('two openings of one folder: the second is refused with the holder, also in one process', async (t) => {
  const wanted = options(t);
  const first = await openStorage(wanted);
  await t.rejects(openStorage(wanted), { code: 'data_dir_locked', message: /held by this process/ });
  await first.close();
  await (await openStorage(wanted)).close();
});

const HOLDER = `
  import { openStorage } from ${JSON.stringify(new URL('../../../src/storage/index.js', import.meta.url).href)};
  const storage = await openStorage({ dir: process.argv[1], identity: { cluster: 'demo', replica: 'n1' }, segmentBytes: 1e6, fsync: true });
  console.log('open');
  setInterval(() => storage, 1000);
`;

t.test('the lock of another process is named by its pid and dies with it', async (t) => {
  const wanted = options(t);
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, wanted.dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await t.rejects(openStorage(wanted), { code: 'data_dir_locked', message: new RegExp(`process ${child.pid}`) });
  child.kill('SIGKILL');
  await ended;
  await (await openStorage(wanted)).close();
});

t.test('without flock(1) a pid file does: refused while the holder lives, taken when it is dead', async (t) => {
  const wanted = options(t);
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  t.teardown(() => {
    process.env['PATH'] = path;
  });
  const first = await openStorage(wanted);
  await t.rejects(openStorage(wanted), { code: 'data_dir_locked', message: /held by this process/ });
  await first.close();
  writeFileSync(join(wanted.dir, 'LOCK'), `${process.ppid}\n`);
  await t.rejects(openStorage(wanted), { code: 'data_dir_locked', message: new RegExp(`process ${process.ppid}`) });
  writeFileSync(join(wanted.dir, 'LOCK'), '999999999\n');
  await (await openStorage(wanted)).close();
});

t.test('a checkpoint ahead of the log is recorded in it, so that later entries leave no gap', async (t) => {
  const wanted = options(t);
  const storage = await withEntries(wanted, 3);
  const mark = { index: logIndex(50), term: term(4), membership: formedBy('n1'), meta: Buffer.alloc(0) };
  await storage.checkpoint(GROUP).write(mark, []);
  await storage.close(); // As if the power went before the record was appended.
  const after = await openStorage(wanted);
  t.equal(after.log.recovered.get(GROUP)?.entries.length, 3);
  after.checkpoint(GROUP);
  const entry = { index: logIndex(51), term: term(4), kind: 'noop', payload: Buffer.alloc(0) } as const;
  await new Promise<void>((resolve) => after.log.append([{ kind: 'entry', group: GROUP, entry }], true, resolve));
  await after.close();
  const again = await openStorage(wanted);
  t.match(again.log.recovered.get(GROUP), { baseIndex: 50, baseTerm: 4, entries: [{ index: 51 }] });
  await again.close();
});

t.test('groups have folders of their own; other files are left alone', async (t) => {
  const wanted = options(t);
  const storage = await openStorage(wanted);
  storage.checkpoint(groupId('default', 0));
  storage.checkpoint(groupId('default', 12));
  await storage.close();
  t.same(readdirSync(join(wanted.dir, 'checkpoint')), ['default%2F0', 'default%2F12']);
  writeFileSync(join(wanted.dir, 'log', 'notes.txt'), 'mine');
  await (await openStorage(wanted)).close();
  t.equal(readFileSync(join(wanted.dir, 'log', 'notes.txt'), 'utf8'), 'mine');
});

t.test('a folder that cannot be made is a storage error', async (t) => {
  const wanted = options(t);
  writeFileSync(join(t.testdirName, 'deep'), 'a file');
  await t.rejects(openStorage(wanted), { code: 'storage_failed', message: /cannot be opened/ });
});

t.test('without fsync everything works, and survives the process', async (t) => {
  const wanted = { ...options(t), fsync: false };
  const storage = await withEntries(wanted, 5);
  await storage.close();
  const again = await openStorage(wanted);
  t.equal(again.log.recovered.get(GROUP)?.entries.length, 5);
  await again.close();
});
