import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KvorumError } from '../../../src/base/errors/error.js';
import { groupId, logIndex, replicaId, term } from '../../../src/base/brand.js';
import { openStorage, type StorageOptions } from '../../../src/storage/index.js';
import { SimulatedFileSystem } from '../../../src/storage/memory/simulated-file-system.js';
import type { Storage } from '../../../src/storage/storage.js';
import { incarnationAt } from '../../../src/storage/writing.js';
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

function identityOf(wanted: StorageOptions): Record<string, unknown> {
  return JSON.parse(readFileSync(join(wanted.dir, 'IDENTITY'), 'utf8')) as Record<string, unknown>;
}

t.test('a folder has a name that nobody else ever has (raft.md M4)', async (t) => {
  const wanted = options(t);
  const first = await openStorage(wanted);
  const { folder } = first;
  t.match(folder, /^[0-9a-f]{32}$/);
  t.equal(first.formation, null);
  await first.close();
  const again = await openStorage(wanted);
  t.equal(again.folder, folder, 'it stays');
  await again.close();
  rmSync(wanted.dir, { recursive: true });
  const wiped = await openStorage({ ...wanted, nameFolder: () => 'ab'.repeat(16) });
  t.equal(wiped.folder, 'ab'.repeat(16));
  await wiped.close();
});

t.test('a formation is durable when it was recorded, and never taken back', async (t) => {
  const wanted = options(t);
  const storage = await openStorage(wanted);
  const prepared = [
    { id: replicaId('n1'), folder: storage.folder },
    { id: replicaId('n2'), folder: null },
  ];
  storage.recordFormation({ prepared, formed: false, joining: false });
  t.match(identityOf(wanted), { folder: storage.folder, formation: { prepared, formed: false } });
  storage.recordFormation({ prepared, formed: true, joining: false });
  const other = { prepared: prepared.slice(1), formed: true, joining: false };
  t.throws(() => storage.recordFormation(other), { name: 'InvariantViolation' });
  t.throws(() => storage.recordFormation({ ...other, prepared, formed: false }), { name: 'InvariantViolation' });
  t.throws(() => storage.recordFormation({ ...other, prepared, joining: true }), { name: 'InvariantViolation' });
  await storage.close();
  const again = await openStorage(wanted);
  t.strictSame(again.formation, { prepared, formed: true, joining: false });
  await again.close();
  for (const formation of [{ formed: true }, 'yes', { prepared: [{ id: 7 }], formed: true, joining: false }]) {
    writeFileSync(join(wanted.dir, 'IDENTITY'), JSON.stringify({ ...identityOf(wanted), formation }));
    await t.rejects(openStorage(wanted), { code: 'data_dir_mismatch', message: /how the cluster was formed/ });
  }
});

t.test(
  'a checkpoint that cannot be opened is a storage failure that names its path (reliability.md §2.3)',
  async (t) => {
    const wanted = options(t);
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    const refusing = (error: Error) => ({
      ...wanted,
      openCheckpoint: () => {
        throw error;
      },
    });
    const storage = await openStorage(refusing(full));
    t.throws(() => storage.checkpoint(GROUP), {
      code: 'storage_failed',
      message: /checkpoint.default%2F0 cannot be opened: ENOSPC/,
      cause: full,
    });
    await storage.close();
    const damaged = await openStorage(refusing(new KvorumError('checkpoint_corrupt', 'damaged')));
    t.throws(
      () => damaged.checkpoint(GROUP),
      { code: 'checkpoint_corrupt', message: 'damaged' },
      'that is known already',
    );
    await damaged.close();
    // For real: a file is where the folder of the checkpoints belongs.
    writeFileSync(join(wanted.dir, 'checkpoint'), '');
    const real = await openStorage(wanted);
    t.throws(() => real.checkpoint(GROUP), {
      code: 'storage_failed',
      message: /checkpoint.default%2F0 cannot be opened/,
    });
    await real.close();
  },
);

t.test('a formation is recorded whole or not at all, and a disk that refuses it is a storage failure', async (t) => {
  const dir = '/data/n1';
  const wanted = { dir, identity: { cluster: 'demo', replica: replicaId('n1') }, segmentBytes: 1_000_000, fsync: true };
  const openCheckpoint = (): never => t.fail('no group is used') as never;
  const record = { prepared: [{ id: replicaId('n1'), folder: 'f' }], formed: false, joining: false };
  const operations = async (fs: SimulatedFileSystem): Promise<[number, number]> => {
    const storage = await openStorage({ ...wanted, fs, openCheckpoint });
    const before = fs.operations;
    storage.recordFormation(record);
    return [before, fs.operations];
  };
  const [first, last] = await operations(new SimulatedFileSystem());
  const seen = new Set<boolean>();
  for (let failAt = first + 1; failAt <= last; failAt++) {
    for (const fault of ['EIO', 'short write', 'crash before', 'crash after'] as const) {
      for (const survives of [() => true, () => false]) {
        const fs = new SimulatedFileSystem({ failAt, fault });
        const storage = await openStorage({ ...wanted, fs, openCheckpoint });
        t.throws(() => storage.recordFormation(record), { code: 'storage_failed' });
        t.equal(storage.formation, null, 'not claimed');
        const after = await openStorage({ ...wanted, fs: fs.crash({ survives }), openCheckpoint });
        t.equal(after.folder, storage.folder);
        if (after.formation !== null) t.strictSame(after.formation, record);
        seen.add(after.formation === null);
      }
    }
  }
  t.same(seen, new Set([true, false]), 'both happen');
});

t.test('the folder of an older version gets a name; one that was in use belongs to a formed cluster', async (t) => {
  for (const used of [false, true]) {
    const wanted = { ...options(t), dir: join(t.testdir(), String(used)) };
    await (await withEntries(wanted, used ? 2 : 0)).close();
    const { folder: _folder, formation: _formation, ...old } = identityOf(wanted);
    writeFileSync(join(wanted.dir, 'IDENTITY'), JSON.stringify(old));
    const storage = await openStorage(wanted);
    t.match(storage.folder, /^[0-9a-f]{32}$/);
    t.strictSame(storage.formation, used ? { prepared: [], formed: true, joining: false } : null);
    t.match(identityOf(wanted), { ...old, folder: storage.folder }, 'durable at once');
    await storage.close();
  }
});

t.test('a log in use without an IDENTITY is refused: the others knew us by it', async (t) => {
  const wanted = options(t);
  await (await withEntries(wanted, 0)).close();
  rmSync(join(wanted.dir, 'IDENTITY'));
  await (await withEntries(wanted, 2)).close(); // As after a crash during the very first start.
  rmSync(join(wanted.dir, 'IDENTITY'));
  await t.rejects(openStorage(wanted), { code: 'data_dir_mismatch', message: /no file IDENTITY/ });
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

t.test(
  'a checkpoint of another history behind the log: recorded where the log was being replaced, nowhere else',
  async (t) => {
    const open = async (rebuilding: boolean): Promise<Storage> => {
      const wanted = { ...options(t), dir: join(t.testdir(), String(rebuilding)) };
      const storage = await withEntries(wanted, 6);
      const hardState = { term: term(130), vote: rebuilding ? null : replicaId('n2'), commit: logIndex(6) };
      storage.log.append([{ kind: 'hardState', group: GROUP, hardState, memberships: null }], true, () => undefined);
      storage.log.cut(GROUP, logIndex(5), term(1));
      const quorum = { index: logIndex(0), writeQuorum: 1, forcedTerm: term(130) };
      const mark = { index: logIndex(2), term: term(130), membership: formedBy('n1'), quorum, meta: Buffer.alloc(0) };
      await storage.checkpoint(GROUP).write(mark, []);
      await storage.close(); // As if the power went before the record was appended.
      const after = await openStorage(wanted);
      after.checkpoint(GROUP);
      if (rebuilding) {
        const entry = { index: logIndex(3), term: term(130), kind: 'noop', payload: Buffer.alloc(0) } as const;
        await new Promise<void>((resolve) => after.log.append([{ kind: 'entry', group: GROUP, entry }], true, resolve));
      }
      await after.close();
      return openStorage(wanted);
    };
    const replaced = await open(true);
    t.match(replaced.log.recovered.get(GROUP), { baseIndex: 2, baseTerm: 130, entries: [{ index: 3 }] });
    await replaced.close();
    const lacking = await open(false);
    t.match(
      lacking.log.recovered.get(GROUP),
      { baseIndex: 5, entries: [{ index: 6 }] },
      'it lacks a checkpoint: left as it is',
    );
    await lacking.close();
  },
);

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

t.test('a checkpoint of origins is ahead of no log: nothing is recorded under the name of its group', async (t) => {
  const wanted = options(t);
  const storage = await openStorage(wanted);
  const mark = { index: logIndex(3), term: term(0), membership: formedBy(), meta: Buffer.alloc(0) };
  await storage.checkpoint(GROUP, 'none').write(mark, []);
  await storage.close();
  const after = await openStorage(wanted);
  after.checkpoint(GROUP, 'none');
  await after.close();
  const again = await openStorage(wanted);
  t.equal(again.log.recovered.size, 0);
  await again.close();
});

t.test('who writes is in IDENTITY only where somebody writes; older files open', async (t) => {
  const wanted = options(t);
  await (await openStorage(wanted)).close();
  t.notOk('writing' in identityOf(wanted));
  const storage = await openStorage(wanted);
  const { incarnation } = storage.beginWriting();
  t.same(identityOf(wanted)['writing'], { incarnation, boot: 1, whole: true }, 'durable at once');
  storage.recordFormation({ prepared: [], formed: false, joining: true });
  await storage.close();
  const again = await openStorage(wanted);
  t.same(again.formation, { prepared: [], formed: false, joining: true }, 'neither forgets the other');
  t.same(again.beginWriting(), { incarnation, boot: 2, fresh: false });
  await again.close();
  for (const writing of [
    7,
    'yes',
    {},
    { incarnation: 'x', boot: 1, whole: true },
    { incarnation, boot: 0, whole: true },
  ]) {
    writeFileSync(join(wanted.dir, 'IDENTITY'), JSON.stringify({ ...identityOf(wanted), writing }));
    await t.rejects(openStorage(wanted), { code: 'data_dir_mismatch', message: /does not say who writes/ });
  }
});

const SIMULATED = {
  dir: '/data/n1',
  identity: { cluster: 'demo', replica: replicaId('n1') },
  segmentBytes: 1_000_000,
  openCheckpoint: (): never => {
    throw new Error('no group is used');
  },
};

/** Incarnations 1, 2, 3, … of ever later times. */
function minting(): () => string {
  let minted = 0;
  return () => incarnationAt(++minted, 0);
}

t.test('a process that did not end in order writes under another name when its log was not synced', async (t) => {
  for (const fsync of [true, false]) {
    const wanted = { ...SIMULATED, fsync, mintIncarnation: minting() };
    const fs = new SimulatedFileSystem();
    const first = (await openStorage({ ...wanted, fs })).beginWriting();
    const killed = fs.release();
    const second = await openStorage({ ...wanted, fs: killed });
    const { incarnation, fresh } = second.beginWriting();
    t.equal(incarnation === first.incarnation, fsync, 'ap.md §1.0.1 rule 1: the tail of its log may be lost');
    t.equal(fresh, !fsync);
    await second.close();
    const third = await openStorage({ ...wanted, fs: killed });
    t.same(third.beginWriting(), { incarnation, boot: 3, fresh: false }, 'after an orderly end the name stays');
    // Killed without fsync, and started with it: what was lost before stays lost.
    const turned = await openStorage({ ...wanted, fs: killed.release(), fsync: true });
    t.equal(turned.beginWriting().fresh, !fsync);
    await turned.close();
  }
});

t.test('a log that failed without fsync is not called whole at the end', async (t) => {
  const wanted = { ...SIMULATED, fsync: false, mintIncarnation: minting() };
  let broken = false;
  const hooks = {
    fault: (operation: string, path: string) =>
      broken && operation === 'write' && path.includes('/log/') ? 'EIO' : null,
    later: (complete: () => () => void) => queueMicrotask(() => complete()()),
    onDurable: () => undefined,
  } as const;
  const fs = new SimulatedFileSystem({ hooks });
  const storage = await openStorage({ ...wanted, fs });
  const { incarnation } = storage.beginWriting();
  broken = true;
  const entry = { index: logIndex(1), term: term(1), kind: 'noop', payload: Buffer.alloc(0) } as const;
  storage.log.append([{ kind: 'entry', group: GROUP, entry }], true, () => t.fail('it is not written'));
  await storage.close();
  broken = false;
  const again = await openStorage({ ...wanted, fs: fs.release() });
  t.match(again.beginWriting(), { boot: 2, fresh: true });
  t.not(again.beginWriting().incarnation, incarnation);
  await again.close();
});

t.test('a clock that went back does not make a new incarnation look older', async (t) => {
  const times = [5000, 4000, 3000];
  const mintIncarnation = (): string => incarnationAt(times.shift() ?? 0, 7);
  const fs = new SimulatedFileSystem();
  const wanted = { ...SIMULATED, fsync: false, mintIncarnation };
  const first = (await openStorage({ ...wanted, fs })).beginWriting().incarnation;
  const storage = await openStorage({ ...wanted, fs: fs.release() });
  const second = storage.beginWriting().incarnation;
  t.ok(second > first);
  t.ok(storage.renewIncarnation().incarnation > second);
  await storage.close();
});

t.test('a life is begun whole or not at all: no boot is used twice, whenever the power goes', async (t) => {
  const seen = new Set<string>();
  for (const renew of [false, true]) {
    const opened = async (fs: SimulatedFileSystem): Promise<Storage> => {
      const storage = await openStorage({ ...SIMULATED, fsync: true, mintIncarnation: minting(), fs });
      if (renew) storage.beginWriting();
      return storage;
    };
    const change = (storage: Storage): unknown => (renew ? storage.renewIncarnation() : storage.beginWriting());
    const probe = new SimulatedFileSystem();
    const probed = await opened(probe);
    const first = probe.operations + 1;
    change(probed);
    for (let failAt = first; failAt <= probe.operations; failAt++) {
      for (const fault of ['EIO', 'short write', 'crash before', 'crash after'] as const) {
        for (const survives of [() => true, () => false]) {
          const fs = new SimulatedFileSystem({ failAt, fault });
          const storage = await opened(fs);
          t.throws(() => change(storage), { code: 'storage_failed' });
          const after = await openStorage({
            ...SIMULATED,
            fsync: true,
            mintIncarnation: minting(),
            fs: fs.crash({ survives }),
          });
          const { boot, fresh } = after.beginWriting();
          seen.add(`${renew ? 'renewed' : 'begun'}: boot ${boot}, ${fresh ? 'fresh' : 'known'}`);
          await after.close();
        }
      }
    }
  }
  t.same([...seen].toSorted(), ['begun: boot 1, fresh', 'begun: boot 2, known', 'renewed: boot 2, known']);
});
