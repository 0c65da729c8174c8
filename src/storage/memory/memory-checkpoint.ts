import { CheckpointTree, type CheckpointKeeper } from './checkpoint-tree.js';

/** Far less than a millisecond of work. */
const SLICE_CHANGES = 256;

const KEEPER: CheckpointKeeper = {
  pieceBytesMax: Infinity,
  sliceChanges: SLICE_CHANGES,
  pause: () => new Promise((resolve) => setImmediate(resolve)),
  async keep({ pairs }, installed) {
    // A snapshot has not paused before, and nobody may see it at once.
    if (installed) await this.pause();
    let bytes = 0;
    for (const [key, value] of pairs()) bytes += key.length + value.length;
    return bytes;
  },
};

/** A checkpoint in memory, which is gone with its process. */
export class MemoryCheckpoint extends CheckpointTree {
  constructor() {
    super(KEEPER);
  }
}
