import t from 'tap';
import { SimulatedFileSystem } from '../../src/storage/memory/simulated-file-system.js';
import { nodeFileSystem } from '../../src/storage/node-file-system.js';
import { fileSystemContract } from './file-system.js';

t.test('node', async (t) => fileSystemContract(t, (t) => ({ fs: nodeFileSystem, dir: t.testdir() })));
t.test('simulated', async (t) => fileSystemContract(t, () => ({ fs: new SimulatedFileSystem(), dir: '/dir' })));
