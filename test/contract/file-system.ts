import type { Test } from 'tap';
import { readFileSync, replaceFileSync, type FileSystem } from '../../src/storage/file-system.js';

/** What every FileSystem does; `dir` is an existing folder. */
export function fileSystemContract(t: Test, open: (t: Test) => { fs: FileSystem; dir: string }): void {
  t.test('writes gather, reads are short only at the end', async (t) => {
    const { fs, dir } = open(t);
    const file = fs.openSync(`${dir}/a`, 'create');
    file.writevSync([Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')], 0);
    file.writevSync([Buffer.from('X')], 1);
    t.equal(file.sizeSync(), 6);
    const target = Buffer.alloc(10);
    t.equal(file.readSync(target, 2), 4);
    t.equal(target.toString('latin1', 0, 4), 'etwo');
    t.equal(file.readSync(target, 6), 0);
    file.writevSync([Buffer.from('far')], 9);
    file.syncSync();
    file.closeSync();
    t.equal(readFileSync(fs, `${dir}/a`).toString(), 'oXetwo\0\0\0far');
  });

  t.test('more parts than one system call takes', async (t) => {
    const { fs, dir } = open(t);
    const file = fs.openSync(`${dir}/a`, 'create');
    const parts = Array.from({ length: 3000 }, (_, at) => Buffer.from(`${at},`));
    file.writevSync(parts, 5);
    file.closeSync();
    t.ok(readFileSync(fs, `${dir}/a`).subarray(5).equals(Buffer.concat(parts)));
  });

  t.test('truncation shortens and a later write fills with zeros', async (t) => {
    const { fs, dir } = open(t);
    const file = fs.openSync(`${dir}/a`, 'create');
    file.writevSync([Buffer.from('abcdef')], 0);
    file.truncateSync(2);
    t.equal(file.sizeSync(), 2);
    file.writevSync([Buffer.from('z')], 4);
    file.closeSync();
    t.equal(readFileSync(fs, `${dir}/a`).toString(), 'ab\0\0z');
  });

  t.test('modes: create needs absence, the others presence', async (t) => {
    const { fs, dir } = open(t);
    t.throws(() => fs.openSync(`${dir}/a`, 'read'), { code: 'ENOENT' });
    t.throws(() => fs.openSync(`${dir}/a`, 'write'), { code: 'ENOENT' });
    fs.openSync(`${dir}/a`, 'create').closeSync();
    t.throws(() => fs.openSync(`${dir}/a`, 'create'), { code: 'EEXIST' });
    t.equal(fs.existsSync(`${dir}/a`), true);
    t.equal(fs.existsSync(`${dir}/b`), false);
  });

  t.test('names: list, rename over, unlink, replace', async (t) => {
    const { fs, dir } = open(t);
    for (const name of ['c', 'a', 'b']) {
      const file = fs.openSync(`${dir}/${name}`, 'create');
      file.writevSync([Buffer.from(name)], 0);
      file.closeSync();
    }
    t.same(fs.listSync(dir), ['a', 'b', 'c']);
    fs.renameSync(`${dir}/a`, `${dir}/b`);
    t.equal(readFileSync(fs, `${dir}/b`).toString(), 'a');
    fs.unlinkSync(`${dir}/c`);
    t.throws(() => fs.unlinkSync(`${dir}/c`), { code: 'ENOENT' });
    t.throws(() => fs.renameSync(`${dir}/c`, `${dir}/d`), { code: 'ENOENT' });
    replaceFileSync(fs, dir, `${dir}/b`, Buffer.from('replaced'));
    t.equal(readFileSync(fs, `${dir}/b`).toString(), 'replaced');
    t.same(fs.listSync(dir), ['b']);
  });

  t.test('syncs answer later', async (t) => {
    const { fs, dir } = open(t);
    const file = fs.openSync(`${dir}/a`, 'create');
    for (const sync of [file.sync.bind(file), fs.syncDir.bind(fs, dir)]) {
      let called = false;
      await new Promise<void>((resolve, reject) => {
        sync((error: Error | null) => {
          called = true;
          if (error === null) resolve();
          else reject(error);
        });
        t.equal(called, false);
      });
    }
    file.closeSync();
    fs.syncDirSync(dir);
  });

  t.test('a lock is held once and may be taken again after release', async (t) => {
    const { fs, dir } = open(t);
    const lock = fs.lockSync(`${dir}/LOCK`);
    t.throws(() => fs.lockSync(`${dir}/LOCK`), { code: 'data_dir_locked', message: /this process/ });
    lock.release();
    fs.lockSync(`${dir}/LOCK`).release();
  });
}
