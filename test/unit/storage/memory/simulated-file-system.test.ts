import t from 'tap';
import { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';

const never = { survives: () => false };
const always = { survives: () => true };

function written(fs: SimulatedFileSystem, path: string, text: string): void {
  const file = fs.openSync(path, 'create');
  file.writevSync([Buffer.from(text)], 0);
  file.syncSync();
}

t.test('a synced file without a synced name is gone; a synced name without data is empty', async (t) => {
  const fs = new SimulatedFileSystem();
  written(fs, '/d/a', 'data');
  t.equal(fs.crash(never).existsSync('/d/a'), false);
  t.equal(fs.crash(always).content('/d/a').toString(), 'data');
  const other = new SimulatedFileSystem();
  const file = other.openSync('/d/a', 'create');
  other.syncDirSync('/d');
  file.writevSync([Buffer.from('data')], 0);
  t.equal(other.crash(never).content('/d/a').length, 0);
});

t.test('renames and removals are lost until the folder is synced', async (t) => {
  const fs = new SimulatedFileSystem();
  written(fs, '/d/a', 'a');
  written(fs, '/d/b', 'b');
  fs.syncDirSync('/d');
  fs.renameSync('/d/a', '/d/b');
  t.equal(fs.content('/d/b').toString(), 'a');
  t.equal(fs.crash(never).content('/d/b').toString(), 'b');
  fs.syncDirSync('/d');
  t.same(fs.crash(never).listSync('/d'), ['b']);
  fs.unlinkSync('/d/b');
  t.same(fs.crash(never).listSync('/d'), ['b']);
});

t.test('unsynced writes survive by sector, in any selection', async (t) => {
  const fs = new SimulatedFileSystem();
  const file = fs.openSync('/d/a', 'create');
  fs.syncDirSync('/d');
  file.writevSync([Buffer.alloc(1500, 'x')], 100);
  let sector = 0;
  const after = fs.crash({ survives: (what) => what === 'write' && sector++ === 2 }).content('/d/a');
  // Sectors of the disk, not of the write: 100..512, 512..1024, 1024..1536, 1536..1600.
  t.equal(after.length, 1536);
  t.ok(after.subarray(0, 1024).equals(Buffer.alloc(1024)));
  t.ok(after.subarray(1024).equals(Buffer.alloc(512, 'x')));
  let byte = 0;
  const bytes = fs.crash({ survives: (what) => what === 'write' && byte++ < 7, sectorBytes: 1 }).content('/d/a');
  t.equal(bytes.length, 107);
});

t.test('a truncation may be lost', async (t) => {
  const fs = new SimulatedFileSystem();
  written(fs, '/d/a', 'abcdef');
  fs.syncDirSync('/d');
  fs.openSync('/d/a', 'write').truncateSync(2);
  t.equal(fs.crash(never).content('/d/a').toString(), 'abcdef');
  t.equal(fs.crash(always).content('/d/a').toString(), 'ab');
});

t.test('a failed sync loses what it should have saved, for good', async (t) => {
  const fs = new SimulatedFileSystem({ failAt: 4, fault: 'EIO' });
  const file = fs.openSync('/d/a', 'create');
  fs.syncDirSync('/d');
  file.writevSync([Buffer.from('lost')], 0);
  t.throws(() => file.syncSync(), { code: 'EIO' });
  t.equal(fs.content('/d/a').toString(), 'lost', 'programs still see it');
  t.equal(fs.crash(always).content('/d/a').length, 0);
});

t.test('a lost sync vouches for what only a later one makes durable', async (t) => {
  let lost = false;
  const hooks = {
    fault: (): 'lost' | null => (lost ? 'lost' : null),
    later: (complete: () => () => void): void => complete()(),
    onDurable: (): void => undefined,
  };
  const fs = new SimulatedFileSystem({ hooks });
  const vouched = (): string | undefined => fs.durable.get('/d/a')?.durableBytes.toString();
  written(fs, '/d/a', 'sound');
  fs.syncDirSync('/d');
  const file = fs.openSync('/d/a', 'write');
  file.writevSync([Buffer.from(' and lost')], 5);
  lost = true;
  file.syncSync();
  lost = false;
  t.equal(vouched(), 'sound and lost', 'the disk says so');
  t.ok(fs.lies);
  t.equal(fs.crash(never).content('/d/a').toString(), 'sound', 'the power takes it');
  t.equal(fs.crash(always).content('/d/a').toString(), 'sound and lost', 'or not');
  t.notOk(fs.crash(always).lies);
  const next = fs.release();
  t.equal(next.content('/d/a').toString(), 'sound and lost', 'kill -9 takes nothing');
  t.ok(next.lies);
  next.openSync('/d/a', 'write').syncSync();
  t.notOk(next.lies, 'a later sync makes up for it');
  t.equal(next.crash(never).content('/d/a').toString(), 'sound and lost');
});

t.test('after a crash nothing happens any more', async (t) => {
  const fs = new SimulatedFileSystem({ failAt: 2, fault: 'crash after' });
  const file = fs.openSync('/d/a', 'create');
  t.throws(() => file.writevSync([Buffer.from('written')], 0), { code: 'ECRASHED' });
  t.throws(() => file.writevSync([Buffer.from('more')], 0), { code: 'ECRASHED' });
  file.sync(() => t.fail('nobody is left to be called'));
  await new Promise((resolve) => setImmediate(resolve));
  const next = fs.crash(always);
  t.equal(next.content('/d/a').toString(), 'written');
  t.equal(next.operations, 0);
});
