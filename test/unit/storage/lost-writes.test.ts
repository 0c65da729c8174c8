import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { groupId, logIndex, term } from '../../../src/base/brand.js';
import type { Entry } from '../../../src/engines/entry.js';
import { LostWritesFolder } from '../../../src/storage/lost-writes/folder.js';
import { LostWritesMemory } from '../../../src/storage/lost-writes/memory.js';
import { nodeFileSystem } from '../../../src/storage/node-file-system.js';
import { SimulatedFileSystem } from '../../../src/storage/memory/simulated-file-system.js';
import type { LostWritesHead } from '../../../src/storage/storage.js';

const GROUP = groupId('feed', 0);
const OTHER = groupId('other', 0);
const MIB = 1024 * 1024;

function entries(from: number, count: number, bytes = 3): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: logIndex(from + at),
    term: term(64),
    kind: at === 0 ? 'noop' : 'commands',
    payload: new Uint8Array(bytes).fill(at),
  }));
}

function head(of: readonly Entry[], more: Partial<LostWritesHead> = {}): LostWritesHead {
  const [first] = of;
  const last = of.at(-1);
  return {
    group: GROUP,
    epoch: 130,
    fromIndex: first?.index ?? 0,
    toIndex: last?.index ?? 0,
    lastEpoch: last?.term ?? 0,
    entries: of.length,
    writes: of.length,
    acknowledged: 0,
    commit: 4,
    certain: true,
    beforeLog: false,
    ...more,
  };
}

t.test('what is saved is listed and read back; entries and their order stay (ap.md §1.3.6)', async (t) => {
  for (const store of [
    new LostWritesFolder(nodeFileSystem, join(t.testdir(), 'lost-writes')),
    new LostWritesMemory(),
  ]) {
    t.same(store.list(GROUP), []);
    const some = entries(5, 3);
    const file = store.save(head(some), some);
    t.match(store.list(GROUP), [{ file, head: head(some), damage: null }]);
    t.same(store.list(OTHER), []);
    const read = store.read(GROUP, file, MIB);
    t.match(read, { head: head(some), damage: null });
    t.same(
      read?.entries.map(({ index, kind, payload }) => [index, kind, [...payload]]),
      [
        [5, 'noop', [0, 0, 0]],
        [6, 'commands', [1, 1, 1]],
        [7, 'commands', [2, 2, 2]],
      ],
    );
    t.equal(store.read(OTHER, file, MIB), null);
    t.equal(store.read(GROUP, 'epoch-1-1-1.log', MIB), null);
  }
});

t.test('names: told again after a crash it is the same file, another group or history has another one', async (t) => {
  const store = new LostWritesFolder(nodeFileSystem, join(t.testdir(), 'lost-writes'));
  const some = entries(5, 2);
  t.equal(store.save(head(some), some), 'epoch-130-5-6.log');
  t.equal(store.save(head(some, { commit: 3 }), some), 'epoch-130-5-6.log', 'its hard state was older');
  t.equal(store.save(head(some, { group: OTHER }), some), 'epoch-130-5-6-2.log');
  t.equal(store.save(head(some, { lastEpoch: 65 }), some), 'epoch-130-5-6-3.log');
  t.equal(store.save(head(some, { epoch: 200 }), some), 'epoch-200-5-6.log');
  const listed = store.list(GROUP).map((row) => row.file);
  t.same(listed, ['epoch-200-5-6.log', 'epoch-130-5-6-3.log', 'epoch-130-5-6.log'], 'the newest epochs first');
});

t.test('a damaged file is told, with what can be read of it; nothing throws', async (t) => {
  const dir = join(t.testdir(), 'lost-writes');
  const store = new LostWritesFolder(nodeFileSystem, dir);
  const some = entries(5, 3);
  const path = join(dir, store.save(head(some), some));
  const whole = readFileSync(path);
  truncateSync(path, whole.length - 1);
  const torn = store.read(GROUP, 'epoch-130-5-7.log', MIB);
  t.match(torn, { entries: { length: 2 }, damage: /damaged at byte/ });
  const flipped = Buffer.from(whole);
  flipped.writeUInt8(flipped.readUInt8(30) ^ 1, 30);
  writeFileSync(path, flipped);
  t.match(store.list(GROUP), [
    { head: { epoch: 130, fromIndex: 5, toIndex: 7, entries: 0 }, damage: /head is damaged/ },
  ]);
  t.match(store.read(GROUP, 'epoch-130-5-7.log', MIB), { entries: [], damage: /head is damaged/ });
  writeFileSync(path, '');
  t.match(store.list(GROUP), [{ damage: /no file of lost writes/ }]);
  appendFileSync(join(dir, 'notes.txt'), 'not ours');
  t.equal(store.list(GROUP).length, 1);
  t.equal(store.read(GROUP, 'notes.txt', MIB), null);
  t.equal(store.read(GROUP, '../epoch-1-1-1.log', MIB), null);
});

t.test('reading stops soon after what was asked for', async (t) => {
  const store = new LostWritesFolder(nodeFileSystem, join(t.testdir(), 'lost-writes'));
  const some = entries(1, 2000, 1024);
  const file = store.save(head(some), some);
  t.equal(store.read(GROUP, file, 10 * 1024)?.entries.length, 10);
  t.equal(store.read(GROUP, file, 10 * MIB)?.entries.length, 2000);
});

t.test('it survives the loss of power once it was told, and a disk that refuses is no secret', async (t) => {
  const fs = new SimulatedFileSystem();
  const some = entries(5, 3);
  const file = new LostWritesFolder(fs, '/data/n1/lost-writes').save(head(some), some);
  const after = fs.crash({ survives: () => false });
  t.match(new LostWritesFolder(after, '/data/n1/lost-writes').read(GROUP, file, MIB), { entries: { length: 3 } });
  const full = new SimulatedFileSystem({
    hooks: { fault: () => 'ENOSPC', later: () => undefined, onDurable: () => undefined },
  });
  t.throws(() => new LostWritesFolder(full, '/d').save(head(some), some), { code: 'storage_failed' });
});
