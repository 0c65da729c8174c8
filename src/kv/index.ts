export { BatchBuilder } from './batch-builder.js';
export { countCommands, decodeBatch, validateBatch, type DecodedBatch } from './batch-reader.js';
export type { KvBase, KvChange } from './records.js';
export { KvStateMachine, type FrozenState } from './state-machine.js';
export type * from './types.js';
