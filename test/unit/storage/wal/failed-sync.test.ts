import t from 'tap';
import { SimulatedFileSystem, type SimulatedDiskHooks } from '../../../../src/storage/memory/simulated-file-system.js';
import { append, entryRecord, indexes, openOn } from './fixture.js';

t.test('what only the page cache has after a failed fsync is written again at the start (fsyncgate)', async (t) => {
  let failing = false;
  const hooks: SimulatedDiskHooks = {
    fault: (operation) => (failing && operation === 'sync' ? 'EIO' : null),
    later: (complete) => queueMicrotask(() => complete()()),
    onDurable: () => undefined,
  };
  const fs = new SimulatedFileSystem({ hooks });
  let tell: () => void = () => undefined;
  const failed = new Promise<void>((resolve) => (tell = resolve));
  const first = openOn(fs, { onFailed: () => tell() });
  await append(first, [entryRecord(1)]);
  failing = true;
  void append(first, [entryRecord(2), entryRecord(3)]);
  await failed;
  failing = false;
  // The process ends, the machine does not: the pages are there, and nobody will ever write them by themselves.
  const after = fs.release();
  const log = openOn(after);
  t.same(indexes(log), [1, 2, 3], 'the next process reads them');
  await append(log, [entryRecord(4)]);
  const lost = openOn(after.crash({ survives: () => false }));
  t.same(indexes(lost), [1, 2, 3, 4], 'and they outlive the power');
});
