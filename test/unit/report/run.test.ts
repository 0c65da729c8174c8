import { existsSync } from 'node:fs';
import t from 'tap';
import { isInMemory } from '../../../src/report/run.js';

t.test('a folder in memory is known: what is measured there has no fsync', async (t) => {
  if (process.platform !== 'linux' || !existsSync('/dev/shm')) {
    t.pass('there is none here');
    return;
  }
  t.equal(isInMemory('/dev/shm'), true);
  t.equal(isInMemory('/proc'), false);
});
