import t from 'tap';
import type { SimulatedDiskHooks } from '../../../../src/storage/memory/simulated-file-system.js';
import { SimulatedFileSystem } from '../../../../src/storage/memory/simulated-file-system.js';
import { append, entryRecord, indexes, openOn } from './fixture.js';

t.test('what only the page cache has after a failed fsync is written again at the start (fsyncgate)', async (t) => {
  let failing = false;
  const hooks: SimulatedDiskHooks = {
    fault: (operation) => (failing && operation === 'sync' ? 'EIO' : null),
    later: (complete) => queueMicrotask(() => complete()()),
    onDurable: () => undefined,
  };
  const fs = new SimulatedFileSystem({ hooks });
  const failed = new Promise<void>((resolve) => {
    const log = openOn(fs, { onFailed: () => resolve() });
    void append(log, [entryRecord(1)]).then(() => {
      failing = true;
      void append(log, [entryRecord(2), entryRecord(3)]);
    });
  });
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
