export { LEAF_BYTES, LEAVES } from './leaf-sums.js';
export { DottedKv } from './machine.js';
export { validateDottedBatch } from './validate.js';
export type * from './types.js';
